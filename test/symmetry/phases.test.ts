// Phase axes: their group acts, composes and inverts as that of sin(omega x) and cos(omega x) does, and files hold them.

import { expect, test } from "vitest";
import type { Tensor, Weights } from "../../src/core/tensors.ts";
import { actOn } from "../../src/symmetry/act.ts";
import {
  composeElements,
  type GroupElement,
  identityElement,
  invertElement,
  sampleElement,
} from "../../src/symmetry/element.ts";
import { specFromJSON, specToJSON } from "../../src/symmetry/json.ts";
import { sirenSpec } from "../../src/symmetry/presets/mlp.ts";
import { withoutPhases, withPhases } from "../../src/symmetry/phases.ts";
import { formatGroup } from "../../src/symmetry/print.ts";
import { specDifference } from "../../src/symmetry/same-spec.ts";
import { defineSpec, type SpecDefinition } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { weakenSpec } from "../../src/symmetry/weaken.ts";
import { randomStream } from "../../src/core/random.ts";

const sizes = [2, 5, 6, 1];
const omega = 30;
const sine = sirenSpec(sizes, { omega });
const cosine = defineSpec({
  axes: {
    in: { size: 2, group: "fixed" },
    h1: { size: 5, group: "permutation", scale: "phase", omega, wave: "cosine" },
    h2: { size: 6, group: "permutation", scale: "phase", omega, wave: "cosine" },
    out: { size: 1, group: "fixed" },
  },
  tensors: {
    "fc1.weight": ["h1", "in"],
    "fc1.bias": { axes: ["h1"], shift: "h1" },
    "fc2.weight": ["h2", "h1^-1"],
    "fc2.bias": { axes: ["h2"], shift: "h2" },
    "fc3.weight": ["out", "h2^-1"],
    "fc3.bias": ["out"],
  },
});

/** Weights of 64 bits of the size that such networks have. */
function weightsOf(spec: SymmetrySpec, seed: number): Weights {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => {
      const count = shape.reduce((product, size) => product * size, 1);
      return [
        name,
        { shape, data: Float64Array.from({ length: count }, () => random.normal() / 8) },
      ];
    }),
  );
}

/** What a network with this wave computes for one input. */
function outputs(
  weights: Weights,
  wave: (x: number) => number,
  input: readonly number[],
): number[] {
  let x = [...input];
  for (let layer = 1; layer < sizes.length; layer++) {
    const { data, shape } = weights[`fc${layer}.weight`];
    const bias = weights[`fc${layer}.bias`].data;
    const sums = Array.from({ length: shape[0] }, (_, i) =>
      x.reduce((sum, value, j) => sum + value * data[i * shape[1] + j], bias[i]),
    );
    x = layer === sizes.length - 1 ? sums : sums.map((sum) => wave(omega * sum));
  }
  return x;
}

const farthest = (a: readonly number[], b: readonly number[]) =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i])));
const inputs = [
  [0.3, -0.8],
  [-0.5, 0.1],
];

test.each([
  ["sine", sine, Math.sin],
  ["cosine", cosine, Math.cos],
] as const)(
  "elements of phase axes leave a network of %ss as it is, half a winding does not",
  (_name, spec, wave) => {
    const weights = weightsOf(spec, 1);
    let moved = 0;
    for (let seed = 0; seed < 50; seed++) {
      const element = sampleElement(spec, seed, { windings: 40 });
      const acted = actOn(spec, element, weights);
      for (const input of inputs)
        expect(farthest(outputs(weights, wave, input), outputs(acted, wave, input))).toBeLessThan(
          1e-11,
        );
      moved = Math.max(moved, ...element["h1"].windings!.flat());
    }
    expect(moved).toBeGreaterThan(30);
    const half: Tensor = {
      ...weights["fc1.bias"],
      data: weights["fc1.bias"].data.map((x, i) => x + (i === 0 ? Math.PI / (2 * omega) : 0)),
    };
    const control = { ...weights, "fc1.bias": half };
    expect(
      farthest(outputs(weights, wave, inputs[0]), outputs(control, wave, inputs[0])),
    ).toBeGreaterThan(1e-3);
  },
);

const largestGap = (a: Weights, b: Weights) =>
  Math.max(...Object.keys(a).map((name) => farthest([...a[name].data], [...b[name].data])));

test.each([
  ["sine", sine],
  ["cosine", cosine],
] as const)("elements of %s axes compose and invert as their actions do", (_name, spec) => {
  const weights = weightsOf(spec, 2);
  for (let seed = 0; seed < 20; seed++) {
    const first = sampleElement(spec, seed);
    const then = sampleElement(spec, 100 + seed);
    const composed = composeElements(spec, then, first);
    const inTurn = actOn(spec, then, actOn(spec, first, weights));
    expect(largestGap(actOn(spec, composed, weights), inTurn)).toBeLessThan(1e-12);
    const other = composeElements(spec, first, then);
    expect(largestGap(actOn(spec, other, weights), inTurn)).toBeGreaterThan(1e-3);
    const inverse = invertElement(spec, first);
    expect(composeElements(spec, inverse, first)).toEqual(identityElement(spec));
    expect(largestGap(actOn(spec, inverse, actOn(spec, first, weights)), weights)).toBeLessThan(
      1e-12,
    );
  }
});

