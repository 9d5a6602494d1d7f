// What an experiment compares, under which budget; kept beside its results so that a resumed run is the same one.

import { pluginDigests } from "../core/plugins.ts";
import { inputsOf, modelEntry, type ModelOptions } from "../models/registry.ts";
import { inputKind } from "../train/normalization.ts";
import type { ZooStore } from "../core/store.ts";
import {
  type Arithmetic,
  hostArithmetic,
  otherArithmetic,
} from "../kernels/wasm/fused-multiply-add.ts";
import { checkKeptSettings, keepSettings as keepAs } from "../work/kept-settings.ts";
import type { Budget } from "./budget.ts";

/** A functional that takes part: its name in tables, and what it is in the registry. */
export interface ExperimentEntry {
  /** Unique in an experiment; also the registry's name where `model` is absent. */
  readonly name: string;
  /** Name in the registry. @default name */
  readonly model?: string;
  readonly options: ModelOptions;
  /** Every network is brought to its canonical form before the functional reads it. @default false */
  readonly canonical?: boolean;
  /** Its own training, where a publication fixes it. @default the experiment's budget */
  readonly training?: Budget;
}

/** A search through a fixed list of learning rates and widths, the same for every functional. */
export interface FixedSearch {
  /** Configurations tried for each functional. */
  readonly configurations: number;
  /** Passes over the training networks of each trial. */
  readonly epochs: number;
}

/** Successive halving over rate, width, dropout and decay, for every functional as long. */
export interface Halving {
  /** Seconds of trials for each functional, by what its first trial takes; rates beside the best one come on top. */
  readonly seconds: number;
  /** Passes over the training networks of the longest trials; the first have a ninth of that. */
  readonly epochs: number;
}

/** The search for a configuration of every functional. */
export type Tuning = FixedSearch | Halving;

/** What an experiment compares, and under which budget. */
export interface ExperimentSettings {
  readonly models: readonly ExperimentEntry[];
  /** Number of training runs per model. */
  readonly seeds: number;
  /** Fixes the split, the group elements and, with the run's number, every training run. */
  readonly seed: number;
  /** Fractions of the networks for training, validation and test. */
  readonly split: readonly [number, number, number];
  /** Share of the training runs that are used, in (0, 1]; validation and test networks stay the same. @default 1 */
  readonly trainShare?: number | undefined;
  /**
   * Whether every training draws its own training and validation networks; test networks, and what a search learns from, stay the same.
   * @default false
   */
  readonly resplit?: boolean | undefined;
  readonly budget: Budget;
  /** @default no search: every functional trains with the budget's rate and its own options */
  readonly tuning?: Tuning | undefined;
  /** Further versions of the test networks, moved by scales, signs, phases or bases (`parseMove`). @default none */
  readonly moves?: readonly string[] | undefined;
  /** What moves every network of training and validation once, before anything is learnt. @default nothing */
  readonly moveTraining?: string | undefined;
}

/** What the runs in a store were trained on. */
export interface ExperimentData {
  /** Networks the population was asked to have. */
  readonly networks: number;
  /** A digest of weights and targets, where one was made. */
  readonly fingerprint?: string | undefined;
}

export const settingsName = "experiment-settings.json";

/** What workers elsewhere make the list of runs from: settings, and the networks that functionals read. */
export const workNames = Object.freeze({
  about: "experiment-work.json",
  data: "experiment-data.safetensors",
});
const ofWork: readonly string[] = Object.values(workNames);

/** Settings bind only what has been trained: results and checkpoints of runs. */
const settingsFile = {
  caller: "experiment",
  name: settingsName,
  holds: "runs",
  binds: (name: string) => !ofWork.includes(name) && /\.(json|safetensors)$/.test(name),
  later: {
    arithmetic: (kept: unknown, here: unknown) =>
      `whose training ${otherArithmetic(kept as Arithmetic, here as Arithmetic)}, or choose another folder`,
    solved: () => "whose linear models were trained in another way; choose another folder",
  },
};

/** Models whose parameters are solved for. */
const solvedModels = ({ models }: ExperimentSettings): string[] =>
  models.flatMap(({ name, model = name }) => (modelEntry(model).solved === true ? [name] : []));

/** What is said of runs that do not say how they were trained, by what they do not say. */
const silences: Readonly<
  Record<string, (place: string, settings: ExperimentSettings) => string | undefined>
> = {
  arithmetic: (place) =>
    `the runs in ${place} were begun by a version that did not record how they round: their last digits may differ from those of runs that are trained now, with "${hostArithmetic()}"`,
  solved: (place, settings) => {
    const names = solvedModels(settings);
    return names.length === 0
      ? undefined
      : `the runs in ${place} were begun by a version that trained ${names.join(", ")} by steps: its runs that are finished stay, others are solved for; choose another folder to have all alike`;
  },
};

function withData(settings: ExperimentSettings, data: ExperimentData): Record<string, unknown> {
  const linear = settings.models.filter(
    ({ name, model = name, options }) => inputsOf(model, options) === "linear",
  );
  const solved = solvedModels(settings);
  return {
    ...settings,
    ...data,
    ...(solved.length > 0 && { solved }),
    inputs: inputKind,
    arithmetic: hostArithmetic(),
    ...(linear.length > 0 && { linearInputs: linear.map(({ name }) => name) }),
    ...(pluginDigests().length > 0 && { plugins: pluginDigests() }),
  };
}

/**
 * Checks, without changing anything, that the settings are those of the runs already in the store.
 * @returns warnings
 * @throws {OptionError} naming the first difference; {FormatError} when the file of settings is damaged
 */
export async function checkSettings(
  store: ZooStore,
  settings: ExperimentSettings,
  data: ExperimentData,
): Promise<readonly string[]> {
  const silent = await checkKeptSettings(store, settingsFile, withData(settings, data));
  return silent.flatMap((name) => silences[name]?.(store.location, settings) ?? []);
}

/**
 * Keeps the settings beside the runs that are about to be trained with them.
 * @param isShared whether others may begin at the same time, without a lock
 * @throws {OptionError} when they are shared, and another has begun with others
 */
export async function keepSettings(
  store: ZooStore,
  settings: ExperimentSettings,
  data: ExperimentData,
  isShared = false,
): Promise<void> {
  await keepAs(store, settingsFile, withData(settings, data), isShared);
}
