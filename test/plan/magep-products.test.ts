// MAGEP-NFN and Monomial-NFN as formulas over one planner: published counts to the unit, published integers to the digit,
// equivariance in float64, redundancies, and one pass against all pairs.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import type { DenseFeature } from "../../src/layers/reference/reference.ts";
import { referenceDerived } from "../support/products/reference-derived.ts";
import { layerSequence } from "../../src/plan/layer-sequence.ts";
import { magepProducts, type MagepOptions } from "../../src/plan/products/magep-products.ts";
import { readAll } from "../../src/plan/roles.ts";
import { planLowered } from "../../src/plan/plan-spec.ts";
import { lowerSpec, type LoweredSpec } from "../../src/symmetry/lower.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import {
  doubleWeights,
  gap,
  hostAtoms,
  moved,
  normalCoefficients,
  onesCoefficients,
  referenceLayer,
} from "../support/products/derived.ts";
import { rank } from "../support/terms.ts";

const spec = (sizes: readonly number[], scale: "positive" | "sign" = "positive") =>
  mlpSpec(sizes, { scale });

const magep = (sizes: readonly number[], options?: MagepOptions): LoweredSpec => {
  const lowered = lowerSpec(spec(sizes));
  return magepProducts(lowered, layerSequence(lowered, "magep"), options);
};

/** Trainable numbers of a layer of d inputs and e outputs. */
function count(lowered: LoweredSpec, d: number, e: number): number {
  const { plan, schedule } = planLowered(lowered, "respect");
  const pairs = schedule.widths.reduce((sum, { input, output }) => sum + input * output, 0);
  const scalar = plan.products.findIndex(({ slots }) => slots.length === 0);
  return pairs * d * e + schedule.widths[scalar].output * e;
}

describe("trainable numbers, as published", () => {
  test.each([
    [[2, 32, 32, 1], 4, 756],
    [[2, 32, 32, 1], 16, 12_048],
    [[2, 32, 32, 3], 16, 36_656],
    [[1, 16, 16, 16, 10], 20, 353_800],
  ])("MAGEP %j, %i to %i channels", (sizes, channels, published) => {
    expect(count(magep(sizes), channels, channels)).toBe(published);
  });
  test.each([
    [[2, 32, 32, 1], 4, 232],
    [[2, 32, 32, 1], 16, 3232],
    [[1, 16, 16, 16, 10], 20, 24_020],
  ])("the invariant MAGEP layer of %j, %i channels: %i with its psi", (sizes, d, published) => {
    const [inputs, outputs, layers] = [sizes[0], sizes[sizes.length - 1], sizes.length - 1];
    const psi = d * outputs * (1 + inputs) * layers;
    const lowered = magep(sizes, { invariant: true, trained: true });
    expect(count(readAll(lowered), d, d) + psi).toBe(published);
    const trained = lowered.tensors.reduce(
      (sum, { formula }) =>
        sum + (formula?.op === "map" && formula.trained ? formula.from * formula.to * d : 0),
      0,
    );
    expect(trained).toBe(psi);
  });
  test.each([
    [[2, 32, 32, 1], 1, 4, 56, 64],
    [[2, 32, 32, 1], 16, 16, 3344, 3856],
    [[2, 32, 32, 3], 16, 16, 7472, 9008],
  ])("Monomial %j, %i to %i: %i, %i with signs", (sizes, d, e, positive, sign) => {
    expect(count(lowerSpec(spec(sizes)), d, e)).toBe(positive);
    expect(count(lowerSpec(spec(sizes, "sign")), d, e)).toBe(sign);
  });
});

/** Coefficients all 1, sums, constants 1 on the last bias: outputs by tensor name. */
function ones(lowered: LoweredSpec, weights: Record<string, number[]>): Record<string, number[]> {
  const tensors = Object.entries(lowered.spec.tensors).map(([name, { shape }]) => [
    name,
    { shape, data: Float64Array.from(weights[name]) },
  ]);
  const outputs = referenceLayer(
    planLowered(lowered, "respect"),
    hostAtoms(lowered, Object.fromEntries(tensors)),
    onesCoefficients,
    () => 1,
    "sum",
  );
  return Object.fromEntries(
    lowered.tensors.flatMap(({ id, name, dims, role }) =>
      role === undefined || role === "both" || role === "target"
        ? [[name, [...outputs[id].data].map((x) => x + (dims.length === 0 ? 1 : 0))]]
        : [],
    ),
  );
}

