// `weightspace train`: one functional on a population, with exact resume.

import { existsSync } from "node:fs";
import type { Command } from "commander";
import { positiveNumber, seedNumber, wholeNumber } from "../app/arguments.ts";
import type { SplitParts, Training, TrainingOutcome } from "../experiments/train-functional.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import { mostOptionBytes, readBytes, readJson } from "../../node/files.ts";
import {
  allowDamagedOption,
  type LeftOutCounts,
  type Population,
  targetOption,
  warnOfProblems,
} from "../experiments/open-population.ts";
import { lockOutput } from "../../node/output-lock.ts";
import { UsageError } from "../app/usage-error.ts";

interface TrainFlags {
  readonly zoo: string;
  readonly model: string;
  readonly options?: string;
  readonly output: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly seed: number;
  readonly patience?: number;
  readonly resume?: boolean;
  readonly allowDamaged?: boolean;
  readonly target?: string;
  readonly metric: string;
}

export const trainCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("train")
    .helpGroup("Functionals:")
    .summary("train a functional to predict accuracy from weights")
    .description(
      "Trains a functional that predicts each network's test accuracy, or another target of the population, from its weights alone.",
    )
    .addHelpText(
      "after",
      "\nExample:\n  weightspace train --zoo zoos/digits --model unf -o unf.safetensors",
    );
  addOptions(command).action((flags: TrainFlags) => trainFunctional(flags, cli));
};

function addOptions(command: Command): Command {
  return command
    .requiredOption("--zoo <folder>", "the population to learn from")
    .option(
      "--model <name>",
      "unf, unf-hybrid, nfn-np, nfn-hnp, deep-sets, stat-nn, linear or flat-mlp",
      "unf",
    )
    .option("--options <file>", 'model options as JSON, for example {"channels": [1, 16, 16]}')
    .option("--epochs <n>", "passes over the training networks", wholeNumber(1), 40)
    .option("--batch-size <n>", "networks per step", wholeNumber(1), 32)
    .option("--rate <x>", "peak learning rate", positiveNumber, 3e-3)
    .option(
      "--patience <n>",
      "epochs without a better validation tau before stopping",
      wholeNumber(1),
    )
    .option("--seed <n>", "fixes split, initial parameters and batches", seedNumber, 0)
    .option("--resume", "continue from the output file if it exists")
    .option(...allowDamagedOption)
    .option(...targetOption)
    .option(
      "--metric <name>",
      "of predictions; chooses the best epoch: kendall-tau, r-squared, or a plug-in's",
      "kendall-tau",
    )
    .option(
      "-o, --output <file>",
      "checkpoint to write after every epoch",
      "functional.safetensors",
    );
}

function refuseExisting({ output, resume }: TrainFlags): void {
  if (!existsSync(output) || resume === true) return;
  throw new UsageError(`train: ${output} exists; add --resume to continue it or choose another -o`);
}

/** Model options from a JSON file. @throws {OptionError} {FormatError} {UsageError} when it holds no object */
async function readOptions(path: string | undefined): Promise<Record<string, unknown>> {
  const value = path === undefined ? {} : await readJson(path, { bytes: mostOptionBytes });
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new UsageError(
    `train: ${path} expected an object of options, as in {"channels": [1, 16, 16]}`,
  );
}

async function trainFunctional(flags: TrainFlags, cli: Cli): Promise<void> {
  const { modelNames } = await import("../../models/registry.ts");
  const { metricNamed } = await import("../../train/metric-registry.ts");
  metricNamed(flags.metric);
  if (!modelNames().includes(flags.model)) {
    throw new UsageError(
      `train: unknown model "${flags.model}"; choose one of ${modelNames().join(", ")}`,
    );
  }
  refuseExisting(flags);
  const options = await readOptions(flags.options);
  const { openPopulation } = await import("../experiments/open-population.ts");
  const population = await openPopulation(flags.zoo, {
    allowDamaged: flags.allowDamaged,
    target: flags.target,
  });
  warnOfProblems(population, cli.output);
  const unlock = await lockOutput(flags.output);
  try {
    refuseExisting(flags); // another training may have written it since
    await trainLocked(flags, options, population, cli);
  } finally {
    await unlock();
  }
}

