// `weightspace experiment generalization`: functionals that predict accuracy from weights, compared on a population.

import { basename, join, resolve } from "node:path";
import type { Command } from "commander";
import type { ExperimentOutcome } from "../../../experiment/run-experiment.ts";
import type { Tuning } from "../../../experiment/settings.ts";
import type { ExperimentResult } from "../../../report/experiment.ts";
import { wholeNumber } from "../../app/arguments.ts";
import { addOutputOption, refuseExisting } from "../../app/output-option.ts";
import type { Cli, RegisterCommand } from "../../app/context.ts";
import {
  addGeneralizationOptions,
  type GeneralizationFlags,
  quoted,
  readSettings,
  repeatedOptions,
  shareNumber,
} from "../../experiments/generalization-flags.ts";
import { phasedDataset, phasesOption, phasesText } from "../../experiments/phases-option.ts";
import { aboveThreshold, thresholdOption } from "../../experiments/threshold-option.ts";
import { counted } from "../../app/output.ts";
import { namedTarget, type OpenedPopulation } from "../../experiments/open-population.ts";
import { UsageError } from "../../app/usage-error.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";

interface ExperimentFlags extends GeneralizationFlags {
  readonly trainShare?: number;
  readonly resplit?: boolean;
  readonly tune?: number;
  readonly tuneSeconds?: number;
  readonly tuneEpochs?: number;
  readonly move?: readonly string[];
  readonly moveTraining?: string;
  readonly moveResults?: string;
  readonly phases?: number;
  readonly threshold?: number;
  readonly statistics?: string;
  readonly also?: readonly string[];
  readonly together?: readonly (readonly string[])[];
}

/** The command that repeats an experiment, with every option that has a say in the numbers. */
function commandOf(flags: ExperimentFlags): string {
  const { epochs, trainShare, resplit, tune, tuneSeconds, tuneEpochs = epochs } = flags;
  const { move = [], moveTraining, phases, threshold, also = [], together = [] } = flags;
  return [
    `npx weightspace experiment generalization ${repeatedOptions(flags)}`,
    ...(trainShare === undefined ? [] : [`--train-share ${trainShare}`]),
    ...(resplit === true ? ["--resplit"] : []),
    ...(tune === undefined ? [] : [`--tune ${tune} --tune-epochs ${tuneEpochs}`]),
    ...(tuneSeconds === undefined
      ? []
      : [`--tune-seconds ${tuneSeconds} --tune-epochs ${tuneEpochs}`]),
    ...(phases === undefined ? [] : [`--phases ${phases}`]),
    ...(threshold === undefined ? [] : [`--threshold ${threshold}`]),
    ...move.map((each) => `--move ${each}`),
    ...(moveTraining === undefined ? [] : [`--move-training ${moveTraining}`]),
    ...also.map((path) => `--also ${quoted(path)}`),
    ...together.map((names) => `--together ${names.join("+")}`),
  ].join(" ");
}

/** The search that the flags ask for. @throws {UsageError} */
function tuningOf({
  epochs,
  tune,
  tuneSeconds,
  tuneEpochs,
  publishedTraining,
}: ExperimentFlags): Tuning | undefined {
  if (tune !== undefined && tuneSeconds !== undefined)
    throw new UsageError(
      "experiment: --tune tries a fixed list, --tune-seconds halves as many configurations as time allows; leave one out",
    );
  if (tune === undefined && tuneSeconds === undefined) {
    if (tuneEpochs !== undefined)
      throw new UsageError("experiment: --tune-epochs needs --tune or --tune-seconds");
    return undefined;
  }
  if (publishedTraining === true)
    throw new UsageError(
      `experiment: --published-training fixes rate and length, ${tune === undefined ? "--tune-seconds" : "--tune"} searches them; leave one out`,
    );
  const passes = { epochs: tuneEpochs ?? epochs };
  if (tune !== undefined) return { configurations: tune, ...passes };
  return tuneSeconds === undefined ? undefined : { seconds: tuneSeconds, ...passes };
}

/** What the flags ask for. @throws {UsageError} {OptionError} */
async function settingsOf(flags: ExperimentFlags) {
  const { trainShare, resplit } = flags;
  const tuning = tuningOf(flags);
  return {
    ...(await readSettings(flags)),
    ...(trainShare !== undefined && { trainShare }),
    ...(resplit === true && { resplit }),
    tuning,
    moves: flags.move,
    moveTraining: flags.moveTraining,
  };
}