describe("published integers, to the digit", () => {
  const a = { "fc1.weight": [1, 2], "fc2.weight": [3, 4], "fc1.bias": [5, 6], "fc2.bias": [7] };
  const b = {
    "fc1.weight": [1, 2, 3, 4],
    "fc2.weight": [1, -1, 2, 0, 0, 1],
    "fc3.weight": [1, 2, 3],
    "fc1.bias": [1, 2],
    "fc2.bias": [0, 1, -1],
    "fc3.bias": [5],
  };
  const named = (w1: number[], w2: number[], b1: number[], b2: number[]) => ({
    "fc1.weight": w1,
    "fc1.bias": b1,
    "fc2.weight": w2,
    "fc2.bias": b2,
  });
  test("A: 1-2-1", () => {
    const sums = { sums: true };
    expect(ones(magep([1, 2, 1], sums), a)).toEqual(named([72, 96], [57, 76], [72, 96], [306]));
    expect(ones(lowerSpec(spec([1, 2, 1])), a)).toEqual(named([6, 8], [3, 4], [6, 8], [8]));
    expect(ones(readAll(magep([1, 2, 1], { ...sums, invariant: true })), a)["~number"]).toEqual([
      306,
    ]);
  });
  test("B: 2-2-3-1", () => {
    const sizes = [2, 2, 3, 1];
    expect(ones(magep(sizes, { sums: true }), b)).toEqual({
      "fc1.weight": [120, 120, 270, 270],
      "fc2.weight": [-19, -9, 37, 14, 30, 13],
      "fc3.weight": [35, 70, 105],
      "fc1.bias": [120, 270],
      "fc2.bias": [-121, 212, 182],
      "fc3.bias": [1095],
    });
    const monomial = {
      "fc1.weight": [4, 4, 9, 9],
      "fc2.weight": b["fc2.weight"],
      "fc3.weight": [1, 2, 3],
      "fc1.bias": [4, 9],
      "fc2.bias": [0, 1, -1],
      "fc3.bias": [6],
    };
    expect(ones(lowerSpec(spec(sizes)), b)).toEqual(monomial);
    expect(ones(lowerSpec(spec(sizes, "sign")), b)).toEqual({
      ...monomial,
      "fc3.weight": [1, 3, 2],
      "fc2.bias": [1, 3, 2],
    });
    expect(ones(readAll(magep(sizes, { sums: true, invariant: true })), b)["~number"]).toEqual([
      1095,
    ]);
  });
});

describe("equivariance in float64, sizes 2-5-6-4-3", () => {
  const sizes = [2, 5, 6, 4, 3];
  const error = (lowered: LoweredSpec, group: "positive" | "sign") => {
    const acting = spec(sizes, group);
    const element = sampleElement(acting, 4);
    const weights = doubleWeights(acting, 2);
    const random = randomStream(9);
    const coefficients = Array.from({ length: 500 }, () => random.normal());
    const run = (w: typeof weights): DenseFeature[] =>
      referenceLayer(
        planLowered(lowered, "respect"),
        hostAtoms(lowered, w),
        normalCoefficients(1),
        (i) => coefficients[i % 500],
        "sum",
      );
    const [before, after] = [run(weights), run(actOn(acting, element, weights))];
    const moving = { ...lowered, spec: acting };
    const errors = lowered.tensors.flatMap((tensor, id) =>
      tensor.role === undefined || tensor.role === "target"
        ? [gap(after[id], moved(moving, tensor, element, before[id]))]
        : [],
    );
    return Math.max(...errors);
  };
  test("Monomial and MAGEP for ReLU under positive scales and under signs", () => {
    for (const lowered of [lowerSpec(spec(sizes)), magep(sizes)]) {
      expect(error(lowered, "positive")).toBeLessThan(1e-12);
      expect(error(lowered, "sign")).toBeLessThan(1e-12);
    }
    const invariant = readAll(magep(sizes, { invariant: true }));
    expect(error(invariant, "positive")).toBeLessThan(1e-12);
    expect(error(invariant, "sign")).toBeLessThan(1e-12);
  });
  test("controls: the sign variant under positive scales, and layers that ignore scales, fail", () => {
    const signs = lowerSpec(spec(sizes, "sign"));
    expect(error(signs, "sign")).toBeLessThan(1e-12);
    expect(error(signs, "positive")).toBeGreaterThan(0.1);
    expect(
      error(
        { ...magep(sizes), axes: magep(sizes).axes.map((axis) => ({ ...axis, scale: null })) },
        "positive",
      ),
    ).toBeGreaterThan(0.1);
  });
});

