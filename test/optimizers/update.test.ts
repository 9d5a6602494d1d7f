// One step of learned optimizers, worked out a second time on plain numbers and with the layers of functionals.

import { jit, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { ShapeError } from "../../src/core/errors.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Weights } from "../../src/core/tensors.ts";
import {
  arraysFromHost,
  arraysToHost,
  type HostRecord,
  keepArrays,
} from "../../src/engine/arrays.ts";
import { startEngine } from "../../src/engine/start.ts";
import { equivariantLinear } from "../../src/layers/equivariant-linear.ts";
import { weightFeatures } from "../../src/layers/weight-features.ts";
import { thetaFromVector } from "../../src/optimizers/host-theta.ts";
import { learnedOptimizer } from "../../src/optimizers/learned-optimizer.ts";
import type { Params } from "../../src/models/model.ts";
import type { OptimizerState } from "../../src/train/optimizers/update-rules.ts";
import { optimizerKind, optimizerKinds } from "../../src/optimizers/registry.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { cnnSpec } from "../../src/symmetry/presets/cnn.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { weakenSpec } from "../../src/symmetry/weaken.ts";
import { randomRecord, someTheta, updatesOf } from "../support/learned-updates.ts";
import { publishedNFNCNNSpec, publishedRNNSpec } from "../support/published-specs.ts";

beforeAll(() => startEngine());

const spec = mlpSpec([5, 4, 3]);
const decays = [0.1, 0.5, 0.9, 0.99, 0.999, 0.9999];
const scales = [1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5];

/** The hidden features of every tensor after three dense layers, from the definition; updates by a function of them. */
function hiddenByDefinition(
  theta: HostRecord,
  params: HostRecord,
  gradients: readonly HostRecord[],
): { hidden: Record<string, number[][]>; momentum: Record<string, number[]> } {
  const gamma = 1 - Math.min(1, 0.1 * Math.exp(10 * theta["rule.gamma"].data[0]));
  const step = gradients.length - 1;
  const hidden: Record<string, number[][]> = {};
  const momentum: Record<string, number[]> = {};
  for (const [name, { data }] of Object.entries(params)) {
    const means = decays.map((decay) =>
      Array.from(data, (_, i) =>
        gradients.reduce((mean, g) => decay * mean + (1 - decay) * g[name].data[i], 0),
      ),
    );
    momentum[name] = Array.from(data, (_, i) =>
      gradients.reduce((sum, g) => gamma * sum + g[name].data[i], 0),
    );
    const channels = [Array.from(data), Array.from(gradients[step][name].data), ...means].map(
      (channel) => {
        const clipped = channel.map((x) => Math.max(-1, Math.min(1, x)));
        const square = clipped.reduce((sum, x) => sum + x * x, 0) / clipped.length;
        return clipped.map((x) => x / Math.sqrt(1e-5 + square));
      },
    );
    const time = scales.map((scale) => Math.tanh(step / scale - 1));
    hidden[name] = Array.from(data, (_, i) => {
      let x = [...channels.map((channel) => channel[i]), ...time];
      for (const layer of [0, 1, 2]) {
        const { shape, data: w } = theta[`dense${layer}.weight`];
        x = Array.from({ length: shape[1] }, (_1, out) =>
          Math.max(
            0,
            x.reduce((sum, value, at) => sum + value * w[at * shape[1] + out], 0) +
              theta[`dense${layer}.bias`].data[out],
          ),
        );
      }
      return x;
    });
  }
  return { hidden, momentum };
}

/** The network's output by the equivariant layer of functionals, or by a dense one. */
async function outputByLayers(
  theta: HostRecord,
  hidden: Record<string, number[][]>,
): Promise<Record<string, number[]>> {
  if (theta["out.weight"] !== undefined) {
    const weight = theta["out.weight"].data;
    return Object.fromEntries(
      Object.entries(hidden).map(([name, rows]) => [
        name,
        rows.map(
          (row) => row.reduce((sum, x, c) => sum + x * weight[c], 0) + theta["out.bias"].data[0],
        ),
      ]),
    );
  }
  const channels = 32;
  const features = weightFeatures(spec, { channels });
  const layer = equivariantLinear(features.executable, {
    inputChannels: channels,
    outputChannels: 1,
    bias: "none",
  });
  const mix = Object.entries(theta).filter(([name]) => name.startsWith("out.mix"));
  const params = arraysFromHost(
    Object.fromEntries(mix.map(([name, tensor]) => [name.slice(4), tensor])),
  );
  const arrays = arraysFromHost(
    Object.fromEntries(
      Object.entries(spec.tensors).map(([name, { shape }]) => [
        name,
        { shape: [1, ...shape, channels], data: Float32Array.from(hidden[name].flat()) },
      ]),
    ),
  );
  const outputs = features.fromFeatures(layer.apply(params, features.toFeatures(arrays)), 1);
  const host = await arraysToHost(outputs);
  return Object.fromEntries(
    Object.keys(spec.tensors).map((name, t) => [
      name,
      Array.from(host[name].data, (x) => x + theta["out.bias"].data[t]),
    ]),
  );
}

describe("the published rule", () => {
  test.each(["deep-sets", "unf", "nfn"])(
    "%s: three steps of two networks are those of the definition, each with its own theta",
    async (kind) => {
      const { thetaShapes } = optimizerKind(kind).program(spec);
      const thetas = [1, 2].map((seed) => someTheta(kind, spec, seed));
      const params = [randomRecord(spec, 3), randomRecord(spec, 4, 2)];
      const gradients = [5, 6, 7].map((seed) => [
        randomRecord(spec, seed, 0.1),
        randomRecord(spec, 10 * seed),
      ]);
      const updates = await updatesOf(kind, spec, thetas, params, gradients);
      let other = 0;
      for (const at of [0, 1]) {
        const theta = thetaFromVector(thetaShapes, thetas[at]);
        const steps = gradients.map((step) => step[at]);
        const { hidden, momentum } = hiddenByDefinition(theta, params[at], steps);
        const f = await outputByLayers(theta, hidden);
        const alpha = 0.1 * Math.exp(10 * theta["rule.alpha"].data[0]);
        const beta = 0.001 * Math.exp(10 * theta["rule.beta"].data[0]);
        for (const [name, { data, shape }] of Object.entries(updates)) {
          const size = sizeOf(shape.slice(1));
          for (let i = 0; i < size; i++) {
            const expected = -alpha * (momentum[name][i] + beta * f[name][i]);
            const tolerance = 1e-5 + 1e-4 * Math.abs(expected);
            expect(Math.abs(data[at * size + i] - expected)).toBeLessThan(tolerance);
            other = Math.max(other, Math.abs(data[(1 - at) * size + i] - expected));
          }
        }
      }
      expect(other).toBeGreaterThan(0.01); // control: the other network's update is another one
    },
  );
});

/** Largest difference over the largest value. */
function distance(a: Weights, b: Weights): number {
  let [difference, size] = [0, 0];
  for (const [name, { data }] of Object.entries(a)) {
    for (const [i, value] of data.entries()) {
      difference = Math.max(difference, Math.abs(value - b[name].data[i]));
      size = Math.max(size, Math.abs(value));
    }
  }
  return difference / size;
}

const permuted = mlpSpec([5, 4, 3], { ends: "permutation" });
const specs: Record<string, SymmetrySpec> = {
  MLP: permuted,
  CNN: publishedNFNCNNSpec(),
  RNN: publishedRNNSpec(),
};

describe("updates move with the network", () => {
  const cases = optimizerKinds().flatMap((kind) =>
    Object.keys(specs).map((name) => [kind, name] as const),
  );
  test.each(cases)("%s on the %s", async (kind, name) => {
    const of = specs[name];
    const theta = someTheta(kind, of, 11);
    const [params, gradients] = [randomRecord(of, 12), randomRecord(of, 13)];
    const move = sampleElement(of, 14);
    const acted = (x: HostRecord) => actOn(of, move, x) as HostRecord;
    const plain = await updatesOf(kind, of, [theta], [params], [[gradients]]);
    const moved = await updatesOf(kind, of, [theta], [acted(params)], [[acted(gradients)]]);
    const one = (record: HostRecord): HostRecord =>
      Object.fromEntries(
        Object.entries(record).map(([key, { shape, data }]) => [
          key,
          { shape: shape.slice(1), data },
        ]),
      );
    expect(distance(acted(one(plain)), one(moved))).toBeLessThan(1e-4);
    expect(distance(one(plain), one(moved))).toBeGreaterThan(0.01); // control: they do move
  });
});

describe("numbers, through kernels and loops, give what the engine computes of a traced function", () => {
  const all: Record<string, SymmetrySpec> = {
    ...specs,
    "CNN of two layers": cnnSpec({ channels: [2, 5, 3], classes: 4, kernel: [3, 2] }),
  };
  const cases = optimizerKinds().flatMap((kind) =>
    Object.keys(all).map((name) => ({ kind, name })),
  );
  test.each(cases)("$kind on the $name, three networks with a theta each", async (at) => {
    const of = all[at.name];
    const thetas = [1, 2, 3].map((seed) => someTheta(at.kind, of, seed));
    const params = [4, 5, 6].map((seed) => randomRecord(of, seed));
    const steps = [7, 8].map((step) => [0, 1, 2].map((i) => randomRecord(of, 10 * step + i)));
    const run = (list: Float32Array[], traced: boolean) =>
      updatesOf(at.kind, of, list, params, steps, { traced });
    const numbers = await run(thetas, false);
    expect(distance(numbers, await run(thetas, true))).toBeLessThan(2e-5);
    const exchanged = [thetas[1], thetas[0], thetas[2]]; // control: each network has a theta of its own
    expect(distance(numbers, await run(exchanged, true))).toBeGreaterThan(1e-3);
  });
});

describe("for one network", () => {
  test.each(optimizerKinds())("%s under jit gives what it gives outside", async (kind) => {
    const optimizer = learnedOptimizer({ kind, spec });
    const run = async (update: typeof optimizer.update) => {
      const params = arraysFromHost(randomRecord(spec, 3));
      let state = optimizer.init(params);
      let last: HostRecord = {};
      for (const seed of [4, 5]) {
        const [updates, next] = update(arraysFromHost(randomRecord(spec, seed)), state, params);
        state = next;
        last = await arraysToHost(updates);
      }
      return last;
    };
    const outside = await run((g, s, p) => optimizer.update(g, s, p));
    const compiled = jit((g: Params, s: OptimizerState, p: Params) => [
      ...optimizer.update(g, s, p),
    ]);
    const inside = await run(
      (g, s, p) => compiled(g, s, keepArrays(p)) as [Params, OptimizerState],
    );
    expect(distance(outside, inside)).toBeLessThan(1e-4);
    const longest = Math.max(
      ...Object.values(outside).flatMap(({ data }) => [...data].map(Math.abs)),
    );
    expect(longest).toBeGreaterThan(1e-6);
  });
  test("tensors that are missing, unknown or of another shape are named", () => {
    const optimizer = learnedOptimizer({ kind: "unf-small", spec });
    const whole = () => arraysFromHost(randomRecord(spec, 3));
    const names = Object.keys(spec.tensors);
    const { [names[0]]: first, ...rest } = whole();
    expect(() => optimizer.init(rest)).toThrow(
      new RegExp(`"${names[0]}" of the spec is not among`),
    );
    expect(() => optimizer.init({ ...whole(), other: np.zeros([2]) })).toThrow(/"other" is not in/);
    const wide = arraysFromHost(randomRecord(mlpSpec([5, 6, 3]), 3));
    expect(() => optimizer.init(wide)).toThrow(/expected \[4, 5\]/);
    first.dispose();
  });
  test.each(optimizerKinds())(
    "%s: a step names a gradient of another shape, an axis of length 1 too",
    (kind) => {
      const optimizer = learnedOptimizer({ kind, spec });
      const whole = () => arraysFromHost(randomRecord(spec, 3));
      const [name] = Object.keys(spec.tensors);
      const step = (gradients: Params) =>
        optimizer.update(gradients, optimizer.init(whole()), whole());
      const { [name]: first, ...rest } = whole();
      expect(() => step(rest)).toThrow(new RegExp(`"${name}" of the spec is missing`));
      const longer = { ...whole(), [name]: np.expandDims(first, -1) };
      expect(() => step(longer)).toThrow(ShapeError);
      expect(() => step({ ...whole(), other: np.zeros([2]) })).toThrow(
        /"other" is not in the spec/,
      );
      expect(Object.keys(step(whole())[0])).toEqual(Object.keys(spec.tensors)); // control
    },
  );
  test.each(optimizerKinds().filter((kind) => kind !== "sgdm"))(
    "%s: a step names a parameter of another shape",
    (kind) => {
      const optimizer = learnedOptimizer({ kind, spec });
      const whole = () => arraysFromHost(randomRecord(spec, 3));
      const [name] = Object.keys(spec.tensors);
      const step = (params: Params) => optimizer.update(whole(), optimizer.init(whole()), params);
      const { [name]: first, ...rest } = whole();
      expect(() => step(rest)).toThrow(new RegExp(`"${name}" of the spec is missing`));
      for (const shape of [[1], [...first.shape, 1]])
        expect(() => step({ ...whole(), [name]: np.ones(shape) })).toThrow(ShapeError);
      expect(Object.keys(step(whole())[0])).toEqual(Object.keys(spec.tensors)); // control
    },
  );
  test("a theta bound to a spec is refused on another list of tensors; one that is not acts on another width and depth", () => {
    const { thetaShapes, initialTheta } = optimizerKind("unf").program(spec);
    expect(Object.keys(thetaShapes)).toContain("out.mix0");
    const deep = mlpSpec([5, 6, 6, 3]);
    expect(() => learnedOptimizer({ kind: "unf", spec: deep, theta: initialTheta(0) })).toThrow(
      /another list of tensors/,
    );
    learnedOptimizer({ kind: "unf", spec: mlpSpec([5, 9, 3]), theta: initialTheta(0) });
    const shared = optimizerKind("unf-small").program(spec).initialTheta(0);
    learnedOptimizer({ kind: "unf-small", spec: deep, theta: shared });
  });
});

test("a spec that fixes an axis in vain changes nothing: optimizers permute every axis", () => {
  const fixed = weakenSpec(permuted, { fix: Object.keys(permuted.axes).slice(0, 1) });
  const shapes = (of: SymmetrySpec) => optimizerKind("unf").program(of).thetaShapes;
  expect(shapes(fixed)).toEqual(shapes(permuted));
});