/** `generalization-cnn-predictions.json.gz` beside `generalization-cnn.json`. */
const predictionsPath = (results: string): string =>
  `${results.replace(/\.json$/, "")}-predictions.json.gz`;

/** The outcome with what it was made of and how to make it again. */
async function resultOf(
  flags: ExperimentFlags,
  name: string,
  { dataset, description, counts }: OpenedPopulation,
  { sizes, predictions: _predictions, ...results }: ExperimentOutcome,
): Promise<ExperimentResult> {
  const { arithmetic, codeVersion, machine } = await import("../../app/build-info.ts");
  const { togetherName } = await import("../../../experiment/judging/together.ts");
  const { loadedPlugins } = await import("../../../core/plugins.ts");
  const plugins = loadedPlugins();
  const target = namedTarget(dataset);
  return {
    title: `Predicting ${target?.summary ?? "accuracy"} from weights: ${name}`,
    command: commandOf(flags),
    commit: await codeVersion(),
    machine: machine(),
    arithmetic: arithmetic(),
    seed: flags.seed,
    ...(flags.together && { together: flags.together.map(togetherName) }),
    ...(plugins.length > 0 && { plugins }),
    population: {
      name,
      networks: dataset.size,
      runs: dataset.groups === undefined ? dataset.size : new Set(dataset.groups).size,
      accuracies: Array.from(dataset.targets),
      description,
      ...(target && { target }),
      ...(Object.values(counts).some((count) => count > 0) && { leftOut: counts }),
      ...sizes,
    },
    ...results,
  };
}

async function run(flags: ExperimentFlags, cli: Cli): Promise<void> {
  const asked = await settingsOf(flags);
  const { results } = flags;
  const predicted = results === undefined ? undefined : predictionsPath(results);
  for (const path of [results, predicted, flags.moveResults])
    if (path !== undefined) await refuseExisting("experiment", path, flags);
  const { openPopulation, warnOfProblems } = await import("../../experiments/open-population.ts");
  const { runStores } = await import("../../machines/run-store.ts");
  const { fingerprint } = await import("../../experiments/dataset-digest.ts");
  const { runWithProgress } = await import("../../app/run-with-progress.ts");
  const { firstReports } = await import("../../experiments/first-reports.ts");

  const opened = await openPopulation(flags.zoo, flags);
  warnOfProblems(opened, cli.output);
  const { phases, threshold } = flags;
  const reached = await aboveThreshold(opened, threshold, cli.output);
  const population = { ...reached, dataset: await phasedDataset(reached.dataset, phases) };
  const { dataset } = population;
  const { entriesFor } = await import("../../experiments/task-networks.ts");
  const settings = { ...asked, models: entriesFor(asked.models, opened) };
  const name = flags.name ?? basename(resolve(flags.zoo));
  const out = flags.output ?? join("runs", `generalization-${name}`);
  const report = join(out, "report.html");
  const { readOutside } = await import("../../experiments/outside-predictions.ts");
  const outside = await readOutside(flags.also ?? []);
  if (flags.statistics !== undefined) {
    const { openStore } = await import("../../../node/open-store.ts");
    const { writeStatistics } = await import("../../../experiment/outside.ts");
    await writeStatistics(dataset, settings, await openStore(flags.statistics));
  }
  const outcome = await runWithProgress(cli, {
    dataset,
    settings,
    fingerprint: fingerprint(dataset) + phasesText(phases),
    ...(await runStores(flags, join(out, "runs"))),
    outside,
    together: flags.together ?? [],
    onResults: firstReports(report, cli, (some) => resultOf(flags, name, population, some)),
  });
  if (outcome === undefined) return;
  const result = await resultOf(flags, name, population, outcome);
  if (flags.results !== undefined) await writePredictions(flags.results, result, outcome);
  await writeResult(flags, { out, report }, result, settings, cli);
}

/** What the table is computed from, gzipped beside it. */
async function writePredictions(
  results: string,
  { command, commit, machine, seed }: ExperimentResult,
  { predictions }: ExperimentOutcome,
): Promise<void> {
  const { gzipSync } = await import("node:zlib");
  const text = JSON.stringify({ command, commit: commit ?? null, machine, seed, ...predictions });
  await writeFileAtomic(predictionsPath(results), gzipSync(text, { level: 9 }));
}

