// The files that training runs leave: results and checkpoints, each with a checksum, checked before they are believed.

import { z } from "zod";
import { checksumHolds } from "../core/checksum.ts";
import { FormatError, SpecError } from "../core/errors.ts";
import { parseJson } from "../core/json-limits.ts";
import { readCheckpoint } from "../train/checkpoint.ts";
import type { JobRequest } from "./job.ts";
import type { FinishedJob } from "./job.ts";

/** JSON has no NaN; an undefined number is written as null. */
const number = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

const record = z.object({
  epoch: z.int().min(1),
  trainLoss: number,
  validLoss: number.optional(),
  validMetric: number.optional(),
});

const finishedJob = z.object({
  /** Absent from files that were written before there were checksums. */
  checksum: z.string().optional(),
  model: z.string(),
  seed: z.int(),
  parameters: z.int().min(0),
  bestEpoch: z.int().min(0),
  history: z.array(record),
  predicted: z.array(number),
  moved: z.array(number),
  moves: z.record(z.string(), z.array(number)).optional(),
  diverged: z.string().optional(),
  seconds: number,
});

/** More than any run's file holds. */
const maxBytes = 2 ** 28;

/** What a file of a run says, and whether a checksum vouches for it. */
export interface Kept<T> {
  readonly value: T;
  /** False for files that were written before there were checksums. */
  readonly checked: boolean;
}

function fromBytes(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, { bytes: maxBytes, fail: (problem) => new FormatError(problem) });
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Whether a file that carries a checksum is whole; false, too, for one that carries none. */
const isWhole = async (bytes: Uint8Array, checksum: string | undefined): Promise<boolean> =>
  checksum !== undefined && (await checksumHolds(bytes, checksum));

/** The result of a run from its file; undefined when the file is damaged or of another run. */
export async function readResult(
  bytes: Uint8Array,
  request: JobRequest,
): Promise<Kept<FinishedJob> | undefined> {
  const value = fromBytes(bytes);
  const parsed = finishedJob.safeParse(value);
  if (!parsed.success) return undefined;
  const { checksum, ...data } = parsed.data;
  const checked = await isWhole(bytes, checksum);
  // Without a checksum every name must be known: one that is not may be the checksum's own with a bit changed.
  const names = Object.keys(finishedJob.shape);
  const isOld =
    checksum === undefined && Object.keys(value as object).every((n) => names.includes(n));
  if (!checked && !isOld) return undefined;
  const job = data as FinishedJob;
  const { name, seed, test, target, moves = {} } = request;
  const isError = target.values !== undefined && target.keepsValues !== true;
  const expected = (isError ? test?.size : test?.targets.length) ?? 0;
  const moved = Object.keys(moves).map((move) => job.moves?.[move] ?? []);
  const fits = [job.predicted, job.moved, ...moved].every(({ length }) => length === expected);
  return fits && job.model === name && job.seed === seed ? { value: job, checked } : undefined;
}

/** Whether a run can go on from this checkpoint, and whether a checksum vouches for it; undefined when it cannot. */
export async function readableCheckpoint(
  bytes: Uint8Array,
): Promise<{ readonly checked: boolean } | undefined> {
  try {
    return await readCheckpoint(bytes);
  } catch (error) {
    if (error instanceof FormatError || error instanceof SpecError) return undefined;
    throw error;
  }
}

const keptSeconds = z.strictObject({ checksum: z.string(), seconds: z.number().nonnegative() });

/** Seconds a run has taken so far: 0 without a file, undefined when it is damaged. Older files hold the number alone. */
export async function readSeconds(bytes: Uint8Array | undefined): Promise<number | undefined> {
  if (bytes === undefined) return 0;
  const value = fromBytes(bytes);
  if (typeof value === "number") return value;
  const parsed = keptSeconds.safeParse(value);
  if (!parsed.success || !(await isWhole(bytes, parsed.data.checksum))) return undefined;
  return parsed.data.seconds;
}
