// The files that training runs leave: results and checkpoints, each with a checksum, checked before they are believed.

import { z } from "zod";
import { checksumHolds, sha256 } from "../core/checksum.ts";
import { equalBytes } from "../core/bytes.ts";
import { EnvironmentError, FormatError, SpecError } from "../core/errors.ts";
import { parseJson } from "../core/json-limits.ts";
import type { ZooStore } from "../core/store.ts";
import { readCheckpoint } from "../train/checkpoint.ts";
import { sealedJson } from "../work/unit-parts.ts";
import type { FinishedJob, JobRequest } from "./job.ts";

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
  unread: z.int().min(1).optional(),
  diverged: z.string().optional(),
  /** In parts, and in older results; else in a file beside the result, whose bytes must not depend on who made it. */
  seconds: number.optional(),
  /** In parts; else beside the seconds. */
  machine: z.string().optional(),
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
  const job = { ...data, seconds: data.seconds ?? Number.NaN } as FinishedJob;
  const { name, seed, test, target, moves = {} } = request;
  const isError = target.values !== undefined && target.keepsValues !== true;
  const judged = (isError ? test?.size : test?.targets.length) ?? 0;
  const expected = job.diverged === undefined ? judged : 0;
  const moved = Object.keys(moves).map((move) => job.moves?.[move] ?? []);
  const fits = [job.predicted, job.moved, ...moved].every(({ length }) => length === expected);
  return fits && job.model === name && job.seed === seed ? { value: job, checked } : undefined;
}

/** The names of the files of a run. */
export const runFiles = (key: string) => ({
  result: `${key}.json`,
  checkpoint: `${key}.safetensors`,
  seconds: `${key}.seconds.json`,
});

/** The bytes of a result: the same whoever made it, without the time that it took and where. */
const resultBytes = ({
  seconds: _seconds,
  machine: _machine,
  ...result
}: FinishedJob): Promise<Uint8Array> => sealedJson(result);

/** The checksum of a result, the same whoever made it. */
export const resultChecksum = async (finished: FinishedJob): Promise<string> =>
  sha256(new Uint8Array(await resultBytes(finished)));

/**
 * Creates the result of a run, the time it took beside it, or sees that the one that is there is the same; a damaged one is
 * replaced.
 * @throws {EnvironmentError} when another worker has come to another result from the same settings
 */
export async function keepResult(
  store: ZooStore,
  key: string,
  request: JobRequest,
  finished: FinishedJob,
): Promise<void> {
  const names = runFiles(key);
  const bytes = await resultBytes(finished);
  await store.write(names.seconds, await effortBytes(finished));
  if (await store.create(names.result, bytes)) return;
  const there = await store.read(names.result);
  const known = there === undefined ? undefined : await readResult(there, request);
  if (known === undefined) return store.write(names.result, bytes);
  if (equalBytes(await resultBytes(known.value), bytes)) return;
  throw new EnvironmentError(
    `${names.result} in ${store.location} is the result of another worker, which differs from the one here, from the same settings; workers must round alike: give all of them the same version of Node and the same kind of processor`,
  );
}

/** The finished run in a store: undefined without one, `damaged` when its file cannot be believed. */
export async function finishedIn(
  store: ZooStore,
  key: string,
  request: JobRequest,
): Promise<Kept<FinishedJob> | "damaged" | undefined> {
  const names = runFiles(key);
  const bytes = await store.read(names.result);
  if (bytes === undefined) return undefined;
  const kept = await readResult(bytes, request);
  if (kept === undefined) return "damaged";
  if (Number.isFinite(kept.value.seconds)) return kept;
  const beside = await store.read(names.seconds);
  const effort = beside === undefined ? undefined : await readEffort(beside);
  return { ...kept, value: { ...kept.value, ...(effort ?? { seconds: Number.NaN }) } };
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

/** Seconds that a run has taken, and the machine on which it was last. */
export type Effort = Pick<FinishedJob, "seconds" | "machine">;

const keptEffort = z.strictObject({
  checksum: z.string(),
  seconds: z.number().nonnegative(),
  machine: z.string().optional(),
});

/** The file of what a run has taken. */
export const effortBytes = ({ seconds, machine }: Effort): Promise<Uint8Array> =>
  sealedJson({ seconds, ...(machine !== undefined && { machine }) });

/** What a run has taken so far: no seconds without a file, undefined when it is damaged. Older files hold the number alone. */
export async function readEffort(bytes: Uint8Array | undefined): Promise<Effort | undefined> {
  if (bytes === undefined) return { seconds: 0 };
  const value = fromBytes(bytes);
  if (typeof value === "number") return { seconds: value };
  const parsed = keptEffort.safeParse(value);
  if (!parsed.success || !(await isWhole(bytes, parsed.data.checksum))) return undefined;
  const { checksum: _checksum, ...effort } = parsed.data;
  return effort as Effort;
}
