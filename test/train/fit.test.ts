// The laws of a training run: it learns, resumes to the bit, stops when told, keeps the best, leaks nothing.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { statNN } from "../../src/models/stat-nn.ts";
import { arraysFromHost, disposeArrays } from "../../src/engine/arrays.ts";
import { readCheckpoint } from "../../src/train/checkpoint.ts";
import { splitDataset } from "../../src/train/dataset.ts";
import { fit } from "../../src/train/fit.ts";
import type { FitOptions } from "../../src/train/fit-options.ts";
import { kendallTau } from "../../src/train/measures/kendall-tau.ts";
import { meanSquaredError } from "../../src/train/measures/objectives.ts";
import { adam, sgd } from "../../src/train/optimizers/optimizers.ts";
import { predict } from "../../src/train/predict.ts";
import { warmupCosine } from "../../src/train/optimizers/schedules.ts";
import { TrainingError } from "../../src/train/training-error.ts";
import { collect, eventsOf } from "../support/events.ts";
import { linearDataset, linearModel, smallSpec } from "../support/linear-model.ts";
import { liveArrays } from "../support/live-arrays.ts";

beforeAll(() => startEngine());

const model = linearModel(smallSpec);
const [train, validation] = splitDataset(linearDataset(90, 1, 0.5), [0.7, 0.3], 0);
const data = { train, validation };
const base: FitOptions = { epochs: 6, seed: 4, batchSize: 16, rate: 0.05 };

test("training learns to rank held-out networks", async () => {
  const { done, events, params } = await collect(fit(model, data, { ...base, epochs: 60 }));
  expect(done.reason).toBe("finished");
  expect(done.history).toHaveLength(60);
  expect(events.map(({ type }) => type).slice(0, 6)).toEqual([
    "start",
    "step",
    "step",
    "step",
    "epoch",
    "checkpoint",
  ]);
  const arrays = arraysFromHost(params);
  const predictions = await predict(model, arrays, validation, { batchSize: 7 });
  disposeArrays(arrays);
  expect(kendallTau(predictions, validation.targets)).toBeGreaterThan(0.7);
  const untrained = model.init(4);
  const before = await predict(model, untrained, validation);
  disposeArrays(untrained);
  expect(kendallTau(before, validation.targets)).toBeLessThan(0.5);
});

test("the same seed gives the same run to the bit, another seed another run", async () => {
  const [first, second] = [
    await collect(fit(model, data, base)),
    await collect(fit(model, data, base)),
  ];
  expect(second.params).toEqual(first.params);
  expect(second.done.history).toEqual(first.done.history);
  const other = await collect(fit(model, data, { ...base, seed: 5 }));
  expect(other.params).not.toEqual(first.params);
});

test.each([
  ["adam, clipping, a schedule", { optimizer: adam({ weightDecay: 0.01 }), clipNorm: 0.5 }],
  ["momentum and dropout", { optimizer: sgd({ momentum: 0.9 }), dropout: true }],
])(
  "a run resumed from any checkpoint ends bit for bit as without a break: %s",
  async (_, extra) => {
    const rate = warmupCosine({ rate: 0.1, warmup: 5 });
    const options: FitOptions = { ...base, ...extra, rate, epochs: 4, checkpointEvery: 1 };
    const whole = await collect(fit(model, data, options));
    const checkpoints = eventsOf(whole.events, "checkpoint");
    expect(checkpoints.length).toBe(12);
    for (const { bytes, step } of [
      checkpoints[0],
      checkpoints[4],
      checkpoints[8],
      checkpoints[11],
    ]) {
      const rest = await collect(fit(model, data, { ...options, resume: bytes }));
      expect(rest.params).toEqual(whole.params);
      expect(rest.done.history).toEqual(whole.done.history);
      expect(eventsOf(rest.events, "step")).toEqual(eventsOf(whole.events, "step").slice(step));
      expect(rest.events[0]).toMatchObject({ type: "start", resumedAt: step });
    }
    const last = eventsOf(whole.events, "checkpoint").at(-1);
    const again = await collect(fit(model, data, { ...options, resume: checkpoints[4].bytes }));
    expect(eventsOf(again.events, "checkpoint").at(-1)?.bytes).toEqual(last?.bytes);
  },
);

