// Lowering keeps the group: an axis within a fixed axis becomes one axis per index, and nothing is lost or added.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { proveSpec } from "../../src/infer/proof/prove.ts";
import { planSpec } from "../../src/plan/plan-spec.ts";
import { equivariantUNF } from "../../src/models/unf.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { actOnTensor } from "../../src/symmetry/act.ts";
import { densePart } from "../../src/symmetry/dense.ts";
import {
  enclosingAxes,
  type GroupElement,
  instanceCount,
  sampleElement,
} from "../../src/symmetry/element.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { baseAxis, decompose } from "../../src/symmetry/parts.ts";
import { defineSpec, type SpecDefinition } from "../../src/symmetry/spec.ts";
import type { Axis, SymmetrySpec } from "../../src/symmetry/types.ts";
import { equivarianceError } from "../../src/testing/equivariance.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { noisyParams, weightMap } from "../support/maps.ts";
import { onnxBuilder } from "../support/graphs/onnx-builder.ts";

/** `g` blocks that move, each of `f` fixed places, each of `v` units that move. */
const nested: SpecDefinition = {
  axes: {
    g: { size: 2, group: "permutation" },
    f: { size: 3, group: "fixed", within: "g" },
    v: { size: 3, group: "permutation", within: "f" },
  },
  tensors: { w: ["g * f * v", "5"], b: ["g * f * v"], a: ["g", "f", "v"] },
};

const specs: Readonly<Record<string, SpecDefinition>> = {
  "an axis within a fixed axis": {
    axes: { f: { size: 3, group: "fixed" }, v: { size: 4, group: "permutation", within: "f" } },
    tensors: { w: ["f * v", "2"], square: ["f * v", "f * v"], plain: ["f"] },
  },
  "an axis within a fixed axis within a moving one": nested,
  "two fixed axes between two moving ones": {
    axes: {
      g: { size: 2, group: "permutation", scale: "sign" },
      e: { size: 2, group: "fixed", within: "g" },
      f: { size: 3, group: "fixed", within: "e" },
      v: { size: 2, group: "permutation", scale: "positive", within: "f" },
      u: { size: 2, group: "permutation", within: "v" },
    },
    tensors: { w: ["g * e * f * v", "f"], deep: ["u", "g * e * f * v^-1"], b: ["g * e + g"] },
  },
};

const isFixed = (spec: SymmetrySpec) => (axis: string | null) =>
  axis === null || baseAxis(spec, axis).group === "fixed";

/** The group of a lowered spec on its atomic tensors, as a spec of its own. */
function atomicSpec(spec: SymmetrySpec) {
  const lowered = lowerSpec(spec);
  const { parts } = decompose(spec, isFixed(spec));
  const moving = lowered.axes.map(({ name, size, parent, group, scale }): [string, Axis] => [
    name,
    {
      size,
      group,
      ...(scale !== null && { scale }),
      ...(parent !== null && { within: lowered.axes[parent].name }),
    },
  ]);
  const tensors = parts.map(({ name, dims }) => [
    name,
    {
      shape: dims.map(({ size }) => size),
      axes: dims.map(({ axis, size, inverse }) =>
        isFixed(spec)(axis) || axis === null
          ? { kind: "block" as const, size }
          : { kind: "axis" as const, name: axis, inverse },
      ),
    },
  ]);
  const axes: Record<string, Axis> = Object.fromEntries(moving);
  return { parts, spec: { axes, tensors: Object.fromEntries(tensors) } };
}

/** The element of the lowered group that does what an element of the spec's group does. */
function lowerElement(spec: SymmetrySpec, axes: SymmetrySpec["axes"], element: GroupElement) {
  const actions = Object.keys(axes).map((lowered) => {
    const [base, ...places] = lowered.split("#");
    const enclosing = enclosingAxes(spec, base);
    const instances = Array.from({ length: instanceCount({ axes }, lowered) }, (_, at) => {
      // The row-major index over all enclosing axes: of fixed ones from the name, of moving ones from the instance.
      let rest = at;
      const left = [...places];
      let [index, stride] = [0, 1];
      for (const outer of enclosing.toReversed()) {
        const { size, group } = spec.axes[outer];
        const i = group === "fixed" ? Number(left.pop()) : rest % size;
        if (group !== "fixed") rest = Math.floor(rest / size);
        index += i * stride;
        stride *= size;
      }
      return index;
    });
    const { permutations, scales } = element[base];
    return [
      lowered,
      {
        permutations: instances.map((i) => permutations[i]),
        ...(scales && { scales: instances.map((i) => scales[i]) }),
      },
    ] as const;
  });
  return Object.fromEntries(actions);
}

