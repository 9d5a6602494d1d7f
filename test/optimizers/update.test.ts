// One step of learned optimizers, worked out a second time on plain numbers and with the layers of functionals.

import { jit, numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
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
import { stackThetas, thetaFromVector, thetaSize } from "../../src/optimizers/host-theta.ts";
import { learnedOptimizer } from "../../src/optimizers/learned-optimizer.ts";
import type { Params } from "../../src/models/model.ts";
import type { OptimizerState } from "../../src/train/optimizers/update-rules.ts";
import { optimizerKind, optimizerKinds } from "../../src/optimizers/registry.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { weakenSpec } from "../../src/symmetry/weaken.ts";
import { publishedNFNCNNSpec, publishedRNNSpec } from "../support/published-specs.ts";

beforeAll(() => startEngine());

const spec = mlpSpec([5, 4, 3]);
const decays = [0.1, 0.5, 0.9, 0.99, 0.999, 0.9999];
const scales = [1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5];

function random(of: SymmetrySpec, seed: number, size = 1): HostRecord {
  const stream = randomStream(seed);
  return Object.fromEntries(
    Object.entries(of.tensors).map(([name, { shape }]) => [
      name,
      { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => size * stream.normal()) },
    ]),
  );
}

/** Several networks' arrays in one record [n, ...]. */
function together(records: readonly HostRecord[]): HostRecord {
  return Object.fromEntries(
    Object.entries(records[0]).map(([name, { shape }]) => [
      name,
      {
        shape: [records.length, ...shape],
        data: Float32Array.from(records.flatMap((record) => [...record[name].data])),
      },
    ]),
  );
}

/** Theta with numbers everywhere, zeros at the start included. */
function someTheta(kind: string, of: SymmetrySpec, seed: number): Float32Array {
  const { thetaShapes } = optimizerKind(kind).program(of);
  const stream = randomStream(seed);
  return Float32Array.from({ length: thetaSize(thetaShapes) }, () => 0.2 * stream.normal());
}

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
  const outputs = features.close(layer.apply(params, features.open(arrays)), 1);
  const host = await arraysToHost(outputs);
  return Object.fromEntries(
    Object.keys(spec.tensors).map((name, t) => [
      name,
      Array.from(host[name].data, (x) => x + theta["out.bias"].data[t]),
    ]),
  );
}

/** The updates of the last of several steps of n networks with a theta each. */
async function updatesOf(
  kind: string,
  of: SymmetrySpec,
  thetas: readonly Float32Array[],
  params: readonly HostRecord[],
  gradients: readonly (readonly HostRecord[])[],
): Promise<HostRecord> {
  const program = optimizerKind(kind).program(of);
  const prepared = program.prepare(stackThetas(program.thetaShapes, thetas));
  const weights = arraysFromHost(together(params));
  let state = program.initialState(thetas.length);
  let last: HostRecord = {};
  for (const step of gradients) {
    const [updates, next] = program.update(
      prepared,
      arraysFromHost(together(step)),
      state,
      weights,
    );
    state = next;
    last = await arraysToHost(updates);
  }
  return last;
}