test("without the optimizer's state the continued run differs (negative control)", async () => {
  const options = { ...base, epochs: 4, checkpointEvery: 1, optimizer: sgd({ momentum: 0.9 }) };
  const whole = await collect(fit(model, data, options));
  const { bytes } = eventsOf(whole.events, "checkpoint")[4];
  const forgetful = sgd({ momentum: 0.9 });
  const optimizer = {
    ...forgetful,
    update: (...[gradients, state, params]: Parameters<typeof forgetful.update>) =>
      forgetful.update(
        gradients,
        Object.fromEntries(Object.entries(state).map(([path, array]) => [path, array.mul(0)])),
        params,
      ),
  };
  const rest = await collect(fit(model, data, { ...options, optimizer, resume: bytes }));
  expect(rest.params).not.toEqual(whole.params);
});

test("abort ends the run after the step under way, with a checkpoint that continues it", async () => {
  const whole = await collect(fit(model, data, base));
  const controller = new AbortController();
  const stopped = await collect(
    fit(model, data, { ...base, signal: controller.signal }),
    (event) => {
      if (event.type === "step" && event.step === 7) controller.abort();
    },
  );
  expect(stopped.done).toMatchObject({ reason: "aborted", step: 7 });
  expect(eventsOf(stopped.events, "step")).toHaveLength(7);
  const resume = eventsOf(stopped.events, "checkpoint").at(-1)?.bytes as Uint8Array;
  const rest = await collect(fit(model, data, { ...base, resume }));
  expect(rest.params).toEqual(whole.params);
});

test("a timer can abort a run: training gives the event loop its turn", async () => {
  const signal = AbortSignal.timeout(120);
  const { done } = await collect(fit(model, data, { ...base, epochs: 100_000, signal }));
  expect(done.reason).toBe("aborted");
});