test("an element without windings acts on sines as sign flips do, bit by bit", () => {
  const weights = weightsOf(sine, 3);
  const signs = withoutPhases(sine);
  const element = sampleElement(sine, 4, { windings: 0 });
  expect(actOn(sine, element, weights)).toEqual(actOn(signs, element, weights));
  const wound: GroupElement = { ...element, h1: { ...element["h1"], windings: [[1, 0, 0, 0, 0]] } };
  expect(actOn(sine, wound, weights)).not.toEqual(actOn(signs, element, weights));
});

test("files with phases name version 2 and come back equal, others stay version 1", () => {
  for (const spec of [sine, cosine]) {
    const json = specToJSON(spec);
    expect(json.format).toBe("weightspace/spec@2");
    expect(specDifference(specFromJSON(JSON.parse(JSON.stringify(json))), spec)).toBeNull();
    expect(specToJSON(specFromJSON(json))).toEqual(json);
  }
  expect(specToJSON(sirenSpec(sizes)).format).toBe("weightspace/spec@1");
  expect(specFromJSON({ ...specToJSON(sirenSpec(sizes)), format: "weightspace/spec@2" })).toEqual(
    sirenSpec(sizes),
  );
});

test("version 1 knows no phases", () => {
  const json = specToJSON(sine);
  expect(() => specFromJSON({ ...json, format: "weightspace/spec@1" })).toThrow(
    /"omega", which needs "format": "weightspace\/spec@2"/,
  );
  const { axes, tensors } = specToJSON(sirenSpec(sizes));
  const shifted = { ...tensors, "fc1.bias": { ...tensors["fc1.bias"], shift: "h1" } };
  expect(() => specFromJSON({ format: "weightspace/spec@1", axes, tensors: shifted })).toThrow(
    /"shift" needs/,
  );
});

const wrong: [
  string,
  Partial<SpecDefinition["axes"][string]>,
  SpecDefinition["tensors"],
  RegExp,
][] = [
  ["no omega", { scale: "phase" }, {}, /needs "omega", a number from .*, got none/],
  ["an omega too small for shifts", { scale: "phase", omega: 1e-320 }, {}, /needs "omega"/],
  ["an omega in text", { scale: "phase", omega: "30" as unknown as number }, {}, /got "30"/],
  ["a negative omega", { scale: "phase", omega: -1 }, {}, /needs "omega"/],
  ["an unknown wave", { scale: "phase", omega: 1, wave: "saw" as "sine" }, {}, /wave must be/],
  ["omega without phases", { scale: "sign", omega: 30 }, {}, /"omega" is for axes/],
  ["no shifted tensor", { scale: "phase", omega: 1 }, { b: ["h"] }, /no tensor is shifted/],
  ["a shift along nothing", {}, { b: { axes: ["h"], shift: "g" } }, /names no axis/],
  ["a shift along signs", { scale: "sign" }, { b: { axes: ["h"], shift: "h" } }, /names no axis/],
  [
    "a shift along an inverse dimension",
    { scale: "phase", omega: 1 },
    { b: { axes: ["h^-1"], shift: "h" } },
    /cannot have "h\^-1"/,
  ],
  [
    "a shift along an axis the tensor lacks",
    { scale: "phase", omega: 1 },
    { b: { axes: ["h"], shift: "h" }, c: { axes: ["in"], shift: "h" } },
    /no dimension of it has that axis/,
  ],
  [
    "h^0",
    { scale: "phase", omega: 1 },
    { b: { axes: ["h"], shift: "h" }, c: ["h^0"] },
    /phases act/,
  ],
];

test.each(wrong)("a spec with %s is refused", (_name, part, tensors, message) => {
  const axes = {
    in: { size: 2, group: "fixed" },
    h: { size: 3, group: "permutation", ...part },
  } as const;
  expect(() => defineSpec({ axes, tensors: { w: ["h", "in"], ...tensors } })).toThrow(message);
});

test("phases are added to specs with signs, and taken away again", () => {
  const signs = sirenSpec(sizes);
  const phases = withPhases(signs, { omega });
  expect(specDifference(phases, sine)).toBeNull();
  expect(formatGroup(phases.axes["h1"])).toBe("S_5 with phases of omega 30");
  expect(specDifference(sine, sirenSpec(sizes, { omega: 29 }))).toContain("different groups");
  expect(specDifference(sine, signs)).toContain("shifted by phases in one only");
  const weak = weakenSpec(sine, { dropScale: ["h1"] });
  expect(weak.axes["h1"]).toEqual({ size: 5, group: "permutation" });
  expect(weak.tensors["fc1.bias"].shift).toBeUndefined();
  expect(weak.tensors["fc2.bias"].shift).toBe("h2");
  expect(() => withPhases(sirenSpec(sizes, { bias: false }), { omega })).toThrow(/bias of its own/);
});
