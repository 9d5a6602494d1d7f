// Checkpoints read back to what was written; what is not a checkpoint, or not as it was written, is refused with a reason.

import { expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import {
  type Checkpoint,
  checkpointFormat,
  readCheckpoint,
  writeCheckpoint,
} from "../../src/train/checkpoint.ts";
import { specToJSON } from "../../src/symmetry/json.ts";
import { smallSpec } from "../support/linear-model.ts";

const checkpoint: Checkpoint = {
  model: "linear",
  spec: smallSpec,
  setting: { seed: 1, batchSize: 8, loss: "mean-squared-error" },
  position: { step: 3, epoch: 1, batch: 1, lossSum: 0.1 + 0.2, bestEpoch: 1 },
  history: [{ epoch: 1, trainLoss: 1 / 3, validLoss: 0.5 }],
  notes: { options: { channels: [1, 16] } },
  params: {
    "layer/0.weight": { shape: [2, 2], data: Float32Array.of(1, -0, 1e-42, 3.4e38) },
    scale: { shape: [], data: Float32Array.of(2) },
  },
  best: { scale: { shape: [], data: Float32Array.of(5) } },
  optimizer: { seen1: { shape: [], data: Float32Array.of(0.1) } },
};

test("a checkpoint reads back to the same value and the same bytes", async () => {
  const bytes = await writeCheckpoint(checkpoint);
  const again = await readCheckpoint(bytes);
  expect(again).toEqual({ ...checkpoint, checked: true });
  expect(Object.is(again.params["layer/0.weight"].data[1], -0)).toBe(true);
  expect(await writeCheckpoint(again)).toEqual(bytes);
});

test("a checkpoint without best parameters has none", async () => {
  const { best: _, ...rest } = checkpoint;
  expect(await readCheckpoint(await writeCheckpoint(rest))).toEqual({ ...rest, checked: true });
});

test("any one bit flipped anywhere in a checkpoint is noticed; the file as written is read", async () => {
  const bytes = await writeCheckpoint(checkpoint);
  expect((await readCheckpoint(bytes)).checked).toBe(true);
  const accepted: number[] = [];
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    await readCheckpoint(bytes).then(
      () => accepted.push(bit),
      (error: unknown) => {
        if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
      },
    );
    bytes[bit >> 3] ^= 1 << (bit & 7);
  }
  expect(accepted).toEqual([]);
});

/** A checkpoint as it was written before there were checksums. */
const oldFormat = "weightspace/checkpoint@1";

test("what is not a checkpoint is refused with a reason; one without a checksum is read as not checked", async () => {
  const sound = {
    format: oldFormat,
    model: "linear",
    spec: JSON.stringify(specToJSON(smallSpec)),
    setting: "{}",
    position: JSON.stringify(checkpoint.position),
    history: JSON.stringify(checkpoint.history),
    notes: "{}",
  };
  const scalar = { dtype: "F32" as const, shape: [], data: new Uint8Array(4) };
  const read = (change: Record<string, string>, tensor = "params/a") =>
    readCheckpoint(writeSafetensors({ [tensor]: scalar }, { ...sound, ...change }));
  const old = await read({});
  expect(old.checked).toBe(false);
  expect(old.params["a"].data).toEqual(Float32Array.of(0));
  const cases: [Record<string, string>, string][] = [
    [{ format: "pt" }, `expected "${checkpointFormat}", got "pt"`],
    [{ format: checkpointFormat }, "checksum does not fit"],
    [{ checksun: "0".repeat(64) }, `"checksun" is not of format`],
    [{ position: "{" }, `metadata "position" is not valid JSON`],
    [{ position: "null" }, `metadata "position": expected object, got null`],
    [{ notes: "null" }, `metadata "notes": expected record, got null`],
    [{ history: "[]" }, `metadata "history" expected 1 epochs`],
    [{ notes: "[".repeat(1e5) + "]".repeat(1e5) }, `"notes" is nested more than 100 deep`],
    [{ spec: "{}" }, "weightspace/spec@1"],
  ];
  for (const [change, message] of cases) await expect(read(change)).rejects.toThrow(message);
  await expect(read({}, "weights/a")).rejects.toThrow(
    `tensor "weights/a" (F32) expected F32 under params/`,
  );
  const whole = await writeCheckpoint(checkpoint);
  await expect(readCheckpoint(whole.subarray(0, 300))).rejects.toThrow(FormatError);
});