/** Writes result and report, and prints the tables. */
async function writeResult(
  flags: ExperimentFlags,
  { out, report }: { readonly out: string; readonly report: string },
  result: ExperimentResult,
  settings: unknown,
  cli: Cli,
): Promise<void> {
  const { compactResult, experimentTables } =
    await import("../../experiments/experiment-output.ts");
  const { experimentDraft, movedDraft } = await import("../../../report/result-drafts.ts");
  const { resultText } = await import("../../../report/result-file.ts");
  const { generalizationReport } = await import("../../../report/generalization-report.ts");
  const { results, moveResults, seeds } = flags;
  const files = {
    experiment: join(out, "experiment.json"),
    report,
    ...(results !== undefined && { results }),
  };
  const compact = compactResult(result, settings);
  await writeFileAtomic(files.experiment, JSON.stringify(result));
  await writeFileAtomic(report, generalizationReport(result));
  if (results !== undefined)
    await writeFileAtomic(results, resultText(experimentDraft(result, settings), results));
  if (moveResults !== undefined)
    await writeFileAtomic(moveResults, resultText(movedDraft(result), moveResults));
  const { population } = result;
  cli.output.result({ rows: compact["rows"], ...compact, files }, () =>
    [
      `Kendall's tau between predicted and true ${population.target?.summary ?? "accuracy"} of ${counted(population.test ?? 0, "held-out network")}, mean ± std over ${counted(seeds, "seed")},`,
      "with the 95 % interval over test networks; reordered: after a random group element acted on each of them.",
      "",
      experimentTables(result),
      "",
      `report: ${report}`,
    ].join("\n"),
  );
}

/** Options for rows of what this experiment does not train. */
const addFurtherRows = (command: Command): Command =>
  command
    .option(
      "--statistics <folder>",
      "also write statistics and targets of the networks as CSV, for predictors elsewhere",
    )
    .option(
      "--also <file>",
      "predictions of the test networks that were made elsewhere, as JSON, in the same tables; may repeat",
      (path: string, before: readonly string[] | undefined) => [...(before ?? []), path],
    )
    .option(
      "--together <a+b>",
      "also the mean of what these models predict, as a row of its own; may repeat",
      (names: string, before: readonly (readonly string[])[] | undefined) => [
        ...(before ?? []),
        names.split("+").map((each) => each.trim()),
      ],
    );

export const generalizationCommand: RegisterCommand = (experiment, cli) => {
  const command = experiment
    .command("generalization")
    .summary("predict accuracy from weights, model against model")
    .description(
      "Trains functionals that predict each network's test accuracy from its weights alone, and compares them on held-out networks, as they are and after a random group element acted on each. Interrupted or killed, the same command goes on where it was.",
    );
  const training = addOutputOption(
    addGeneralizationOptions(command, cli),
    "of runs, results and report; default runs/generalization-<name>",
    { value: "<folder>" },
  )
    .option(
      "--train-share <x>",
      "share of the training runs to use; validation and test networks stay the same",
      shareNumber,
    )
    .option(
      "--resplit",
      "every training draws its own training and validation networks; test networks stay the same",
    )
    .option("--tune <k>", "configurations to try for every model", wholeNumber(1, 9))
    .option(
      "--tune-seconds <s>",
      "search rate, width, dropout and decay of every model for about so long, by successive halving",
      wholeNumber(1),
    )
    .option(
      "--tune-epochs <n>",
      "passes of each of them, of the last ones of --tune-seconds; default as --epochs",
      wholeNumber(1),
    )
    .option(
      "--move <what>",
      "also test on networks moved by scales:K (positive factors from 1 to 10^K), signs, phases:K (up to K windings) or bases, may repeat",
      (what: string, before: readonly string[] | undefined) => [...(before ?? []), what],
    )
    .addOption(phasesOption())
    .addOption(thresholdOption())
    .option("--move-training <what>", "move every network of training and validation once")
    .option("--move-results <file>", "write tau by move alone, as committed to docs/results");
  addFurtherRows(training)
    .addHelpText(
      "after",
      "\nExample:\n  weightspace experiment generalization --zoo zoos/gru --models unf,stat-nn --seeds 5",
    )
    .action((flags: ExperimentFlags) => run(flags, cli));
};
