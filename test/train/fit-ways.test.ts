// Models that training compiles in stages, or reads one vector a network of: the same laws as for whole models.

import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { statNN } from "../../src/models/stat-nn.ts";
import { unf } from "../../src/models/unf.ts";
import { disposeArrays } from "../../src/engine/arrays.ts";
import { splitDataset } from "../../src/train/dataset.ts";
import { fit } from "../../src/train/fit.ts";
import type { FitOptions } from "../../src/train/fit-options.ts";
import { collect, eventsOf } from "../support/events.ts";
import { linearDataset, smallSpec } from "../support/linear-model.ts";
import { liveArrays } from "../support/live-arrays.ts";

beforeAll(() => startEngine());

const [train, validation] = splitDataset(linearDataset(90, 1, 0.5), [0.7, 0.3], 0);

test.each([
  ["in stages", unf(smallSpec, { channels: [1, 3, 2], head: [8, 1], dropout: 0.3 })],
  ["on vectors", statNN(smallSpec, { head: [8, 1], dropout: 0.3 })],
])(
  "a model trained %s resumes to the bit, stops when told, and leaves no arrays behind",
  async (_, each) => {
    const data = { train, validation };
    const options: FitOptions = {
      epochs: 2,
      seed: 4,
      batchSize: 16,
      rate: 0.05,
      checkpointEvery: 1,
      dropout: true,
    };
    const controller = new AbortController();
    const cycle = async () => {
      const whole = await collect(fit(each, data, options));
      const { bytes } = eventsOf(whole.events, "checkpoint")[2];
      const rest = await collect(fit(each, data, { ...options, resume: bytes }));
      expect(rest.params).toEqual(whole.params);
      const other = await collect(fit(each, data, { ...options, seed: 5 }));
      expect(other.params).not.toEqual(whole.params); // control
      controller.abort();
      const none = await collect(fit(each, data, { ...options, signal: controller.signal }));
      expect(none.done).toMatchObject({ reason: "aborted", step: 0 });
    };
    const live = await liveArrays();
    await cycle();
    const before = live();
    await cycle();
    expect(live()).toBe(before);
  },
);

test("a model that reads vectors trains on them as it would on the weights", async () => {
  const data = { train: linearDataset(24, 0), validation: linearDataset(8, 1) };
  const model = statNN(data.train.spec, { head: [8, 1] });
  const { vector: _, ...plain } = model;
  const options = { epochs: 3, batchSize: 8, seed: 4 };
  const histories = [];
  for (const each of [model, plain]) {
    for await (const event of fit(each, data, options)) {
      if (event.type !== "done") continue;
      disposeArrays(event.params);
      histories.push(event.history.map(({ trainLoss }) => trainLoss));
    }
  }
  const [onVectors, onWeights] = histories;
  expect(onVectors).toHaveLength(3);
  for (const [i, loss] of onVectors.entries()) expect(loss).toBeCloseTo(onWeights[i], 5);
  expect(onVectors[2]).not.toBeCloseTo(onVectors[0], 5); // control: training changes the loss
});
