// The result of an experiment as files and as tables for terminals.

import type { ExperimentResult, OneNumberRow } from "../../report/experiment.ts";
import { chance, namedRow } from "../../report/table.ts";
import { textTable } from "../app/output.ts";

/** `0.7112 ± 0.0101`, without a standard deviation for a single run. */
export const withStd = (mean: number, std: number): string =>
  mean.toFixed(4) + (Number.isNaN(std) ? "" : ` ± ${std.toFixed(4)}`);

const interval = ([low, high]: readonly [number, number]) =>
  Number.isNaN(low) ? "–" : `[${low.toFixed(4)}, ${high.toFixed(4)}]`;

/** Only what differs from one experiment to the next and fits a repository: no predictions, one line a row. */
export function compactResult(
  result: ExperimentResult,
  settings: unknown,
): Record<string, unknown> {
  const { scatter: _scatter, curves: _curves, population, rows, ...rest } = result;
  const { accuracies: _accuracies, ...sizes } = population;
  const { name } = population;
  return {
    ...rest,
    population: sizes,
    settings,
    rows: rows.map((row) => ({ population: name, ...row })),
  };
}

const stageHead = "tau in a stage";

const orDash = (mean = Number.NaN, std = Number.NaN): string =>
  Number.isNaN(mean) ? "–" : withStd(mean, std);

/** Baselines of one number a network. */
function oneNumberTable(rows: readonly OneNumberRow[]): string {
  const isStaged = rows.some(({ stageTau }) => stageTau !== undefined);
  return textTable(
    ["one number alone", "better is", "tau", "95 %", ...(isStaged ? [stageHead] : [])],
    rows.map((row) => [
      row.number,
      row.direction,
      orDash(row.tau),
      interval(row.tauInterval),
      ...(isStaged ? [orDash(row.stageTau)] : []),
    ]),
  );
}

/** Tau by what acted on the test networks. */
function movesTable(rows: ExperimentResult["rows"]): string[] {
  const moved = rows.filter(({ moves = [] }) => moves.length > 0);
  if (moved.length === 0) return [];
  const names = moved[0].moves?.map(({ move }) => move) ?? [];
  const lines = moved.map(({ model, moves = [] }) => [
    model,
    ...moves.map(({ tauMean, tauStd }) => orDash(tauMean, tauStd)),
  ]);
  return [textTable(["tau when moved by", ...names], lines)];
}

/** The tables of an experiment: results, one-number baselines, pairs of models, configurations tried. */
export function experimentTables(result: ExperimentResult): string {
  const { rows, oneNumber = [], comparisons = [], tuning = [] } = result;
  const isStaged = rows.some(({ stageTauMean }) => stageTauMean !== undefined);
  const results = textTable(
    [
      "functional",
      "parameters",
      "tau",
      "95 %",
      ...(isStaged ? [stageHead] : []),
      "tau reordered",
      "agreement",
      "R²",
      "seconds",
    ],
    rows.map((row) => [
      namedRow(row),
      row.parameters,
      orDash(row.tauMean, row.tauStd),
      interval(row.tauInterval ?? [Number.NaN, Number.NaN]),
      ...(isStaged ? [orDash(row.stageTauMean, row.stageTauStd)] : []),
      orDash(row.tauMovedMean, row.tauMovedStd),
      orDash(row.agreement),
      Number.isNaN(row.r2Mean) ? "–" : row.r2Mean.toFixed(3),
      row.seconds.toFixed(1),
    ]),
  );
  const pairs = textTable(
    ["pair", "difference in tau", "95 %", "p (Holm)", "wins"],
    comparisons.map((pair) => [
      `${pair.model} − ${pair.other}`,
      withStd(pair.difference, pair.std),
      interval(pair.interval),
      chance(pair.adjustedP),
      `${pair.wins}/${pair.seeds}`,
    ]),
  );
  const tried = textTable(
    ["tried", "rate", "options", "passes", "validation tau", "validation loss", ""],
    tuning.map((row) => [
      row.model,
      row.rate,
      JSON.stringify({
        ...row.options,
        ...(row.weightDecay !== undefined && { weightDecay: row.weightDecay }),
      }),
      row.passes ?? "",
      row.validTau.toFixed(4),
      row.validLoss.toFixed(4),
      row.chosen ? "chosen" : "",
    ]),
  );
  return [
    results,
    ...movesTable(rows),
    ...(oneNumber.length > 0 ? [oneNumberTable(oneNumber)] : []),
    ...(comparisons.length > 0 ? [pairs] : []),
    ...(tuning.length > 0 ? [tried] : []),
  ].join("\n\n");
}
