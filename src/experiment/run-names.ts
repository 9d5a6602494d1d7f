// Runs by the names of their files.

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
