// Runs an experiment in Node: worker threads train its functionals.

import {
  type ExperimentEvent,
  type ExperimentOptions,
  runExperiment as run,
} from "../experiment/run-experiment.ts";
import { jobThreadPool } from "./threads/job-thread-pool.ts";

export type { ExperimentEvent, ExperimentOutcome } from "../experiment/run-experiment.ts";

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
export const runExperiment = ({
  workers,
  workerEntry,
  ...options
}: NodeExperimentOptions): AsyncGenerator<ExperimentEvent, void, undefined> =>
  run({
    ...options,
    pool: (runs) => jobThreadPool(Math.max(1, Math.min(workers, runs)), workerEntry),
  });