test("early stopping gives back the best parameters, not the last", async () => {
  const scripted = [1, 5, 3, 2, 4, 9];
  let calls = 0;
  const options = { ...base, patience: 3, metric: () => scripted[calls++] };
  const { done, params, events } = await collect(fit(model, data, options));
  expect(done).toMatchObject({ reason: "stopped-early", bestEpoch: 2, step: 15 });
  expect(eventsOf(events, "epoch").map(({ best }) => best)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  const short = await collect(fit(model, { train }, { ...base, epochs: 2 }));
  expect(params).toEqual(short.params);
  const long = await collect(fit(model, { train }, { ...base, epochs: 5 }));
  expect(params).not.toEqual(long.params);
});

test("live arrays after 100 steps equal those after 10, and none are left at the end", async () => {
  const live = await liveArrays();
  const before = live();
  const counts = new Map<number, number>();
  const options = { ...base, epochs: 40, clipNorm: 1, checkpointEvery: 10 };
  await collect(fit(model, data, options), (event) => {
    if (event.type === "step") counts.set(event.step, live());
  });
  expect(counts.get(100)).toBe(counts.get(10));
  expect(counts.get(10)).toBeGreaterThan(before);
  expect(live()).toBe(before);
  const kept = np.array([1, 2, 3]); // negative control: the counter sees an array that nobody disposes
  await kept.blockUntilReady();
  expect(live()).toBe(before + 1);
  kept.dispose();
});

test("a loop that breaks off leaves no arrays behind", async () => {
  const live = await liveArrays();
  const before = live();
  for await (const event of fit(model, data, base)) if (event.type === "epoch") break;
  expect(live()).toBe(before);
});

test("a loss that is no longer finite stops the run, naming the step", async () => {
  const live = await liveArrays();
  const before = live();
  const run = collect(fit(model, data, { ...base, objective: meanSquaredError, rate: 1e30 }));
  await expect(run).rejects.toThrow(TrainingError);
  await expect(run).rejects.toThrow(/fit: the (loss|gradient norm) is .* at step [2-4] of 18/);
  expect(live()).toBe(before);
});

test("validation networks on which no loss is a number end the run with words, and leave no arrays", async () => {
  const statistics = statNN(smallSpec, { head: [4, 1] });
  const tensors = Object.entries(validation.tensors).map(
    ([name, { shape, data: values }]) =>
      [name, { shape, data: values.map((v, i) => (i < 2 ? 3e38 : v)) }] as const,
  );
  const enormous = { ...validation, tensors: Object.fromEntries(tensors) };
  const live = await liveArrays();
  const before = live();
  await expect(collect(fit(statistics, { train, validation: enormous }, base))).rejects.toThrow(
    /after none of 6 epochs was the loss on the validation networks a finite number/,
  );
  expect(live()).toBe(before);
  await expect(collect(fit(statistics, data, base))).resolves.toBeDefined();
});

test("a checkpoint tells model, spec, setting and notes, and refuses another run", async () => {
  const notes = { channels: [1, 16] };
  const { events } = await collect(fit(model, data, { ...base, epochs: 1, notes }));
  const { bytes } = eventsOf(events, "checkpoint")[0];
  const checkpoint = await readCheckpoint(bytes);
  expect(checkpoint).toMatchObject({ model: "linear", notes, setting: { seed: 4, batchSize: 16 } });
  expect(checkpoint.spec).toEqual(smallSpec);
  expect(Object.keys(checkpoint.params)).toEqual(["bias", "matrix"]);
  const resume = (options: Partial<FitOptions>, other = model) =>
    collect(fit(other, data, { ...base, resume: bytes, ...options }));
  await expect(resume({ seed: 9 })).rejects.toThrow("seed expected 9 as in this run, got 4");
  await expect(resume({ optimizer: sgd() })).rejects.toThrow("optimizer expected sgd");
  await expect(resume({ clipNorm: 2 })).rejects.toThrow(
    "clipNorm expected 2 as in this run, got none",
  );
  const other = adam({ weightDecay: 0.1 });
  await expect(resume({ optimizer: other })).rejects.toThrow("decoupled decay 0.1) as in this run");
  await expect(resume({}, { ...model, name: "unf" })).rejects.toThrow("model expected unf");
  await expect(resume({ resume: bytes.subarray(0, 900) })).rejects.toThrow();
  await expect(readCheckpoint(new Uint8Array(4))).rejects.toThrow();
});

test("options and data out of range are refused before training", async () => {
  const attempt = (options: Partial<FitOptions>, other = data) =>
    collect(fit(model, other, { ...base, ...options }));
  await expect(attempt({ epochs: 0 })).rejects.toThrow("epochs expected");
  await expect(attempt({ clipNorm: -1 })).rejects.toThrow("clipNorm expected");
  await expect(attempt({ seed: 0.5 })).rejects.toThrow("seed expected");
  const twice = { ...train, targets: new Float32Array(2 * train.size) };
  await expect(attempt({}, { train: twice, validation })).rejects.toThrow(
    "has 1 outputs, expected 2",
  );
});

test("a ranking objective learns an order, an objective with a gradient of its own is followed, the old name is refused", async () => {
  const ranked = await collect(
    fit(model, data, { ...base, epochs: 40, objective: "pairwise-logistic" }),
  );
  expect(ranked.done.history.at(-1)?.validMetric).toBeGreaterThan(0.6);
  const squared = await collect(fit(model, data, { ...base, objective: meanSquaredError }));
  const written = (factor: number) => ({
    ...meanSquaredError,
    valueAndGradient: (outputs: np.Array, targets: np.Array): [np.Array, np.Array] => {
      const difference = outputs.sub(targets);
      const gradient = difference.ref.mul((2 * factor) / difference.size);
      return [np.mean(np.square(difference)), gradient];
    },
  });
  const same = await collect(fit(model, data, { ...base, objective: written(1) }));
  const apart = (a: typeof same.params, b: typeof same.params) =>
    Math.max(
      ...Object.keys(a).flatMap((path) =>
        Array.from(a[path].data, (x, i) => Math.abs(x - b[path].data[i])),
      ),
    );
  expect(apart(same.params, squared.params)).toBeLessThan(1e-4);
  const sgdBase = { ...base, optimizer: sgd() };
  const [once, twice] = [
    await collect(fit(model, data, { ...sgdBase, objective: written(1) })),
    await collect(fit(model, data, { ...sgdBase, objective: written(2) })),
  ];
  expect(apart(once.params, twice.params)).toBeGreaterThan(1e-3); // control: the written gradient is what is followed
  const old = { ...base, loss: meanSquaredError };
  await expect(collect(fit(model, data, old))).rejects.toThrow(/called objective/);
});
