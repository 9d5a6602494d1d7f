// Runs that are trained together, by whatever trains them.

import { randomStream } from "../../core/random.ts";
import type { Weights } from "../../core/tensors.ts";
import type { PopulationBackend } from "../../kernels/backend.ts";
import type { Task } from "../../tasks/task.ts";
import { type HyperParameters, networkSeed, type Recipe } from "../recipe.ts";
import type { TrainingData } from "./run-data.ts";

/** A run that is to be trained. */
export interface Member {
  /** Position of the run in the zoo. */
  readonly index: number;
  /** Position among the runs that were asked for. */
  readonly place: number;
  readonly hyper: HyperParameters;
  readonly trainingData: TrainingData;
}

export interface MembersOptions {
  readonly task: Task;
  /** What trains them. @default the kernel that their task has, the array engine where it has none */
  readonly backend?: PopulationBackend | undefined;
  readonly seed: number;
  /** Examples a step, the same for all members. */
  readonly batch: number;
  readonly members: readonly Member[];
  /** Weights to train on from, by position in the zoo. @default fresh ones */
  readonly start?: (index: number) => Weights;
  /** Fresh weights are those of the first run for all of them. @default false */
  readonly isShared?: boolean;
  /** How learning rates change over the steps. @default "constant" */
  readonly schedule?: Recipe["schedule"] | undefined;
  /** The steps after which a run's weights are kept, ascending; the last is its last step. */
  readonly checkpointSteps: (hyper: HyperParameters) => readonly number[];
  /** Takes one tensor of one checkpoint; the values are copied by whoever wants to hold them. */
  readonly keep: (place: number, checkpoint: number, name: string, values: Float32Array) => void;
  /** Told how many steps were taken since it was told last, those of all networks together. */
  readonly onStep: (steps: number) => void;
  readonly signal?: AbortSignal;
}

/** The weights of a member before its first step. */
export const initialWeights = (
  { task, seed, start, isShared = false }: MembersOptions,
  { index, hyper }: Member,
): Weights =>
  start?.(index) ??
  task.init(randomStream(networkSeed(seed, isShared ? 0 : index, "init")), hyper.initialScale);

/** How long other work of the thread (timers, messages, a page) may have to wait. */
const breathMilliseconds = 50;

/** A function to call between steps: now and then it lets other work of the thread go on. */
export function breathing(): () => Promise<void> {
  let breath = performance.now();
  return async () => {
    if (performance.now() - breath <= breathMilliseconds) return;
    await new Promise((resolve) => setTimeout(resolve));
    breath = performance.now();
  };
}
