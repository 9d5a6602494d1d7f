// Checkpoints of a training run: parameters, best parameters and optimizer state as tensors of one safetensors file,
// everything else (spec, model, position, history) as JSON in its metadata, and a checksum of the whole file.

import * as z from "zod/mini";
import { FormatError } from "../core/errors.ts";
import { parseJson, schemaProblem } from "../core/json-limits.ts";
import { type SafeTensor, toFloat32 } from "../formats/safetensors/safetensors-dtypes.ts";
import { sealHolds, writeSealed } from "../formats/safetensors/sealed.ts";
import { readSafetensors } from "../formats/safetensors/safetensors.ts";
import { specFromJSON, specToJSON } from "../symmetry/json.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { HostRecord } from "../engine/arrays.ts";

export const checkpointFormat = "weightspace/checkpoint@2";

/** The format of files that carry no checksum; they are still read. */
const uncheckedFormat = "weightspace/checkpoint@1";

const jsonKeys = ["spec", "setting", "position", "history", "notes"] as const;

/** One line of a training history. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  /** Mean loss over the epoch's batches, each measured before its update. */
  readonly trainLoss: number;
  /** Loss on the validation networks; absent without them. */
  readonly validLoss?: number;
  /** Validation metric; absent without validation networks or where it is undefined. */
  readonly validMetric?: number;
}

/** Where a run stands; with the seed, all the randomness still to come follows from it. */
export interface TrainingPosition {
  /** Steps finished. */
  readonly step: number;
  /** Epochs finished. */
  readonly epoch: number;
  /** Batches finished in the epoch that is under way. */
  readonly batch: number;
  /** Sum of their losses. */
  readonly lossSum: number;
  /** Epoch of the best parameters, from 1; 0 before the first. */
  readonly bestEpoch: number;
}

/** A training run at one moment. */
export interface Checkpoint {
  readonly model: string;
  readonly spec: SymmetrySpec;
  /** What must be equal for a run to continue exactly: seed, batches, loss, optimizer, clipping, dropout. */
  readonly setting: Readonly<Record<string, string | number>>;
  readonly position: TrainingPosition;
  readonly history: readonly EpochRecord[];
  /** Whatever the caller wants kept beside the run: model options, normalisation. JSON values only. */
  readonly notes: Readonly<Record<string, unknown>>;
  readonly params: HostRecord;
  /** Parameters of the best validation metric; absent before the first epoch or without validation. */
  readonly best?: HostRecord;
  readonly optimizer: HostRecord;
}

const parts = ["params", "best", "optimizer"] as const;

const count = z.int().check(z.minimum(0));
/** JSON has no NaN; losses and metrics that are none were written as null. */
const measured = z.nullable(z.number());

/** What each part of the JSON must be; `notes` are checked by whoever wrote them. */
const schemas = {
  setting: z.record(z.string(), z.union([z.string(), z.number()])),
  position: z.object({
    step: count,
    epoch: count,
    batch: count,
    lossSum: z.number(),
    bestEpoch: count,
  }),
  history: z.array(
    z.object({
      epoch: z.int().check(z.minimum(1)),
      trainLoss: measured,
      validLoss: z.optional(measured),
      validMetric: z.optional(measured),
    }),
  ),
  notes: z.record(z.string(), z.unknown()),
} as const;

/** More JSON than any run writes. */
const maxMetadataBytes = 100_000_000;

/** The bytes of a safetensors file, checksum included; `readCheckpoint` reads them back to an equal value. */
export async function writeCheckpoint(checkpoint: Checkpoint): Promise<Uint8Array> {
  const tensors: Record<string, SafeTensor> = {};
  for (const part of parts) {
    for (const [path, { shape, data }] of Object.entries(checkpoint[part] ?? {})) {
      const values = Float32Array.from(data);
      tensors[`${part}/${path}`] = {
        dtype: "F32",
        shape: [...shape],
        data: new Uint8Array(values.buffer),
      };
    }
  }
  const { model, setting, position, history, notes } = checkpoint;
  return writeSealed(tensors, {
    format: checkpointFormat,
    model,
    spec: JSON.stringify(specToJSON(checkpoint.spec)),
    setting: JSON.stringify(setting),
    position: JSON.stringify(position),
    history: JSON.stringify(history),
    notes: JSON.stringify(notes),
  });
}