describe("the published rule", () => {
  test.each(["deep-sets", "unf", "nfn"])(
    "%s: three steps of two networks are those of the definition, each with its own theta",
    async (kind) => {
      const { thetaShapes } = optimizerKind(kind).program(spec);
      const thetas = [1, 2].map((seed) => someTheta(kind, spec, seed));
      const params = [random(spec, 3), random(spec, 4, 2)];
      const gradients = [5, 6, 7].map((seed) => [random(spec, seed, 0.1), random(spec, 10 * seed)]);
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

describe("Celo2", () => {
  /** The 30 inputs of a matrix after several gradients, column by column, from their description. */
  function inputsByDefinition(shape: readonly [number, number], p: number[], gs: number[][]) {
    const [rows, columns] = shape;
    const size = rows * columns;
    const largest = rows > columns ? 0 : 1;
    const momentDecays = [0.9, 0.99, 0.999];
    const g = gs[gs.length - 1];
    const running = (decay: number, of: (g_: number[]) => number[]) =>
      gs
        .map(of)
        .reduce(
          (mean, x) => x.map((v, i) => decay * (mean[i] ?? 0) + (1 - decay) * v),
          [] as number[],
        );
    const moments = momentDecays.map((decay) => running(decay, (x) => x));
    const second = running(0.95, (x) => x.map((v) => v * v));
    /** Means of squares over one axis, spread over the matrix again. */
    const meansOver = (axis: number) => (x: number[]) =>
      x.map((_, i) => {
        const own = axis === 1 ? Math.floor(i / columns) : i % columns;
        const mates = x.filter(
          (_1, j) => (axis === 1 ? Math.floor(j / columns) : j % columns) === own,
        );
        return mates.reduce((sum, v) => sum + v * v, 0) / mates.length;
      });
    const rowsOf = momentDecays.map((decay) => running(decay, meansOver(largest)));
    const columnsOf = momentDecays.map((decay) => running(decay, meansOver(1 - largest)));
    const rowFactor = rowsOf.map((x) => {
      const mean = x.reduce((sum, v) => sum + v, 0) / size;
      return x.map((v) => 1 / Math.sqrt(v / mean));
    });
    const columnFactor = columnsOf.map((x) => x.map((v) => 1 / Math.sqrt(v)));
    const root = second.map((v) => 1 / Math.sqrt(v + 1e-8));
    const times = (...list: number[][]) =>
      list[0].map((_, i) => list.reduce((x, y) => x * y[i], 1));
    const inputs = [
      g,
      g.map((x) => Math.max(-0.1, Math.min(0.1, x))),
      p,
      ...moments,
      second,
      ...moments.map((m) => times(m, root)),
      root,
      ...[0, 1, 2].map((d) => times(g, rowFactor[d], columnFactor[d])),
      times(g, root),
      ...rowsOf,
      ...columnsOf,
      ...rowsOf.map((x) => x.map((v) => 1 / Math.sqrt(v + 1e-8))),
      ...columnsOf.map((x) => x.map((v) => 1 / Math.sqrt(v + 1e-8))),
      ...[0, 1, 2].map((d) => times(moments[d], rowFactor[d], columnFactor[d])),
    ];
    return inputs.map((x) => {
      const square = x.reduce((sum, v) => sum + v * v, 0) / size;
      return x.map((v) => v / Math.sqrt(square + 1e-9));
    });
  }
  test.each([
    [4, 5],
    [5, 3],
  ] as const)(
    "two steps of a %i x %i matrix are those of the description",
    async (rows, columns) => {
      const of = defineSpec({
        axes: {
          a: { size: rows, group: "permutation" },
          b: { size: columns, group: "permutation" },
        },
        tensors: { w: ["a", "b"] },
      });
      const theta = someTheta("celo2", of, 6);
      const params = random(of, 7);
      const gradients = [8, 9].map((seed) => random(of, seed));
      const updates = await updatesOf(
        "celo2",
        of,
        [theta],
        [params],
        gradients.map((g) => [g]),
      );
      const arrays = thetaFromVector(optimizerKind("celo2").program(of).thetaShapes, theta);
      const numbers = (record: HostRecord) => Array.from(record["w"].data);
      const inputs = inputsByDefinition([rows, columns], numbers(params), gradients.map(numbers));
      expect(inputs).toHaveLength(30);
      const directions = inputs[0].map((_, entry) => {
        let x = inputs.map((input) => input[entry]);
        for (const layer of [0, 1, 2]) {
          const { shape, data } = arrays[`dense${layer}.weight`];
          const bias = arrays[`dense${layer}.bias`].data;
          x = Array.from({ length: shape[1] }, (_1, out) => {
            const sum = x.reduce((s, v, i) => s + v * data[i * shape[1] + out], bias[out]);
            return layer === 2 ? sum : Math.max(0, sum);
          });
        }
        return x[0];
      });
      const size = Math.sqrt(directions.reduce((sum, d) => sum + d * d, 0) / directions.length);
      for (const [i, direction] of directions.entries())
        expect(updates["w"].data[i]).toBeCloseTo((-0.001 * direction) / size, 6);
      expect(new Set(Array.from(updates["w"].data, (u) => u.toFixed(5))).size).toBeGreaterThan(3);
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
    const [params, gradients] = [random(of, 12), random(of, 13)];
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

describe("for one network", () => {
  test.each(optimizerKinds())("%s under jit gives what it gives outside", async (kind) => {
    const optimizer = learnedOptimizer({ kind, spec });
    const run = async (update: typeof optimizer.update) => {
      const params = arraysFromHost(random(spec, 3));
      let state = optimizer.init(params);
      let last: HostRecord = {};
      for (const seed of [4, 5]) {
        const [updates, next] = update(arraysFromHost(random(spec, seed)), state, params);
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
    const whole = () => arraysFromHost(random(spec, 3));
    const names = Object.keys(spec.tensors);
    const { [names[0]]: first, ...rest } = whole();
    expect(() => optimizer.init(rest)).toThrow(
      new RegExp(`"${names[0]}" of the spec is not among`),
    );
    expect(() => optimizer.init({ ...whole(), other: np.zeros([2]) })).toThrow(/"other" is not in/);
    const wide = arraysFromHost(random(mlpSpec([5, 6, 3]), 3));
    expect(() => optimizer.init(wide)).toThrow(/expected \[4, 5\]/);
    first.dispose();
  });
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
