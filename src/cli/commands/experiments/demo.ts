// `weightspace demo`: the main job on embedded data. Trains a population of digit classifiers, then functionals that
// predict each network's accuracy from its weights, and shows both tables: as trained, and after neurons were reordered.

import { availableParallelism } from "node:os";
import { arithmetic, machine } from "../../app/build-info.ts";
import { join } from "node:path";
import { positiveNumber, seedNumber, wholeNumber } from "../../app/arguments.ts";
import { noSuchName } from "../../../core/nearest-name.ts";
import { maxNetworks } from "../../../zoo/limits.ts";
import type { Cli, RegisterCommand } from "../../app/context.ts";
import type { ExperimentOutcome } from "../../../experiment/run-experiment.ts";
import type { ExperimentResult } from "../../../report/experiment.ts";
import type { ExperimentSettings } from "../../../experiment/settings.ts";
import type { WeightDataset } from "../../../train/dataset.ts";
import { addOutputOption, forceResults, refuseExisting } from "../../app/output-option.ts";
import { backendOption } from "../../app/backend-option.ts";
import type { Backend } from "../../../kernels/backend.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";
import { counted, textTable } from "../../app/output.ts";
import type { ZooStore } from "../../../core/store.ts";
import { withStd } from "../../experiments/experiment-output.ts";
import { UsageError } from "../../app/usage-error.ts";

interface DemoFlags {
  readonly output: string;
  readonly networks: number;
  readonly seeds: number;
  readonly seed: number;
  readonly epochs: number;
  readonly rate: number;
  readonly models: string;
  readonly backend?: Backend;
  readonly workers: number;
  readonly results?: string;
  readonly force?: boolean;
}

const defaultModels = "unf,unf-hybrid,nfn-np,deep-sets,stat-nn,linear,flat-mlp";

export const demoCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("demo")
    .helpGroup("Start here:")
    .summary("the whole road on real data, in minutes")
    .description(
      "Trains a population of small digit classifiers, reads their weights, and trains functionals that predict each network's test accuracy. Interrupted, the same command goes on where it was.",
    );
  addOutputOption(command, "folder of the population, checkpoints, results and report", {
    value: "<folder>",
    fallback: "runs/demo",
  })
    .option("--networks <n>", "networks in the population", wholeNumber(20, maxNetworks), 1000)
    .option("--models <list>", "names of `train --help`, separated by commas", defaultModels)
    .option("--seeds <n>", "training runs per functional", wholeNumber(1), 3)
    .option("--epochs <n>", "passes over the training networks", wholeNumber(1), 20)
    .option("--rate <x>", "peak learning rate of every functional", positiveNumber, 3e-3)
    .option("--seed <n>", "fixes everything", seedNumber, 0)
    .addOption(backendOption())
    .option("--workers <n>", "threads", wholeNumber(1), availableParallelism())
    .option(
      "--results <file>",
      "also write the results without single predictions, as in docs/results",
    )
    .option("--force", forceResults)
    .action((flags: DemoFlags) => runDemo(flags, cli));
};

async function runDemo(flags: DemoFlags, cli: Cli): Promise<void> {
  const { folderStore } = await import("../../../node/folder-store.ts");
  const { runWithProgress } = await import("../../app/run-with-progress.ts");
  const { firstReports } = await import("../../experiments/first-reports.ts");
  const { networks, workers, epochs } = flags;
  const settings = await settingsOf(flags);
  if (flags.results !== undefined) await refuseExisting("demo", flags.results, flags);
  const store = folderStore(join(flags.output, "runs"));
  const dataset = await buildPopulation(flags, { settings, store }, cli);
  const report = join(flags.output, "report.html");
  const outcome = await runWithProgress(cli, {
    dataset,
    settings,
    networks,
    store,
    workers,
    units: { unit: "epochs", unitsPerRun: epochs },
    onResults: firstReports(report, cli, async (some) => resultOf(flags, dataset, some)),
  });
  if (outcome === undefined) return;
  await writeResult(flags, report, resultOf(flags, dataset, outcome), cli);
}

