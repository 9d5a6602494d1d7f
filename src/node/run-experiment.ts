// Runs an experiment in Node: worker threads train its functionals.

import {
  type ExperimentEvent,
  type ExperimentOptions,
  runExperiment as run,
} from "../experiment/run-experiment.ts";
import { type ClassOutcome, runClassification as classify } from "../experiment/classify.ts";
import { type EditData, type EditOutcome, runEditing as edit } from "../experiment/editing.ts";
import { type RetrievalOutcome, runRetrieval as retrieve } from "../experiment/retrieval.ts";
import { jobThreadPool } from "./threads/job-thread-pool.ts";

export type { ExperimentEvent, ExperimentOutcome } from "../experiment/run-experiment.ts";

/** What {@link runExperiment} compares, and on how many threads. */
export interface NodeExperimentOptions extends Omit<ExperimentOptions, "pool"> {
  /** Worker threads, from 1. */
  readonly workers: number;
  /** The compiled worker, where a bundler has moved it. */
  readonly workerEntry?: URL;
}

/**
 * Trains what is missing and ends with the results; ends without them when the signal aborts.
 * @throws {OptionError} when a functional cannot read the networks, or the store holds runs of other settings;
 * {EnvironmentError} when a worker dies, the store fails, or another experiment is running there.
 */
export const runExperiment = (
  options: NodeExperimentOptions,
): AsyncGenerator<ExperimentEvent, void, undefined> => run(inThreads(options));

/** The same for targets that are classes. @throws {OptionError} {EnvironmentError} as {@link runExperiment} */
export const runClassification = (
  options: NodeExperimentOptions,
): AsyncGenerator<ExperimentEvent<ClassOutcome>, void, undefined> => classify(inThreads(options));

/** The same for editors of networks that are images. @throws {OptionError} {EnvironmentError} as {@link runExperiment} */
export const runEditing = ({
  unedited,
  ...options
}: NodeExperimentOptions & Pick<EditData, "unedited">): AsyncGenerator<
  ExperimentEvent<EditOutcome>,
  void,
  undefined
> => edit({ ...inThreads(options), unedited });

/** The same for functionals that learn without labels. @throws {OptionError} {EnvironmentError} as {@link runExperiment} */
export const runRetrieval = ({
  labels,
  ...options
}: NodeExperimentOptions & { readonly labels: readonly number[] }): AsyncGenerator<
  ExperimentEvent<RetrievalOutcome>,
  void,
  undefined
> => retrieve({ ...inThreads(options), labels });

const inThreads = ({
  workers,
  workerEntry,
  ...options
}: NodeExperimentOptions): ExperimentOptions => ({
  ...options,
  pool: (runs) => jobThreadPool(Math.max(1, Math.min(workers, runs)), workerEntry),
});
