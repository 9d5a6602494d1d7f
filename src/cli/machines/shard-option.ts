// `--shard`: which part of a list of work a job of an array does, as told, or as its scheduler says.

import type { ListPart } from "../../work/work-list.ts";
import { UsageError } from "../app/usage-error.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;

/** Where this job stands in its array, from 1, and how many there are where the scheduler says so. */
function placeInArray(
  environment: Environment,
): { at: number; of: number | undefined } | undefined {
  const completion = wholeNumber(environment["JOB_COMPLETION_INDEX"]);
  if (completion !== undefined) return { at: completion + 1, of: undefined };
  const task = wholeNumber(environment["SLURM_ARRAY_TASK_ID"]);
  if (task === undefined) return undefined;
  const first = wholeNumber(environment["SLURM_ARRAY_TASK_MIN"]) ?? 1;
  const last = wholeNumber(environment["SLURM_ARRAY_TASK_MAX"]);
  const of = wholeNumber(environment["SLURM_ARRAY_TASK_COUNT"]);
  const gaps = last !== undefined && of !== undefined && of > 1 ? (last - first) / (of - 1) : 1;
  const at = (task - first) / gaps + 1;
  if (!Number.isSafeInteger(at))
    throw new UsageError(
      `--shard: the tasks of this array (SLURM_ARRAY_TASK_ID ${task}, from ${first} to ${last}) are no even steps; give the part as i/n.`,
    );
  return { at, of };
}

/**
 * The part that a text names: `2/3`; `/3`, the part of this job of an array; or nothing (true), this job and the size of its array.
 * @throws {UsageError} for other texts, and where the scheduler does not say what is left out
 */
export function parsePart(text: string | true, environment: Environment): ListPart {
  const [, given, count] = (text === true ? [] : /^(\d+)?\/(\d+)$/.exec(text)) ?? [];
  if (text !== true && count === undefined)
    throw new UsageError(
      "--shard expected a part such as 2/3, from 1/3 to 3/3, or /3 in a job array",
    );
  const place = given === undefined ? placeInArray(environment) : undefined;
  const part = given === undefined ? place?.at : Number(given);
  const of = count === undefined ? place?.of : Number(count);
  if (part === undefined)
    throw new UsageError(
      "--shard: there is no JOB_COMPLETION_INDEX (Kubernetes) and no SLURM_ARRAY_TASK_ID here; give the part as i/n.",
    );
  if (of === undefined)
    throw new UsageError(
      `--shard: this is job ${part} of its array, whose size the scheduler does not say; give it, as in --shard /8.`,
    );
  if (part < 1 || part > of)
    throw new UsageError(`--shard expected a part such as 2/3, from 1/3 to 3/3, got ${part}/${of}`);
  return { part, of };
}
