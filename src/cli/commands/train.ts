// `weightspace train`: one functional on a population, with exact resume.

import { existsSync } from "node:fs";
import { OptionError } from "../../core/errors.ts";
import type { Command } from "commander";
import { positiveNumber, seedNumber, wholeNumber } from "../app/arguments.ts";
import { backendOption } from "../app/backend-option.ts";
import type { Backend } from "../../kernels/backend.ts";
import { listModels, measureSections } from "../functionals/model-help.ts";
import { noSuchName } from "../../core/nearest-name.ts";
import { addAlias, addOutputOption } from "../app/output-option.ts";
import type { Training, TrainingOutcome } from "../functionals/train-functional.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import { maxOptionBytes, readBytes, readJson } from "../../node/files.ts";
import {
  allowDamagedOption,
  type LeftOutCounts,
  type OpenedPopulation,
  targetOption,
  warnOfProblems,
} from "../experiments/open-population.ts";
import { loadedPlugins } from "../../core/plugins.ts";
import { lockOutput } from "../../node/output-lock.ts";
import { UsageError } from "../app/usage-error.ts";

interface TrainFlags {
  readonly zoo: string;
  readonly functional: string;
  readonly options?: string;
  readonly output: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly seed: number;
  readonly patience?: number;
  readonly resume?: boolean;
  readonly allowDamaged?: boolean;
  readonly backend?: Backend;
  readonly target?: string;
  readonly metric: string;
  readonly objective?: string;
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
      "\nExample:\n  weightspace train --zoo zoos/digits --functional unf -o unf.safetensors",
    );
  listModels(addOptions(command), cli, async () => ({}), measureSections).action(
    (flags: TrainFlags) => trainFunctional(flags, cli),
  );
};

function addOptions(command: Command): Command {
  addAlias(command, "--model <name>", "functional"); // the graph of a network in all other commands
  return addOutputOption(command, "checkpoint to write after every epoch", {
    fallback: "functional.safetensors",
  })
    .requiredOption("--zoo <folder>", "the population to learn from")
    .option("--functional <name>", "the functional, one of the models below", "unf")
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
    .addOption(backendOption())
    .option("--resume", "continue from the output file if it exists")
    .option(...allowDamagedOption)
    .option(...targetOption)
    .option(
      "--metric <name>",
      "of predictions; chooses the best epoch: one of the metrics below",
      "kendall-tau",
    )
    .option(
      "--objective <name>",
      "what is minimised: one of the objectives below; default: by the range of the target",
    )
    .addHelpText("after", "\nAn existing output is continued with --resume, and never replaced.");
}

/** @throws {UsageError} listing the names there are */
function needName(kind: string, name: string, known: readonly string[]): void {
  if (!known.includes(name)) throw new UsageError(`train: ${noSuchName(kind, name, known)}`);
}

function refuseExisting({ output, resume }: TrainFlags): void {
  if (!existsSync(output) || resume === true) return;
  throw new UsageError(`train: ${output} exists; add --resume to continue it or choose another -o`);
}

/** Model options from a JSON file. @throws {OptionError} {FormatError} {UsageError} when it holds no object */
async function readOptions(path: string | undefined): Promise<Record<string, unknown>> {
  const value = path === undefined ? {} : await readJson(path, { bytes: maxOptionBytes });
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new UsageError(
    `train: ${path} expected an object of options, as in {"channels": [1, 16, 16]}`,
  );
}

async function trainFunctional(flags: TrainFlags, cli: Cli): Promise<void> {
  const { modelNames } = await import("../../models/registry.ts");
  const { metricNames } = await import("../../train/measures/metric-registry.ts");
  const { objectiveNames } = await import("../../train/measures/objectives.ts");
  needName("metric", flags.metric, metricNames());
  if (flags.objective !== undefined) needName("objective", flags.objective, objectiveNames());
  needName("functional", flags.functional, modelNames());
  refuseExisting(flags);
  const { withBackend, withNetworks } = await import("../../models/registry.ts");
  const asked = withBackend(flags.functional, await readOptions(flags.options), flags.backend);
  const { openPopulation } = await import("../experiments/open-population.ts");
  const population = await openPopulation(flags.zoo, {
    allowDamaged: flags.allowDamaged,
    target: flags.target,
  });
  warnOfProblems(population, cli.output);
  const { networksIn } = await import("../experiments/task-networks.ts");
  const options = withNetworks(flags.functional, asked, networksIn(population));
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
  const { readCheckpointFile, uncheckedNote } = await import("../functionals/functional-file.ts");
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
  population: OpenedPopulation,
  cli: Cli,
): Promise<void> {
  const { runTraining } = await import("../functionals/train-functional.ts");
  const { training, about } = await prepareTraining(flags, options, population);
  const resume = await readResumed(flags.output, about, cli);
  cli.hintResume("run the same command with --resume to continue");
  const outcome = await runTraining(
    {
      ...training,
      options: { ...training.options, signal: cli.signal, ...(resume && { resume }) },
    },
    cli,
  );
  if (outcome === undefined) return;
  const { functional: model, seed } = flags;
  tellTrained(training, outcome, { model, seed, leftOut: population.counts }, cli);
}

/** The training that the flags ask for, and what a checkpoint must agree with to continue it. */
async function prepareTraining(
  flags: TrainFlags,
  options: Record<string, unknown>,
  { dataset }: OpenedPopulation,
): Promise<{ training: Training; about: Readonly<Record<string, unknown>> }> {
  const { splitDataset } = await import("../../train/dataset.ts");
  const { describeInputs, fitNormalization } = await import("../../train/normalization.ts");
  const { buildModel, inputsOf } = await import("../../models/registry.ts");
  const { budgetOptions } = await import("../../experiment/budget.ts");
  const { fingerprint } = await import("../experiments/dataset-digest.ts");
  const { fitTarget, objectiveOf } = await import("../../train/target.ts");
  const { metricNamed } = await import("../../train/measures/metric-registry.ts");
  const { functional: name, output, seed, patience } = flags;
  const [train, validation, test] = splitDataset(dataset, [0.7, 0.15, 0.15], seed);
  const normalization = fitNormalization(train);
  const target = fitTarget(train, flags.objective);
  if (target.classes !== undefined)
    throw new OptionError(
      `train: "${target.name}" is one of ${target.classes} classes, expected a number; \`experiment inr\` learns classes, or choose another --target`,
    );
  const metric = metricNamed(flags.metric);
  const inputs = inputsOf(name, options);
  const plugins = loadedPlugins();
  const about = {
    model: name,
    options,
    networks: dataset.size,
    inputs: describeInputs(inputs),
    "weights and targets": fingerprint(dataset),
    ...(plugins.length > 0 && { "plug-ins": plugins.map(({ digest }) => digest) }),
  };
  const fitOptions = {
    ...budgetOptions({ ...flags, clipNorm: 1 }, train.size, options),
    seed,
    objective: objectiveOf(target),
    metric: metric.evaluate,
    notes: { ...about, normalization, target, ...(plugins.length > 0 && { plugins }) },
    ...(patience !== undefined && { patience }),
  };
  const model = buildModel(name, dataset.spec, options);
  const parts = { train, validation, test };
  const learned = { parts, normalization, inputs, target, metric };
  return { training: { name, model, ...learned, output, options: fitOptions }, about };
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
    testTau: tau,
    ...(metric.name !== "kendall-tau" && { testScore: { [metric.name]: score } }),
    checkpoint: output,
    model: about.model,
    parameters: model.parameterCount,
    reason,
    bestEpoch,
    target: target.name,
    objective: target.loss,
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