/** @throws {UsageError} naming a model that is not known, with the nearest name */
async function settingsOf(flags: DemoFlags): Promise<ExperimentSettings> {
  const { modelNames, withBackend } = await import("../../../models/registry.ts");
  const { seeds, seed, epochs, rate, backend } = flags;
  const names = namesOf(flags);
  const unknown = names.find((name) => !modelNames().includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`demo: ${noSuchName("model", unknown, modelNames())}`);
  }
  return {
    models: [...new Set(names)].map((name) => ({ name, options: withBackend(name, {}, backend) })),
    seeds,
    seed,
    split: [0.6, 0.15, 0.25],
    budget: { epochs, batchSize: 32, rate, clipNorm: 1 },
  };
}

const namesOf = ({ models }: DemoFlags): string[] => models.split(",").map((name) => name.trim());

/** Trains the networks that are missing, and reads all of them. The experiment is checked before the population grows. */
async function buildPopulation(
  { output, networks, seed, workers }: DemoFlags,
  experiment: { readonly settings: ExperimentSettings; readonly store: ZooStore },
  cli: Cli,
): Promise<WeightDataset> {
  const { digitsRecipe: recipe } = await import("../../../zoo/recipe.ts");
  const { openZoo } = await import("../../../zoo/open.ts");
  const { folderStore } = await import("../../../node/folder-store.ts");
  const { buildWithProgress } = await import("../../experiments/zoo-progress.ts");
  const { zooDataset } = await import("../../../zoo/zoo-dataset.ts");
  const { checkSettings } = await import("../../../experiment/settings.ts");
  await checkSettings(experiment.store, experiment.settings, { networks });
  const store = folderStore(join(output, "zoo"));
  await buildWithProgress(cli, { recipe, networks, seed, workers, store });
  return zooDataset(await openZoo(store));
}

/** The outcome with what it was made of and how to make it again. */
function resultOf(
  flags: DemoFlags,
  { size, targets }: WeightDataset,
  { rows, scatter, curves, sizes }: ExperimentOutcome,
): ExperimentResult {
  const { networks, seeds, epochs, rate, seed, backend } = flags;
  const chosen = backend === undefined ? "" : ` --backend ${backend}`;
  return {
    title: "Predicting accuracy from weights",
    command: `npx weightspace demo --networks ${networks} --models ${namesOf(flags).join(",")} --seeds ${seeds} --epochs ${epochs} --rate ${rate} --seed ${seed}${chosen}`,
    machine: machine(),
    arithmetic: arithmetic(),
    seed,
    population: {
      networks: size,
      accuracies: Array.from(targets),
      description: "64-32-10 ReLU networks on 8x8 digits",
      ...sizes,
    },
    rows,
    scatter,
    curves,
  };
}

/** Writes result and report, and prints the table. */
async function writeResult(
  { output, seeds, results }: DemoFlags,
  report: string,
  result: ExperimentResult,
  cli: Cli,
): Promise<void> {
  const { generalizationReport } = await import("../../../report/generalization-report.ts");
  const { codeVersion } = await import("../../app/build-info.ts");
  const { experimentDraft } = await import("../../../report/result-drafts.ts");
  const { resultText } = await import("../../../report/result-file.ts");
  const experiment = join(output, "experiment.json");
  const { rows, population } = result;
  if (results !== undefined) {
    const draft = experimentDraft({ ...result, commit: await codeVersion() }, undefined);
    await writeFileAtomic(results, resultText(draft, results));
  }
  await writeFileAtomic(experiment, JSON.stringify(result));
  await writeFileAtomic(report, generalizationReport(result));
  const { rows: _rows, scatter: _scatter, ...others } = result;
  cli.output.result({ rows, ...others, files: { experiment, report } }, () =>
    [
      `Kendall's tau between predicted and true test accuracy of ${population.test} held-out networks, mean ± std over ${counted(seeds, "seed")},`,
      `as trained and after a random reordering of every network's hidden neurons (the same functions):`,
      "",
      demoTable(rows),
      "",
      "agreement: tau between a functional's own predictions before and after the reordering",
      `report: ${report}`,
    ].join("\n"),
  );
}

const demoTable = (rows: ExperimentOutcome["rows"]): string =>
  textTable(
    [
      "functional",
      "parameters",
      "tau",
      "tau reordered",
      "agreement",
      "largest change",
      "R²",
      "seconds",
    ],
    rows.map((row) => [
      row.model,
      row.parameters,
      withStd(row.tauMean, row.tauStd),
      withStd(row.tauMovedMean, row.tauMovedStd),
      row.agreement.toFixed(4),
      row.maxPredictionChange.toExponential(1),
      row.r2Mean.toFixed(3),
      row.seconds.toFixed(1),
    ]),
  );
