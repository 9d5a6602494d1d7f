// Options that the experiments on generalisation share, and the settings they stand for.

import { availableParallelism } from "node:os";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { ExperimentEntry, ExperimentSettings } from "../../experiment/settings.ts";
import {
  condition,
  partsOption,
  positiveNumber,
  seedNumber,
  wholeNumber,
} from "../app/arguments.ts";
import type { Cli } from "../app/context.ts";
import {
  addMachineOptions,
  joinRuns,
  type MachineFlags,
  storeOption,
} from "../machines/options.ts";
import { maxOptionBytes, readJson } from "../../node/files.ts";
import { repeatedArithmetic } from "../app/arithmetic.ts";
import { forceResults } from "../app/output-option.ts";
import { backendOption } from "../app/backend-option.ts";
import { repeatedPlugins } from "../app/plugins.ts";
import type { Backend } from "../../kernels/backend.ts";
import { listModels } from "../functionals/model-help.ts";
import { allowDamagedOption, targetOption } from "./open-population.ts";
import { UsageError } from "../app/usage-error.ts";
import { noSuchName } from "../../core/nearest-name.ts";

/** How functionals are trained: what every experiment is told. */
export interface TrainingFlags extends MachineFlags {
  readonly backend?: Backend;
  readonly models: string;
  readonly options?: string;
  readonly seeds: number;
  readonly seed: number;
  readonly split: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly schedule: "cosine" | "constant";
  readonly patience?: number;
  readonly publishedTraining?: boolean;
  readonly output?: string;
  readonly results?: string;
  readonly force?: boolean;
  readonly parts?: string;
  readonly store?: string;
  readonly workers: number;
}

/** What both experiments on generalisation are told. */
export interface GeneralizationFlags extends TrainingFlags {
  readonly zoo: string;
  readonly checkpoints: "last" | "all";
  readonly where?: Readonly<Record<string, string>>;
  readonly spec?: string;
  readonly allowDamaged?: boolean;
  readonly target?: string;
  readonly name?: string;
}

const defaultModels = "unf,nfn,deep-sets,stat-nn,linear,mlp";

/** Three fractions from `0.7,0.1,0.2`. */
export function parseSplit(text: string): [number, number, number] {
  const parts = text.split(",").map(Number);
  const total = parts.reduce((sum, part) => sum + part, 0);
  if (parts.length !== 3 || !parts.every((part) => part > 0) || total > 1 + 1e-9) {
    throw new UsageError(
      `experiment: --split expected three fractions for training, validation and test that add to at most 1, got "${text}"`,
    );
  }
  return parts as [number, number, number];
}

async function modelOptions(
  path: string | undefined,
): Promise<Record<string, Record<string, unknown>>> {
  const value = path === undefined ? {} : await readJson(path, { bytes: maxOptionBytes });
  const isRecord = (each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each);
  if (!isRecord(value) || !Object.values(value as object).every(isRecord)) {
    throw new UsageError(
      `experiment: ${path} expected options by model, as in {"unf": {"channels": [1, 16, 16]}}`,
    );
  }
  return value as Record<string, Record<string, unknown>>;
}

/** Shares in (0, 1] from `0.125,0.5,1`, ascending, each once. */
export function parseShares(text: string): number[] {
  const parts = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (!parts.every((part) => part > 0 && part <= 1)) {
    throw new UsageError(
      `experiment: --shares expected numbers above 0, at most 1, separated by commas, got "${text}"`,
    );
  }
  return [...new Set(parts)].sort((a, b) => a - b);
}

/** A parser of one share in (0, 1]. */
export function shareNumber(text: string): number {
  const value = positiveNumber(text);
  if (value > 1) throw new InvalidArgumentError("Expected a share above 0, at most 1.");
  return value;
}

export const quoted = (text: string) => (/^[\w./,-]+$/.test(text) ? text : `'${text}'`);

