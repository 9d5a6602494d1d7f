// Checkpoints read back to what was written; what is not a checkpoint is refused with a reason.

import { expect, test } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors-write.ts";
import {
  type Checkpoint,
  checkpointFormat,
  readCheckpoint,
  writeCheckpoint,
} from "../../src/train/checkpoint.ts";
import { specToJSON } from "../../src/spec/json.ts";
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

test("a checkpoint reads back to the same value and the same bytes", () => {
  const bytes = writeCheckpoint(checkpoint);
  const again = readCheckpoint(bytes);
  expect(again).toEqual(checkpoint);
  expect(Object.is(again.params["layer/0.weight"].data[1], -0)).toBe(true);
  expect(writeCheckpoint(again)).toEqual(bytes);
});

test("a checkpoint without best parameters has none", () => {
  const { best: _, ...rest } = checkpoint;
  expect(readCheckpoint(writeCheckpoint(rest))).toEqual(rest);
});

test("what is not a checkpoint is refused with a reason", () => {
  const sound = {
    format: checkpointFormat,
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
  expect(read({}).params["a"].data).toEqual(Float32Array.of(0));
  expect(() => read({ format: "pt" })).toThrow(`expected "${checkpointFormat}", got "pt"`);
  expect(() => read({ position: "{" })).toThrow(`metadata "position" expected JSON`);
  expect(() => read({ position: "null" })).toThrow(`metadata "position" expected step`);
  expect(() => read({ history: "[]" })).toThrow(`metadata "history" expected 1 epochs`);
  expect(() => read({ spec: "{}" })).toThrow("weightspace/spec@1");
  expect(() => read({}, "weights/a")).toThrow(
    `tensor "weights/a" (F32) expected F32 under params/`,
  );
  expect(() => readCheckpoint(writeCheckpoint(checkpoint).subarray(0, 300))).toThrow();
});
