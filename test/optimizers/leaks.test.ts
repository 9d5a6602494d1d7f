// Long runs leave no arrays behind: as many are alive after many steps as after a few.

import { beforeAll, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { startEngine } from "../../src/engine/start.ts";
import { optimizerKind, optimizerKinds } from "../../src/optimizers/registry.ts";
import { thetaToVector } from "../../src/optimizers/host-theta.ts";
import { handMadeEntry, handMadeNames } from "../../src/optimizers/evaluate/entries.ts";
import { trainNetworks } from "../../src/optimizers/evaluate/train-networks.ts";
import { outerOptimizer } from "../../src/optimizers/meta/outer-step.ts";
import { defaultSettings, type MetaSettings } from "../../src/optimizers/meta/settings.ts";
import { unrollGroup } from "../../src/optimizers/meta/unrolls.ts";
import { innerTaskEntry } from "../../src/tasks/inner/registry.ts";
import { liveArrays } from "../support/live-arrays.ts";
import { quadraticTask } from "../support/quadratic-task.ts";

let live: () => number;
beforeAll(async () => {
  await startEngine();
  live = await liveArrays();
});

/** Images of noise: an MLP with matrices and vectors. */
function noise() {
  const random = randomStream(1);
  const part = (count: number) => ({
    count,
    shape: [8, 8],
    inputs: Float32Array.from({ length: 64 * count }, () => random.uniform()),
    labels: Uint8Array.from({ length: count }, () => random.integer(10)),
  });
  return { train: part(100), test: part(10) };
}

test.each(optimizerKinds())("unrolls of %s", async (kind) => {
  const task = await innerTaskEntry("digits-mlp").createOn!(noise());
  const program = optimizerKind(kind).program(task.spec);
  const settings: MetaSettings = {
    ...defaultSettings,
    kind,
    task: task.name,
    pairs: 2,
    truncation: 3,
    rescale: [0.5, 2],
  };
  const group = unrollGroup({ settings, task, program, pairs: 2 });
  const theta = thetaToVector(program.thetaShapes, program.initialTheta(0));
  const after = async (step: number, began: number) => {
    await group.run({
      theta,
      times: [0, 1].map((pair) => ({ pair, episode: began, step, began })),
    });
    return live();
  };
  await after(0, 0);
  const few = await after(1, 0);
  for (const step of [2, 3, 4]) await after(step, step === 3 ? 3 : 0); // one restart among them
  expect(await after(5, 5)).toBe(few);
  await group.close();
});

test.each(handMadeNames())("networks trained by %s", async (name) => {
  const task = await quadraticTask();
  const run = async (steps: number) => {
    const rule = handMadeEntry(name).rule(task.spec, [0.01, 0.02]);
    await trainNetworks({ task, rule, seeds: [1, 2], steps, every: 4 });
    rule.close();
    return live();
  };
  await run(4);
  const few = await run(4);
  expect(await run(16)).toBe(few);
});

test("steps of theta", async () => {
  const outer = outerOptimizer({ ...defaultSettings, kind: "sgdm", task: "t" }, 3, undefined);
  const step = async (at: number) => {
    await outer.step(new Float32Array(3), Float64Array.of(1, 2, 3), at);
    return live();
  };
  await step(0);
  const few = await step(1);
  for (const at of [2, 3, 4]) await step(at);
  expect(await step(5)).toBe(few);
  outer.close();
});
