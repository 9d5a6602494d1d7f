// Steps on kernels and on the array engine: the same optimizer.

import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../../src/core/random.ts";
import { arraysToHost, disposeArrays, type HostRecord } from "../../../src/engine/arrays.ts";
import { startEngine } from "../../../src/engine/start.ts";
import { hostArithmetic } from "../../../src/kernels/wasm/fused-multiply-add.ts";
import { openInnerTask } from "../../../src/node/open-inner-task.ts";
import { stackThetas, thetaToVector } from "../../../src/optimizers/host-theta.ts";
import { kernelUnrollGroup } from "../../../src/optimizers/meta/kernel-unrolls.ts";
import { defaultSettings } from "../../../src/optimizers/meta/settings.ts";
import { unrollGroup } from "../../../src/optimizers/meta/unrolls.ts";
import { optimizerKind } from "../../../src/optimizers/registry.ts";
import type { StepKernel } from "../../../src/optimizers/steps/step-kernel.ts";
import type { UpdateProgram } from "../../../src/optimizers/update-program.ts";
import type { InnerTask } from "../../../src/tasks/inner/inner-task.ts";

beforeAll(() => startEngine());

const kinds = ["sgdm", "deep-sets", "nfn", "unf", "unf-small", "lolv2", "celo2", "celo2-unf"];
const seed = 11;

/** Fresh theta with noise, so that no number of it is 0. */
function noisyTheta({ thetaShapes, initialTheta }: UpdateProgram, size = 0.05): Float32Array {
  const random = randomStream(seed);
  return thetaToVector(thetaShapes, initialTheta(seed)).map((x) => x + size * random.normal());
}

const arrayOf = (data: ArrayLike<number>, shape: readonly number[]) =>
  np.array(Float32Array.from(data), { shape: [1, ...shape] });

async function onHost(program: UpdateProgram, theta: Float32Array) {
  const prepared = program.prepare(stackThetas(program.thetaShapes, [theta]));
  const host = await arraysToHost(prepared);
  return { prepared, numbers: numbersOf(host) };
}

const numbersOf = (host: HostRecord) =>
  Object.fromEntries(
    Object.entries(host).map(([name, { data }]) => [name, Float32Array.from(data)]),
  );

/** |a - b| / |b|, Euclidean. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [apart, size] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    apart += (a[i] - b[i]) ** 2;
    size += b[i] ** 2;
  }
  return Math.sqrt(apart / (size + 1e-30));
}

/** Some steps of both with random gradients; the largest distance of a tensor of parameters or of the state after the last. */
async function stepsApart(
  task: InnerTask,
  program: UpdateProgram,
  theta: { readonly engine: Float32Array; readonly kernels: Float32Array },
): Promise<number> {
  const random = randomStream(seed);
  const tensors = Object.entries(task.spec.tensors);
  const { prepared } = await onHost(program, theta.engine);
  const kernel = (program.stepKernel as () => StepKernel)();
  kernel.setTheta((await onHost(program, theta.kernels)).numbers);
  const weights = task.init(random);
  let params = Object.fromEntries(
    tensors.map(([name, { shape }]) => [name, arrayOf(weights[name].data, shape)]),
  );
  for (const [t, [name]] of tensors.entries()) kernel.params[t].set(weights[name].data);
  let state = program.initialState(1);
  kernel.load(numbersOf(await arraysToHost(state)));
  for (let step = 0; step < 3; step++) {
    const drawn = tensors.map(([name]) =>
      Float32Array.from(weights[name].data, () => random.normal() * Math.exp(random.normal())),
    );
    const gradients = Object.fromEntries(
      tensors.map(([name, { shape }], t) => [name, arrayOf(drawn[t], shape)]),
    );
    const [updates, next] = program.update(prepared, gradients, state, params);
    for (const [t, gradient] of drawn.entries()) kernel.gradients[t].set(gradient);
    kernel.step();
    const moved = Object.entries(updates).map(([name, by]) => [name, np.add(params[name], by)]);
    params = Object.fromEntries(moved) as typeof params;
    state = next;
  }
  const [engineParams, engineState] = [await arraysToHost(params), await arraysToHost(state)];
  const own = numbersOf(engineState);
  kernel.save(own);
  for (const record of [params, state, prepared]) disposeArrays(record);
  return Math.max(
    ...tensors.map(([name], t) => {
      const before = weights[name].data;
      const moves = (after: ArrayLike<number>) => Float64Array.from(before, (w, i) => after[i] - w);
      return distance(moves(kernel.params[t]), moves(engineParams[name].data));
    }),
    ...Object.entries(engineState).map(([name, { data }]) => distance(own[name], data)),
  );
}

