// Checkpoints of meta-training: theta, the outer optimizer and the episodes under way in one small file, which is enough to go on; the
// networks of the unrolls in another, with which a run goes on to the same numbers.

import * as z from "zod/mini";
import { FormatError } from "../../core/errors.ts";
import { parseJson, schemaProblem } from "../../core/json-limits.ts";
import type { HostRecord } from "../../engine/arrays.ts";
import { type SafeTensor, toFloat32 } from "../../formats/safetensors/safetensors-dtypes.ts";
import { sealHolds, writeSealed } from "../../formats/safetensors/sealed.ts";
import { readSafetensors } from "../../formats/safetensors/safetensors.ts";
import type { Episode } from "./episodes.ts";
import type { MetaSettings } from "./settings.ts";

/** The small file of a run's folder. */
export const metaFile = "meta.safetensors";

export const metaFormat = "weightspace/meta-training@1";

/** One point of the history: means over the outer steps since the point before. */
export interface MetaRecord {
  /** Outer steps done. */
  readonly step: number;
  /** Mean inner loss, in the task's units. */
  readonly loss: number;
  /** Mean length of the gradient before it was clipped. */
  readonly gradient: number;
  /** Pairs that were reset because a loss was NaN or infinite. */
  readonly diverged: number;
}

/** What was measured in one outer step: with settings and seed, all that theta, episodes and networks depend on. */
export interface OuterStepLog {
  /** Of the objective between twins, by pair. */
  readonly differences: readonly number[];
  /** Pairs whose losses were NaN or infinite. */
  readonly diverged: readonly number[];
  /** Mean inner loss. */
  readonly loss: number;
  /** Seconds of work. */
  readonly seconds: number;
}

/** A run after an outer step, without its networks. */
export interface MetaCheckpoint {
  readonly settings: MetaSettings;
  /** Outer steps done. */
  readonly step: number;
  /** Seconds of work so far, in all sessions. */
  readonly seconds: number;
  readonly episodes: readonly Episode[];
  readonly history: readonly MetaRecord[];
  /** Single steps since the last point of the history. */
  readonly recent: readonly MetaRecord[];
  /** What was measured in every outer step; absent from files of versions without parts. */
  readonly log?: readonly OuterStepLog[] | undefined;
  readonly theta: Float32Array;
  /** Of the outer AdamW. */
  readonly optimizer: HostRecord;
}

const tensorOf = (shape: readonly number[], data: ArrayLike<number>): SafeTensor => ({
  dtype: "F32",
  shape: [...shape],
  data: new Uint8Array(Float32Array.from(data).buffer),
});

/** More JSON than any run writes: some hundred bytes for every outer step. */
const maxMetadataBytes = 2 ** 28;

async function opened(where: string, format: string, bytes: Uint8Array) {
  const { tensors, metadata } = readSafetensors(bytes);
  if (metadata["format"] !== format)
    throw new FormatError(
      `${where}: metadata "format" expected "${format}", got ${JSON.stringify(metadata["format"]) ?? "nothing"}; give a file written by meta-training`,
    );
  if (!(await sealHolds(bytes, metadata)))
    throw new FormatError(
      `${where}: its checksum does not fit, so bytes of it have changed since it was written; the file is damaged, take another copy of it`,
    );
  const record: HostRecord = Object.fromEntries(
    [...tensors].map(([name, tensor]) => [
      name,
      { shape: [...tensor.shape], data: toFloat32(tensor) },
    ]),
  );
  return { record, metadata };
}

/** The small file. */
export function writeMetaCheckpoint(checkpoint: MetaCheckpoint): Promise<Uint8Array> {
  const { theta, optimizer, ...run } = checkpoint;
  const tensors = Object.fromEntries([
    ["theta", tensorOf([theta.length], theta)],
    ...Object.entries(optimizer).map(([name, { shape, data }]) => [
      `optimizer/${name}`,
      tensorOf(shape, data),
    ]),
  ]);
  return writeSealed(tensors, { format: metaFormat, run: JSON.stringify(run) });
}

const count = z.int().check(z.minimum(0));
/** JSON has no NaN. */
const measured = z.nullable(z.number());
const point = z.object({ step: count, loss: measured, gradient: measured, diverged: measured });

/** Settings are compared one by one with those of the call. */
const runSchema = z.object({
  settings: z.record(z.string(), z.unknown()),
  step: count,
  seconds: z.number().check(z.minimum(0)),
  episodes: z.array(z.object({ pair: count, episode: count, began: count, truncations: count })),
  history: z.array(point),
  recent: z.array(point),
  log: z.optional(
    z.array(
      z.object({
        differences: z.array(measured),
        diverged: z.array(count),
        loss: measured,
        seconds: z.number(),
      }),
    ),
  ),
});

/**
 * A checkpoint from the bytes of its file.
 * @throws {FormatError} when the bytes are no such file, or have changed since they were written
 */
export async function readMetaCheckpoint(bytes: Uint8Array): Promise<MetaCheckpoint> {
  const { record, metadata } = await opened("readMetaCheckpoint", metaFormat, bytes);
  const fail = (problem: string) =>
    new FormatError(`readMetaCheckpoint: ${problem}; the file is damaged`);
  const text = metadata["run"] ?? "";
  const damaged = (problem: string) => fail(`metadata "run" ${problem}`);
  const parsed = runSchema.safeParse(parseJson(text, { bytes: maxMetadataBytes, fail: damaged }), {
    error: schemaProblem,
  });
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw fail(`metadata "${["run", ...path].map(String).join(".")}": ${message}`);
  }
  const run = parsed.data as unknown as Omit<MetaCheckpoint, "theta" | "optimizer">;
  const { theta, ...rest } = record;
  if (theta === undefined) throw fail("expected an array theta");
  const optimizer = Object.entries(rest).map(([name, tensor]) => [
    name.slice("optimizer/".length),
    tensor,
  ]);
  return {
    ...run,
    theta: Float32Array.from(theta.data),
    optimizer: Object.fromEntries(optimizer) as HostRecord,
  };
}

const unrollsFormat = "weightspace/unrolls@1";

/** The networks of all unrolls after an outer step, [P, 2, ...] in the order of the pairs. */
export const writeUnrolls = (step: number, unrolls: HostRecord): Promise<Uint8Array> =>
  writeSealed(
    Object.fromEntries(
      Object.entries(unrolls).map(([name, { shape, data }]) => [name, tensorOf(shape, data)]),
    ),
    { format: unrollsFormat, step: String(step) },
  );

/** The same, read back. @throws {FormatError} when the bytes are no such file, damaged, or of another step */
export async function readUnrolls(bytes: Uint8Array, step: number): Promise<HostRecord> {
  const { record, metadata } = await opened("readUnrolls", unrollsFormat, bytes);
  if (metadata["step"] !== String(step))
    throw new FormatError(
      `readUnrolls: expected the unrolls of step ${step}, got those of step ${metadata["step"]}`,
    );
  return record;
}
