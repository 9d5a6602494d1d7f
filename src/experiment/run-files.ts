// The files that training runs leave: results and checkpoints, checked before they are believed.

import { z } from "zod";
import { FormatError, SpecError } from "../core/errors.ts";
import { readCheckpoint } from "../train/checkpoint.ts";
import type { JobRequest } from "./job.ts";
import type { FinishedJob } from "./results.ts";

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
  model: z.string(),
  seed: z.int(),
  parameters: z.int().min(0),
  bestEpoch: z.int().min(0),
  history: z.array(record),
  predicted: z.array(number),
  moved: z.array(number),
  diverged: z.string().optional(),
  seconds: number,
});

export const toBytes = (value: unknown): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(value));

function fromBytes(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** The result of a run from its file; undefined when the file is damaged or of another run. */
export function readResult(bytes: Uint8Array, request: JobRequest): FinishedJob | undefined {
  const parsed = finishedJob.safeParse(fromBytes(bytes));
  if (!parsed.success) return undefined;
  const job = parsed.data as FinishedJob;
  const { name, seed, test } = request;
  const expected = test?.size ?? 0;
  const fits = [job.predicted, job.moved].every(({ length }) => length === expected);
  return fits && job.model === name && job.seed === seed ? job : undefined;
}

/** Whether a run can go on from this checkpoint. */
export function isCheckpoint(bytes: Uint8Array): boolean {
  try {
    readCheckpoint(bytes);
    return true;
  } catch (error) {
    if (error instanceof FormatError || error instanceof SpecError) return false;
    throw error;
  }
}

/** Seconds a run has taken so far; 0 when its file is missing or damaged. */
export function readSeconds(bytes: Uint8Array | undefined): number {
  const value = bytes === undefined ? 0 : fromBytes(bytes);
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