/** The checkpoint to go on from, checked to be of the same training; undefined without one. */
async function readResumed(
  output: string,
  about: Readonly<Record<string, unknown>>,
  cli: Cli,
): Promise<Uint8Array | undefined> {
  if (!existsSync(output)) return undefined;
  const { readCheckpointFile, uncheckedNote } = await import("../experiments/functional-file.ts");
  const { checkSameTraining } = await import("../experiments/dataset-digest.ts");
  const resume = await readBytes(output);
  const { notes, checked } = await readCheckpointFile(resume, output);
  if (!checked) cli.output.note(uncheckedNote(output));
  checkSameTraining(output, notes, about);
  return resume;
}

/** Trains; the output is ours alone. */
async function trainLocked(
  flags: TrainFlags,
  options: Record<string, unknown>,
  population: Population,
  cli: Cli,
): Promise<void> {
  const { splitDataset } = await import("../../train/dataset.ts");
  const { fitNormalization, inputKind } = await import("../../train/normalization.ts");
  const { buildModel } = await import("../../models/registry.ts");
  const { budgetOptions } = await import("../../experiment/budget.ts");
  const { fingerprint } = await import("../experiments/dataset-digest.ts");
  const { fitTarget, lossOf } = await import("../../train/target.ts");
  const { metricNamed } = await import("../../train/metric-registry.ts");
  const { loadedPlugins } = await import("../../core/plugins.ts");
  const { runTraining } = await import("../experiments/train-functional.ts");
  const { dataset, counts } = population;
  const [train, validation, test] = splitDataset(dataset, [0.7, 0.15, 0.15], flags.seed);
  const parts: SplitParts = { train, validation, test };
  const normalization = fitNormalization(train);
  const target = fitTarget(train);
  const metric = metricNamed(flags.metric);
  const plugins = loadedPlugins();
  const model = buildModel(flags.model, dataset.spec, options);
  const { output, seed, patience } = flags;
  const about = {
    model: flags.model,
    options,
    networks: dataset.size,
    inputs: inputKind,
    "weights and targets": fingerprint(dataset),
    ...(plugins.length > 0 && { "plug-ins": plugins.map(({ digest }) => digest) }),
  };
  const resume = await readResumed(output, about, cli);
  cli.hintResume("run the same command with --resume to continue");
  const training: Training = {
    name: flags.model,
    model,
    parts,
    normalization,
    target,
    metric,
    output,
    options: {
      ...budgetOptions({ ...flags, clipNorm: 1 }, train.size, options),
      seed,
      signal: cli.signal,
      loss: lossOf(target),
      metric: metric.evaluate,
      notes: { ...about, normalization, target, ...(plugins.length > 0 && { plugins }) },
      ...(patience !== undefined && { patience }),
      ...(resume && { resume }),
    },
  };
  const outcome = await runTraining(training, cli);
  if (outcome === undefined) return;
  tellTrained(training, outcome, { model: flags.model, seed, leftOut: counts }, cli);
}

/** Prints what a training came to. */
function tellTrained(
  { model, parts, target, metric, output }: Training,
  { tau, score, bestEpoch, reason }: TrainingOutcome,
  about: { readonly model: string; readonly seed: number; readonly leftOut: LeftOutCounts },
  cli: Cli,
): void {
  const { train, validation, test } = parts;
  const { seed, leftOut } = about;
  const value = {
    checkpoint: output,
    model: about.model,
    parameters: model.parameterCount,
    reason,
    bestEpoch,
    target: target.name,
    testTau: tau,
    ...(metric.name !== "kendall-tau" && { testScore: { [metric.name]: score } }),
    networks: { train: train.size, validation: validation.size, test: test.size },
    leftOut,
    seed,
  };
  cli.output.result(
    value,
    () =>
      `${output}: ${about.model}, ${model.parameterCount} parameters, ${metric.summary} ${score.toFixed(4)} on ${test.size} held-out networks (best epoch ${bestEpoch})`,
  );
}
