// Checkpoints of a training run: parameters, best parameters and optimizer state as tensors of one safetensors file,
// everything else (spec, model, position, history) as JSON in its metadata.

import { FormatError } from "../core/errors.ts";
import { type SafeTensor, toFloat32 } from "../formats/safetensors-dtypes.ts";
import { writeSafetensors } from "../formats/safetensors-write.ts";
import { readSafetensors } from "../formats/safetensors.ts";
import { specFromJSON, specToJSON } from "../spec/json.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import type { HostRecord } from "./arrays.ts";

export const checkpointFormat = "weightspace/checkpoint@1";

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

/** The bytes of a safetensors file; `readCheckpoint` reads them back to an equal value. */
export function writeCheckpoint(checkpoint: Checkpoint): Uint8Array {
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
  return writeSafetensors(tensors, {
    format: checkpointFormat,
    model,
    spec: JSON.stringify(specToJSON(checkpoint.spec)),
    setting: JSON.stringify(setting),
    position: JSON.stringify(position),
    history: JSON.stringify(history),
    notes: JSON.stringify(notes),
  });
}

/**
 * A checkpoint from the bytes of its file.
 * @throws {FormatError} when the bytes are not a safetensors file or not a checkpoint.
 */
export function readCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = readSafetensors(bytes);
  if (metadata["format"] !== checkpointFormat) {
    throw new FormatError(
      `readCheckpoint: metadata "format" expected "${checkpointFormat}", got ` +
        `${JSON.stringify(metadata["format"]) ?? "nothing"}; give a file written by training`,
    );
  }
  const parsed = (key: string): unknown => {
    try {
      return JSON.parse(metadata[key]);
    } catch {
      throw new FormatError(`readCheckpoint: metadata "${key}" expected JSON; the file is damaged`);
    }
  };
  const position = parsed("position") as TrainingPosition;
  const numbers = ["step", "epoch", "batch", "lossSum", "bestEpoch"] as const;
  if (!numbers.every((key) => Number.isFinite(position?.[key]))) {
    throw new FormatError(`readCheckpoint: metadata "position" expected ${numbers.join(", ")}`);
  }
  const history = parsed("history");
  if (!Array.isArray(history) || history.length !== position.epoch) {
    throw new FormatError(
      `readCheckpoint: metadata "history" expected ${position.epoch} epochs; the file is damaged`,
    );
  }
  const records: Record<string, Record<string, HostRecord[string]>> = {
    params: {},
    best: {},
    optimizer: {},
  };
  for (const [name, tensor] of tensors) {
    const slash = name.indexOf("/");
    const part = name.slice(0, slash);
    if (!Object.hasOwn(records, part) || tensor.dtype !== "F32") {
      throw new FormatError(
        `readCheckpoint: tensor "${name}" (${tensor.dtype}) expected F32 under ${parts.join("/, ")}/`,
      );
    }
    records[part][name.slice(slash + 1)] = {
      shape: [...tensor.shape],
      data: Float32Array.from(toFloat32(tensor)),
    };
  }
  return {
    model: metadata["model"] ?? "",
    spec: specFromJSON(parsed("spec")),
    setting: parsed("setting") as Checkpoint["setting"],
    position,
    history: history as EpochRecord[],
    notes: parsed("notes") as Checkpoint["notes"],
    params: records["params"],
    optimizer: records["optimizer"],
    ...(Object.keys(records["best"]).length > 0 ? { best: records["best"] } : {}),
  };
}
