// Checkpoints in test/fixtures/training were written by version 0.1.0 before optimizers became compositions of rules: after 5
// and after 12 steps of the same run.

import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { splitDataset } from "../../src/train/dataset.ts";
import { fit } from "../../src/train/fit.ts";
import { adam, sgd } from "../../src/train/optimizers/optimizers.ts";
import { warmupCosine } from "../../src/train/optimizers/schedules.ts";
import { readCheckpoint, writeCheckpoint } from "../../src/train/checkpoint.ts";
import { collect, eventsOf } from "../support/events.ts";
import { linearDataset, linearModel, smallSpec } from "../support/linear-model.ts";

beforeAll(() => startEngine());

const model = linearModel(smallSpec);
const [train, validation] = splitDataset(linearDataset(90, 1, 0.5), [0.7, 0.3], 0);
const fixture = (name: string, step: number) =>
  new Uint8Array(
    readFileSync(new URL(`../fixtures/training/${name}-${step}.safetensors`, import.meta.url)),
  );

const optimizers = {
  adam: () => adam(),
  adamw: () => adam({ weightDecay: 0.1 }),
  "adam-coupled": () =>
    adam({ weightDecay: 0.1, decoupled: false, beta1: 0.8, beta2: 0.95, epsilon: 1e-6 }),
  sgd: () => sgd({ weightDecay: 0.05 }),
  momentum: () => sgd({ momentum: 0.9 }),
  nesterov: () => sgd({ momentum: 0.9, nesterov: true, weightDecay: 0.05 }),
};

test.each(Object.entries(optimizers))(
  "a run of an older version goes on to the same bytes: %s",
  async (name, optimizer) => {
    const options = {
      epochs: 4,
      seed: 4,
      batchSize: 16,
      clipNorm: 0.5,
      rate: warmupCosine({ rate: 0.1, warmup: 5 }),
    };
    const rest = async (resume?: Uint8Array) => {
      const full = { ...options, optimizer: optimizer(), ...(resume && { resume }) };
      const run = fit(model, { train, validation }, full);
      return eventsOf((await collect(run)).events, "checkpoint").at(-1)?.bytes;
    };
    const old = fixture(name, 5);
    expect(await rest(old)).toEqual(fixture(name, 12));
    expect(await rest()).toEqual(fixture(name, 12));
    const read = await readCheckpoint(old);
    const [path, tensor] = Object.entries(read.params)[0]; // control: another value, another end
    const moved = { ...tensor, data: Float32Array.from(tensor.data, (value) => value + 0.01) };
    const other = await writeCheckpoint({ ...read, params: { ...read.params, [path]: moved } });
    expect(await rest(other)).not.toEqual(fixture(name, 12));
  },
);