/** The options, with their values, that have a say in the numbers of both experiments. */
export function repeatedOptions(flags: GeneralizationFlags): string {
  const { zoo, checkpoints, where = {}, spec, allowDamaged, target } = flags;
  return [
    `--zoo ${quoted(zoo)} --checkpoints ${checkpoints}`,
    ...Object.entries(where).map(([column, value]) => `--where ${quoted(`${column}=${value}`)}`),
    spec === undefined ? "" : `--spec ${quoted(spec)}`,
    allowDamaged === true ? "--allow-damaged" : "",
    target === undefined ? "" : `--target ${target}`,
    repeatedTraining(flags),
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** The options, with their values, that have a say in how functionals are trained. */
export function repeatedTraining(flags: TrainingFlags): string {
  const { models, options, seeds, seed, split, epochs, batchSize, rate } = flags;
  const { schedule, patience, publishedTraining, backend } = flags;
  return [
    repeatedPlugins(),
    `--models ${quoted(models)}`,
    options === undefined ? "" : `--options ${quoted(options)}`,
    `--seeds ${seeds} --seed ${seed} --split ${split}`,
    `--epochs ${epochs} --batch-size ${batchSize} --rate ${rate} --schedule ${schedule}`,
    patience === undefined ? "" : `--patience ${patience}`,
    publishedTraining === true ? "--published-training" : "",
    backend === undefined ? "" : `--backend ${backend}`,
    repeatedArithmetic(),
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** Adds the options that both experiments have. */
export function addGeneralizationOptions(command: Command, cli: Cli): Command {
  const population = command
    .requiredOption("--zoo <folder>", "the population to learn from")
    .addOption(
      new Option("--checkpoints <which>", "of every run of the population")
        .choices(["last", "all"])
        .default("last"),
    )
    .option(
      "--where <column=value>",
      "only such networks of a published population, may repeat",
      condition,
    )
    .option(...allowDamagedOption)
    .option(...targetOption)
    .option("--spec <file>", "symmetries of a published population's networks as JSON")
    .option("--name <text>", "of the population; default the folder's name");
  return addTrainingOptions(population, cli, defaultModels);
}

/** Adds the options of how functionals are trained. */
export function addTrainingOptions(command: Command, cli: Cli, usualModels: string): Command {
  const further = async () => (await import("../../experiment/choose-models.ts")).modelAliases;
  const options = listModels(command, cli, further)
    .option(
      "--models <list>",
      "names of the models below, separated by commas; canonical:unf reads networks in canonical form",
      usualModels,
    )
    .option(
      "--options <file>",
      'options by model as JSON: {"unf": {"channels": [1, 16, 16]}}; {"wide": {"model": "unf", ...}} makes a variant for --models wide',
    )
    .option("--seeds <n>", "training runs per model", wholeNumber(1), 5)
    .option("--seed <n>", "fixes split, group elements and every run", seedNumber, 0)
    .option("--split <a,b,c>", "shares of the runs for training, validation, test", "0.7,0.1,0.2")
    .option("--epochs <n>", "passes over the training networks", wholeNumber(1), 30)
    .option("--batch-size <n>", "networks per step", wholeNumber(1), 16)
    .option("--rate <x>", "peak learning rate", positiveNumber, 3e-3)
    .addOption(
      new Option("--schedule <name>", "of the learning rate")
        .choices(["cosine", "constant"])
        .default("cosine"),
    )
    .option("--patience <n>", "epochs without better validation", wholeNumber(1))
    .option(
      "--published-training",
      "train unf-published and stat-nn-published as published: batch 10, rate 1e-3, up to 100 passes",
    )
    .addOption(backendOption())
    .option(...partsOption("finished run there, and skip what is finished there"))
    .option(
      "--results <file>",
      "also write the tables alone, as committed to docs/results, and beside them the split and all predictions (-predictions.json.gz)",
    )
    .option("--force", forceResults)
    .option("--workers <n>", "threads", wholeNumber(1), availableParallelism())
    .option(...storeOption);
  return addMachineOptions(options, "runs", joinRuns);
}

/** The functionals that take part. @throws {UsageError} {OptionError} for names and options that are not known. */
async function chooseEntries(flags: TrainingFlags): Promise<ExperimentEntry[]> {
  const { chooseModels, entryNames, isEntryName, trainAsPublished } =
    await import("../../experiment/choose-models.ts");
  const names = flags.models.split(",").map((each) => each.trim());
  const options = await modelOptions(flags.options);
  const unknown = names.find(
    (each) => !isEntryName(each) && !Object.hasOwn(options, each.replace("canonical:", "")),
  );
  if (unknown !== undefined) {
    throw new UsageError(`experiment: ${noSuchName("model", unknown, entryNames())}`);
  }
  const models = chooseModels(names, options, flags.backend);
  if (flags.publishedTraining !== true) return models;
  const trained = trainAsPublished(models);
  if (trained.every(({ training }) => training === undefined)) {
    throw new UsageError(
      "experiment: --published-training needs a model with a published training, unf-published or stat-nn-published",
    );
  }
  return trained;
}

/** What the flags ask for. @throws {UsageError} {OptionError} */
export async function readSettings(flags: TrainingFlags): Promise<ExperimentSettings> {
  const models = await chooseEntries(flags);
  const { epochs, batchSize, rate, schedule, patience, seeds, seed } = flags;
  const split = parseSplit(flags.split);
  return {
    models,
    seeds,
    seed,
    split,
    budget: { epochs, batchSize, rate, clipNorm: 1, schedule, patience },
  };
}
