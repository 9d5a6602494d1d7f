// Runs by the names of their files, and their seeds.

import { deriveSeed } from "../core/random.ts";
import type { JobRequest } from "./job.ts";
import type { ExperimentRun } from "./train-runs.ts";

/** A run's name as files have it. */
export const fileName = (key: string): string => key.replaceAll(":", "--");

/** A run that is not begun. */
export const newRun = (key: string, request: JobRequest): ExperimentRun => ({
  key: fileName(key),
  request,
  share: 0,
});

/** The seed of a whole run by its number, from 0. */
export const runSeed = (seed: number, number: number): number => deriveSeed(seed, "run", number);