test("what traces add: ranks 31, 31, 31 apart by layer, 25, 25, 28 summed", () => {
  const sizes = [2, 5, 6, 4, 3];
  const lowered = magep(sizes, { sums: true });
  const layers = layerSequence(lowerSpec(spec(sizes)), "magep");
  const apart: number[][] = [];
  const shared: number[][] = [];
  const wwTraces: number[][] = [];
  const bwTraces: number[][] = [];
  for (let seed = 0; seed < 400; seed++) {
    const values = referenceDerived(
      lowered,
      hostAtoms(lowered, doubleWeights(spec(sizes), seed)),
      1,
      normalCoefficients(1),
    );
    const of = (end: string) =>
      lowered.tensors.flatMap(({ id, name }) => (name.endsWith(end) ? [[...values[id].data]] : []));
    const whole = lowered.tensors.find(({ name }) => name === "fc4.weight~w");
    const bases = [
      [...values[whole?.id ?? -1].data],
      of("fc4.weight~ww0").flat(),
      of("fc4.weight~bw0").flat(),
      [...values[layers[3].bias].data],
    ].flat();
    const ends = [...of("~end")].flat();
    apart.push([...bases, ...ends, 1]);
    shared.push([...bases, ...of("fc4.weight~wb").flat(), 1]);
    wwTraces.push(of("~ww.trace").flat());
    bwTraces.push(of("~bw.trace").flat());
  }
  const ranks = (base: number[][]) =>
    [
      base,
      base.map((row, i) => [...row, ...wwTraces[i]]),
      base.map((row, i) => [...row, ...bwTraces[i]]),
    ].map((rows) => {
      const scale = rows[0].map((_, column) =>
        Math.max(...rows.map((row) => Math.abs(row[column]))),
      );
      return rank(rows.map((row) => row.map((x, column) => x / scale[column])));
    });
  expect(apart[0]).toHaveLength(31);
  expect(ranks(apart)).toEqual([31, 31, 31]);
  expect(shared[0]).toHaveLength(25);
  expect(ranks(shared)).toEqual([25, 25, 28]);
});

test("one pass equals all pairs of layers", () => {
  const sizes = [2, 5, 6, 4, 3];
  const weights = doubleWeights(spec(sizes), 6);
  const lowered = magep(sizes, { sums: true });
  const values = referenceDerived(lowered, hostAtoms(lowered, weights), 1, normalCoefficients(1));
  const named = (name: string) => {
    const tensor = lowered.tensors.find((candidate) => candidate.name === name);
    return [...values[tensor?.id ?? -1].data];
  };
  const multiply = (a: ArrayLike<number>, b: ArrayLike<number>, n: number, inner: number) => {
    const columns = b.length / inner;
    return Array.from({ length: n * columns }, (_, at) => {
      const [i, j] = [Math.floor(at / columns), at % columns];
      return Array.from({ length: inner }, (__, k) => a[i * inner + k] * b[k * columns + j]).reduce(
        (x, y) => x + y,
      );
    });
  };
  const w = (layer: number) => weights[`fc${layer}.weight`].data;
  /** W_s ... W_(t+1), every pair by itself. */
  const between = (s: number, t: number): ArrayLike<number> =>
    s === t + 1 ? w(s) : multiply(w(s), between(s - 1, t), sizes[s], sizes[s - 1]);
  const near = (a: readonly number[], b: ArrayLike<number>) => {
    expect(a).toHaveLength(b.length);
    for (const [i, value] of a.entries()) expect(value).toBeCloseTo(b[i], 10);
  };
  for (const s of [2, 3, 4]) {
    near(named(`fc${s}.weight~w`), between(s, 0));
    const carried = Array.from({ length: s - 1 }, (_, t) =>
      multiply(between(s, t + 1), weights[`fc${t + 1}.bias`].data, sizes[s], sizes[t + 1]),
    );
    near(
      named(`fc${s}.weight~wb`),
      carried.reduce((x, y) => x.map((value, i) => value + y[i])),
    );
  }
  for (const t of [2, 3]) {
    // Suffixes have outputs behind the hidden axis.
    const whole = between(4, t - 1);
    const turned = Array.from(
      { length: whole.length },
      (_, at) => whole[(at % 3) * sizes[t - 1] + Math.floor(at / 3)],
    );
    near(named(`fc${t}.weight~suffix`), turned);
  }
  expect(named("fc3.weight~w")).not.toEqual(named("fc2.weight~w"));
});
