// Parts: one small file for every finished run, without weights, that can be kept in a repository while a long experiment
// goes on, and from which the next call takes what is finished.

import {
  checkSettings,
  type ExperimentData,
  type ExperimentSettings,
  keepSettings,
} from "./settings.ts";
import type { ZooStore } from "../core/store.ts";
import type { FinishedJob, JobRequest } from "./job.ts";
import { maxPartBytes, sealedJson, tooLargePart } from "../work/unit-parts.ts";
import { readResult } from "./run-files.ts";

/** Predictions are 32-bit numbers: 9 digits say them exactly. */
const short = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(9)));
const exact = (values: readonly number[]) => values.map((value) => Math.fround(value));

/**
 * Keeps the result of a run as a part.
 * @returns why it is not kept, where it is too large
 */
export async function keepPart(
  store: ZooStore,
  key: string,
  finished: FinishedJob,
): Promise<string | undefined> {
  const { predicted, moved } = finished;
  const bytes = await sealedJson({ ...finished, predicted: short(predicted), moved: short(moved) });
  if (bytes.length > maxPartBytes)
    return tooLargePart(`${key}.json`, bytes.length, "it is kept beside the checkpoints alone");
  await store.write(`${key}.json`, bytes);
  return undefined;
}

/** The result of a run from its part: undefined without one, a sentence when it is damaged or of another run. */
export async function readPart(
  store: ZooStore,
  key: string,
  request: JobRequest,
): Promise<FinishedJob | string | undefined> {
  const bytes = await store.read(`${key}.json`);
  if (bytes === undefined) return undefined;
  const kept = await readResult(bytes, request);
  if (kept === undefined || !kept.checked)
    return `${key}.json in ${store.location} is damaged; its run is trained anew`;
  const { predicted, moved } = kept.value;
  return { ...kept.value, predicted: exact(predicted), moved: exact(moved) };
}

/** Checks that parts are of the same experiment, and keeps its settings beside them; gives warnings. @throws {OptionError} */
export async function openParts(
  store: ZooStore,
  settings: ExperimentSettings,
  data: ExperimentData,
  isShared: boolean,
): Promise<readonly string[]> {
  const warnings = await checkSettings(store, settings, data);
  await keepSettings(store, settings, data, isShared);
  return warnings;
}