/** A checkpoint as read from a file. */
export interface ReadCheckpoint extends Checkpoint {
  /** True when the file carries a checksum and it fits; false for files that were written before there were checksums. */
  readonly checked: boolean;
}

/**
 * A checkpoint from the bytes of its file.
 * @throws {FormatError} when the bytes are not a safetensors file, not a checkpoint, or not those that were written: any
 * bit that has changed since is noticed, except in files of the older format, which carry no checksum.
 */
export async function readCheckpoint(bytes: Uint8Array): Promise<ReadCheckpoint> {
  const { tensors, metadata } = readSafetensors(bytes);
  const checked = await checkBytes(bytes, metadata);
  const parsed = (key: (typeof jsonKeys)[number]): unknown =>
    parseJson(metadata[key] ?? "", {
      bytes: maxMetadataBytes,
      fail: (problem) =>
        new FormatError(`readCheckpoint: metadata "${key}" ${problem}; the file is damaged`),
    });
  const checkedPart = (key: keyof typeof schemas): unknown => {
    const result = schemas[key].safeParse(parsed(key), { error: schemaProblem });
    if (result.success) return result.data;
    const [{ path, message }] = result.error.issues;
    const where = [key, ...path].map(String).join(".");
    throw new FormatError(`readCheckpoint: metadata "${where}": ${message}; the file is damaged`);
  };
  const position = checkedPart("position") as TrainingPosition;
  const history = checkedPart("history") as readonly EpochRecord[];
  if (history.length !== position.epoch) {
    throw new FormatError(
      `readCheckpoint: metadata "history" expected ${position.epoch} epochs, got ${history.length}; the file is damaged`,
    );
  }
  const records = readRecords(tensors);
  return {
    checked,
    model: metadata["model"] ?? "",
    spec: specFromJSON(parsed("spec")),
    setting: checkedPart("setting") as Checkpoint["setting"],
    position,
    history,
    notes: checkedPart("notes") as Checkpoint["notes"],
    params: records.params,
    optimizer: records.optimizer,
    ...(Object.keys(records.best).length > 0 ? { best: records.best } : {}),
  };
}

/** Whether the bytes are known to be those that were written; false when the file is too old to tell. */
async function checkBytes(
  bytes: Uint8Array,
  metadata: Readonly<Record<string, string>>,
): Promise<boolean> {
  const { format } = metadata;
  if (format !== checkpointFormat && format !== uncheckedFormat) {
    throw new FormatError(
      `readCheckpoint: metadata "format" expected "${checkpointFormat}", got ` +
        `${JSON.stringify(format) ?? "nothing"}; give a file written by training`,
    );
  }
  if (format === uncheckedFormat) {
    // A name that training does not write is the checksum's own, damaged together with the format.
    const known: readonly string[] = ["format", "model", ...jsonKeys];
    const unknown = Object.keys(metadata).find((key) => !known.includes(key));
    if (unknown === undefined) return false;
    throw new FormatError(
      `readCheckpoint: metadata ${JSON.stringify(unknown)} is not of format "${uncheckedFormat}"; the file is damaged`,
    );
  }
  if (!(await sealHolds(bytes, metadata))) {
    throw new FormatError(
      "readCheckpoint: its checksum does not fit, so bytes of it have changed since it was written; the file is damaged, take another copy of it or train it again",
    );
  }
  return true;
}

type Records = Record<(typeof parts)[number], Record<string, HostRecord[string]>>;

function readRecords(tensors: ReadonlyMap<string, SafeTensor>): Records {
  const records: Records = { params: {}, best: {}, optimizer: {} };
  for (const [name, tensor] of tensors) {
    const slash = name.indexOf("/");
    const part = name.slice(0, slash);
    if (!Object.hasOwn(records, part) || tensor.dtype !== "F32") {
      throw new FormatError(
        `readCheckpoint: tensor "${name}" (${tensor.dtype}) expected F32 under ${parts.join("/, ")}/`,
      );
    }
    records[part as keyof Records][name.slice(slash + 1)] = {
      shape: [...tensor.shape],
      data: Float32Array.from(toFloat32(tensor)),
    };
  }
  return records;
}