describe("one network's step on kernels is that of the array engine", () => {
  test.each(["fashion-mlp", "fashion-cnn", "text-transformer"])(
    "moves of parameters and states of every kind on %s to 1e-4, relative, by tensor",
    async (name) => {
      const task = await openInnerTask({ task: name });
      for (const kind of kinds) {
        const program = optimizerKind(kind).program(task.spec);
        const theta = noisyTheta(program);
        const apart = await stepsApart(task, program, { engine: theta, kernels: theta });
        expect(apart, `${kind} on ${name}, seed ${seed}`).toBeLessThan(1e-4);
      }
    },
    120_000,
  );

  test("a control with another theta was seen to fail", async () => {
    const task = await openInnerTask({ task: "fashion-mlp" });
    for (const kind of kinds) {
      const program = optimizerKind(kind).program(task.spec);
      const engine = noisyTheta(program);
      const apart = await stepsApart(task, program, { engine, kernels: noisyTheta(program, 0.07) });
      expect(apart, kind).toBeGreaterThan(1e-3);
    }
  });
});

describe("unrolls", () => {
  test.each([
    ["deep-sets", "fashion-mlp", [1, 1]],
    ["celo2-unf", "fashion-mlp", [0.5, 2]],
    ["unf-small", "text-irnn", [1, 1]],
    ["unf", "text-transformer", [0.5, 2]],
  ] as const)(
    "fifty steps of %s on %s have the same losses to 1e-3, relative, rescaled by %j",
    async (kind, name, rescale) => {
      const task = await openInnerTask({ task: name });
      const program = optimizerKind(kind).program(task.spec);
      const pairs = 2;
      const settings = { ...defaultSettings, kind, task: name, pairs, truncation: 25, rescale };
      const kernels = { ...settings, kernels: hostArithmetic() };
      const groups = [
        unrollGroup({ settings, task, program, pairs }),
        kernelUnrollGroup({ settings: kernels, task, program, pairs }),
      ];
      const theta = noisyTheta(program, 0.01);
      const losses: number[][] = [[], []];
      for (const step of [0, 1])
        for (const [way, group] of groups.entries()) {
          const times = [0, 1].map((pair) => ({ pair, episode: 0, step, began: 0 }));
          const results = await group.run({ theta, times });
          for (const { plus, minus } of results)
            losses[way].push(...Array.from(plus), ...Array.from(minus));
        }
      const [engine, own] = losses;
      expect(own.length).toBe(2 * 2 * 2 * 25);
      for (const [i, loss] of own.entries())
        expect(Math.abs(loss - engine[i]) / engine[i], `loss ${i}, seed 0`).toBeLessThan(1e-3);
      const [saved, ours] = await Promise.all(groups.map((group) => group.save()));
      expect(Object.keys(ours).toSorted()).toEqual(Object.keys(saved).toSorted());
      for (const [array, { shape, data }] of Object.entries(saved)) {
        expect(ours[array].shape, array).toEqual(shape);
        if (array.startsWith("params/"))
          expect(distance(ours[array].data, data), array).toBeLessThan(1e-2);
      }
      for (const group of groups) await group.close();
    },
    120_000,
  );

  test("what a group saves, another one goes on from, to the same numbers", async () => {
    const task = await openInnerTask({ task: "fashion-mlp" });
    const kind = "celo2-unf";
    const program = optimizerKind(kind).program(task.spec);
    const settings = { ...defaultSettings, kind, task: task.name, pairs: 1, truncation: 4 };
    const kernels = { ...settings, kernels: hostArithmetic() };
    const open = () => kernelUnrollGroup({ settings: kernels, task, program, pairs: 1 });
    const theta = noisyTheta(program, 0.01);
    const at = (step: number) => ({ theta, times: [{ pair: 0, episode: 0, step, began: 0 }] });
    const [one, other] = [open(), open()];
    await one.run(at(0));
    await other.load(await one.save());
    expect(await other.run(at(1))).toEqual(await one.run(at(1)));
    expect(await other.save()).toEqual(await one.save());
  });
});