describe("the lowered group is the group of the spec", () => {
  test.each(Object.entries(specs))("%s", (_, definition) => {
    const spec = defineSpec(definition);
    const { parts, spec: lowered } = atomicSpec(spec);
    // As many independent copies of every axis's group, so neither group is larger than the other.
    for (const axis of Object.keys(spec.axes)) {
      const copies = Object.keys(lowered.axes).filter((name) => name.split("#")[0] === axis);
      if (spec.axes[axis].group === "fixed") expect(copies).toEqual([]);
      else
        expect(copies.reduce((sum, name) => sum + instanceCount(lowered, name), 0)).toBe(
          instanceCount(spec, axis),
        );
    }
    // And the same action: moving tensors and taking them apart, or taking them apart and moving the parts.
    const weights = randomWeights(spec, 1);
    let controls = 0;
    for (let seed = 0; seed < 5; seed++) {
      const element = sampleElement(spec, seed);
      const inParts = lowerElement(spec, lowered.axes, element);
      const other = lowerElement(spec, lowered.axes, sampleElement(spec, seed + 10));
      for (const part of parts) {
        const { data } = weights[part.tensor];
        const { sizes, data: before } = densePart(part, data);
        const whole = actOnTensor(spec, element, part.tensor, weights[part.tensor]);
        const expected = densePart(part, whole.data).data;
        const tensor = { shape: sizes, data: before };
        expect(actOnTensor(lowered, inParts, part.name, tensor).data).toEqual(expected);
        if (actOnTensor(lowered, other, part.name, tensor).data.some((x, i) => x !== expected[i]))
          controls++;
      }
    }
    expect(controls).toBeGreaterThan(5);
  });

  test("both decompositions hold every entry once", () => {
    for (const definition of Object.values(specs)) {
      const spec = defineSpec(definition);
      for (const unbinds of [undefined, isFixed(spec)]) {
        const { parts } = decompose(spec, unbinds);
        for (const [tensor, { shape }] of Object.entries(spec.tensors)) {
          const count = shape.reduce((product, size) => product * size, 1);
          const numbered = Float64Array.from({ length: count }, (_, i) => i);
          const seen = parts
            .filter((part) => part.tensor === tensor)
            .flatMap((part) => [...densePart(part, numbered).data]);
          expect(seen.toSorted((a, b) => a - b)).toEqual([...numbered]);
        }
      }
    }
  });
});

describe("units within fixed places within blocks", () => {
  beforeAll(() => startEngine());

  test("move independently in every block of a real graph; fixed places do not move", async () => {
    // y = sum over g of relu(sum over f of c[f] * sum over v of a[g, f, v] relu(w[g, f, v] . x + b))
    const b = onnxBuilder(5);
    const gemm = b.node(
      "Gemm",
      [b.input("x", [4, 5]), b.weight("w", [18, 5]), b.weight("b", [18])],
      {
        transB: 1,
      },
    );
    const units = b.node("Reshape", [b.node("Relu", [gemm]), b.constant([4, 2, 3, 3])]);
    const weighted = b.node("Mul", [units, b.weight("a", [2, 3, 3])]);
    const places = b.node("ReduceSum", [weighted, b.constant([3])], { keepdims: 0 });
    const known = b.node("Mul", [places, b.constant([1, -2, 3], "float")]);
    const blocks = b.node("Relu", [b.node("ReduceSum", [known, b.constant([2])], { keepdims: 0 })]);
    b.output(b.node("ReduceSum", [blocks, b.constant([1])], { keepdims: 0 }));
    const inference = inferSpec(readOnnx(b.bytes()));
    const executor = await onnxRuntime();
    const verdict = async (axes: SpecDefinition["axes"]) => {
      const spec = defineSpec({ axes, tensors: nested.tensors });
      return (await proveSpec(b.bytes(), { ...inference, spec }, executor, { seed: 1 })).verdict;
    };
    expect(await verdict(nested.axes)).toBe("proved");
    const moving = { ...nested.axes["f"], group: "permutation" } as const;
    expect(await verdict({ ...nested.axes, f: moving })).toBe("refuted");
  });

  test("and layers over their weights commute with all of that", async () => {
    const spec = defineSpec(nested);
    const model = equivariantUNF(spec, { channels: [1, 3, 2] });
    const map = weightMap(model, noisyParams(model, 1));
    expect(await equivarianceError(spec, map, { seed: 2 })).toBeLessThan(1e-5);
    // Control: layers that take the units of all blocks for tied do not.
    const { g, f, v } = nested.axes;
    const tied = defineSpec({
      axes: { g, f: { size: f.size, group: "fixed" }, v: { ...v, within: "f" } },
      tensors: nested.tensors,
    });
    const wrong = equivariantUNF(tied, { channels: [1, 3, 2] });
    const wrongMap = weightMap(wrong, noisyParams(wrong, 1));
    expect(await equivarianceError(spec, wrongMap, { seed: 2 })).toBeGreaterThan(1e-3);
  });
});

test("layers that take no notice of scales see a spec without its factors, and commute with them dropped", () => {
  const given = defineSpec({
    axes: {
      h: { size: 4, group: "permutation" },
      f: { size: 1, group: "general-linear", within: "h" },
    },
    tensors: { up: ["h * f", "3"], gate: ["h", "3"], down: ["2", "h * f^-1"] },
  });
  const plain = defineSpec({
    axes: { h: { size: 4, group: "permutation" } },
    tensors: { up: ["h", "3"], gate: ["h", "3"], down: ["2", "h"] },
  });
  const terms = (spec: SymmetrySpec, scales: "ignore" | "respect") =>
    planSpec(spec, { scales }).plan.terms;
  expect(terms(given, "ignore")).toBe(terms(plain, "ignore"));
  expect(terms(given, "respect")).toBeLessThan(terms(plain, "ignore"));
});

test("a factor of size 1 has either sign", () => {
  const given = defineSpec({
    axes: {
      h: { size: 64, group: "permutation" },
      f: { size: 1, group: "general-linear", within: "h" },
    },
    tensors: { up: ["h * f", "3"], down: ["2", "h * f^-1"] },
  });
  const signs = sampleElement(given, 1)["f"].matrices?.map(([x]) => Math.sign(x)) ?? [];
  expect(signs.filter((sign) => sign < 0).length).toBeGreaterThan(16);
  expect(signs.filter((sign) => sign > 0).length).toBeGreaterThan(16);
});
