// Results of experiments as files of results: flat rows, further tables beside them, what they are about.

import type { OptimizerResult } from "../optimizers/evaluate/rows.ts";
import type { ExperimentResult, ExperimentRow, PairedComparison } from "./experiment.ts";
import type { MergeResult } from "./merge-report.ts";
import type { Measured, PathPair } from "./measured-path.ts";
import type { ResultDraft } from "./result-file.ts";
import type { TrainingSizeResult } from "./training-size.ts";

/** The ends of an interval as two columns: `tauLow` and `tauHigh`. */
const ends = (name: string, interval: readonly [number, number] | undefined) =>
  interval === undefined ? {} : { [`${name}Low`]: interval[0], [`${name}High`]: interval[1] };

/** What settings say of models. */
interface NamedModels {
  readonly models?: readonly { readonly name: string }[];
}

/** Names of predictors that the settings do not train: their predictions came from elsewhere. */
function namesFromElsewhere(
  { rows, together = [] }: ExperimentResult,
  settings: unknown,
): string[] {
  const trained = (settings as NamedModels | undefined)?.models?.map(({ name }) => name);
  return trained === undefined
    ? []
    : rows.map(({ model }) => model).filter((model) => ![...trained, ...together].includes(model));
}

/** Everything of an experiment but single predictions and curves. */
export function experimentDraft(result: ExperimentResult, settings: unknown): ResultDraft {
  const { title, command, commit = null, machine, arithmetic, seed, plugins, together } = result;
  const { accuracies: _accuracies, ...population } = result.population;
  const { name } = population;
  const { oneNumber = [], comparisons = [], tuning = [] } = result;
  const tables = {
    runs: result.rows.flatMap(({ model, taus = [] }) =>
      taus.map((tau, run) => ({ population: name, model, run, tau })),
    ),
    moves: movedRows(result),
    oneNumber: oneNumber.map(({ tauInterval, ...row }) => ({
      ...row,
      ...ends("tau", tauInterval),
    })),
    comparisons: comparisons.map(({ difference, std, interval, ...row }) => ({
      ...row,
      differenceMean: difference,
      differenceStd: std,
      ...ends("difference", interval),
    })),
    tuning: tuning.map((row) => ({ ...row })),
  };
  const fromElsewhere = namesFromElsewhere(result, settings);
  return {
    title,
    command,
    commit,
    machine,
    ...(arithmetic && { arithmetic }),
    seed,
    about: {
      population,
      ...(settings !== undefined && { settings }),
      ...(fromElsewhere.length > 0 && { fromElsewhere }),
      ...(together && { together }),
      ...(plugins && { plugins }),
    },
    rows: result.rows.map((row) => ({
      population: name,
      ...flatRow(row, machine),
      ...besideReference(row, comparisons),
    })),
    tables: Object.fromEntries(Object.entries(tables).filter(([, rows]) => rows.length > 0)),
  };
}

/** A model's row without its lists, which have tables of their own, and without a machine that is that of the whole result. */
function flatRow(experimentRow: ExperimentRow, machineOfAll: string) {
  const { taus: _taus, moves: _moves, tauInterval, machine, ...row } = experimentRow;
  return {
    ...row,
    ...(machine !== undefined && machine !== machineOfAll && { machine }),
    ...(tauInterval && { intervalLow: tauInterval[0], intervalHigh: tauInterval[1] }),
  };
}

/** The model that others are held against. */
const reference = "stat-nn";

/** The corrected p of no difference to StatNN, where it takes part. */
function besideReference({ model }: ExperimentRow, comparisons: readonly PairedComparison[]) {
  const pair = comparisons.find(
    (each) =>
      [each.model, each.other].includes(reference) && [each.model, each.other].includes(model),
  );
  return pair?.adjustedP === undefined || model === reference ? {} : { adjustedP: pair.adjustedP };
}

/** Tau by what acted on the test networks; `scaling` is "0" to "8", "signs" or "bases". */
function movedRows({ population, rows }: ExperimentResult) {
  return rows.flatMap(({ model, seeds, moves = [] }) =>
    moves.map(({ move, tauMean, tauStd }) => {
      const scaling = move.replace("scales:", "");
      return { population: population.name, model, scaling, seeds, tauMean, tauStd };
    }),
  );
}

/** Tau by what acted on the test networks alone. */
export function movedDraft(result: ExperimentResult): ResultDraft {
  const { title, command, commit = null, machine, seed } = result;
  return { title, command, commit, machine, seed, rows: movedRows(result) };
}

/** A learning curve over training sizes. */
export function trainingSizeDraft(result: TrainingSizeResult): ResultDraft {
  const { title, command, commit = null, machine, arithmetic, seed } = result;
  const { splits, seeds, population } = result;
  return {
    title,
    command,
    commit,
    machine,
    ...(arithmetic && { arithmetic }),
    seed,
    about: { population, splits, seedsOfSplit: seeds },
    rows: result.rows.map(({ taus, stageTauMean, ...row }) => ({
      ...row,
      ...(stageTauMean !== undefined && { stageTau: stageTauMean }),
      seeds: taus.flat().length,
    })),
    tables: {
      runs: result.rows.flatMap(({ model, share, taus }) =>
        taus.flatMap((list, split) => list.map((tau, run) => ({ model, share, split, run, tau }))),
      ),
    },
  };
}

/** An evaluation of optimizers: a row for every optimizer, a table of the points of its curves, and one of the rates that were tried. */
export function optimizerDraft(result: OptimizerResult): ResultDraft {
  const { title, command, commit, machine, seed, rows, curves, tried, ...about } = result;
  return {
    title,
    command,
    commit,
    machine,
    seed,
    about,
    rows: rows.map((row) => ({ ...row })),
    tables: {
      curves: curves.flatMap(({ optimizer, steps, ...curve }) =>
        steps.map((step, at) => ({
          optimizer,
          step,
          testLossMean: curve.testMean[at],
          testLossStd: curve.testStd[at],
          trainLossMean: curve.trainMean[at],
          trainLossStd: curve.trainStd[at],
          seeds: result.seeds,
        })),
      ),
      tried: Object.entries(tried).flatMap(([optimizer, list]) =>
        list.map(({ rate, loss }) => ({ optimizer, rate, loss })),
      ),
    },
  };
}

const columns = (name: string, { mean, std }: Measured) => ({
  [`${name}Mean`]: mean,
  [`${name}Std`]: std,
});

/** Losses on paths between networks: a row for every barrier, and a table of the points; `seeds` counts pairs of networks. */
export function pathsDraft(
  { title, summary, command, machine, pairs: seeds, paths }: MergeResult,
  { commit, seed }: { readonly commit: string | null; readonly seed: number },
): ResultDraft {
  const each = <T>(take: (about: object, path: PathPair["plain"]) => readonly T[]): T[] =>
    paths.flatMap(({ network, examples, plain, aligned }) => [
      ...take({ network, examples, path: "plain" }, plain),
      ...take({ network, examples, path: "aligned" }, aligned),
    ]);
  return {
    title,
    command,
    commit,
    machine,
    seed,
    about: { summary },
    rows: each((about, { barrier }) => [{ ...about, ...columns("barrier", barrier), seeds }]),
    tables: {
      points: each((about, { points }) =>
        points.map(({ t, loss, accuracy }) => ({
          ...about,
          t,
          ...columns("loss", loss),
          ...columns("accuracy", accuracy),
          seeds,
        })),
      ),
    },
  };
}
