// Positive scales that pass some weights and leave others alone (`h^0`): norms, slopes, magnitudes, gates. Every claim is
// proved, and the same claim with the `^0` left out is refuted.

import { beforeAll, describe, expect, test } from "vitest";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { proveSpec } from "../../src/infer/proof/prove.ts";
import type { Executor } from "../../src/runtime/executor.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { formatAxisExpression, parseAxisExpression } from "../../src/symmetry/expression.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { isFactor, type SymmetrySpec } from "../../src/symmetry/types.ts";
import { onnxBuilder, type OnnxBuilder } from "../support/graphs/onnx-builder.ts";
import { freeAxes } from "../support/structure.ts";

interface Case {
  readonly build: (b: OnnxBuilder) => void;
  readonly free: readonly string[];
  /** The power of the scale by which tensors are multiplied. */
  readonly powers: Readonly<Record<string, -1 | 0 | 1>>;
}

/** x [2, 6] -> [2, 9] */
const first = (b: OnnxBuilder) =>
  b.node("Add", [
    b.node("MatMul", [b.input("x", [2, 6]), b.weight("w1", [6, 9])]),
    b.weight("b1", [9]),
  ]);
const last = (b: OnnxBuilder, x: string) => b.output(b.node("MatMul", [x, b.weight("w2", [9, 4])]));
const conv = (b: OnnxBuilder, x: string, name: string, shape: readonly number[]) =>
  b.node("Conv", [x, b.weight(name, shape)], { kernel_shape: [3, 3] });

const cases: Readonly<Record<string, Case>> = {
  "batch normalisation behind a convolution": {
    build(b) {
      const made = conv(b, b.input("x", [2, 3, 8, 8]), "w1", [9, 3, 3, 3]);
      const norm = b.node("BatchNormalization", [
        made,
        b.weight("gain", [9]),
        b.weight("shift", [9]),
        b.weight("mean", [9]),
        b.tensor("var", [9], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
      ]);
      b.output(conv(b, b.node("Relu", [norm]), "w2", [4, 9, 3, 3]));
    },
    free: ["S_9 positive"],
    powers: { w1: 1, gain: 0, var: 0, mean: 1, shift: 1, w2: -1 },
  },
  "batch normalisation as Sub, Mul and Add": {
    build(b) {
      const centred = b.node("Sub", [first(b), b.weight("mean", [9])]);
      const scaled = b.node("Mul", [centred, b.weight("gain", [9])]);
      last(b, b.node("Relu", [b.node("Add", [scaled, b.weight("shift", [9])])]));
    },
    free: ["S_9 positive"],
    powers: { w1: 1, b1: 1, gain: 0, mean: 1, shift: 1, w2: -1 },
  },
  "the gain of a layer norm and the linear map behind it": {
    build(b) {
      const gains = [b.weight("gain", [9]), b.weight("shift", [9])];
      last(b, b.node("LayerNormalization", [first(b), ...gains]));
    },
    free: ["GL_1 in S_9", "S_9"],
    powers: { w1: 0, b1: 0, gain: 1, shift: 1, w2: -1 },
  },
  "a slope of PRelu per channel": {
    build(b) {
      last(b, b.node("PRelu", [first(b), b.weight("slope", [9])]));
    },
    free: ["S_9 positive"],
    powers: { w1: 1, b1: 1, slope: 0, w2: -1 },
  },
  "rows of a gate and of what it gates": {
    build(b) {
      const x = b.input("x", [2, 6]);
      const gate = b.node("MatMul", [x, b.weight("gate", [6, 9])]);
      const silu = b.node("Mul", [gate, b.node("Sigmoid", [gate])]);
      const up = b.node("MatMul", [x, b.weight("up", [6, 9])]);
      last(b, b.node("Mul", [silu, up]));
    },
    free: ["GL_1 in S_9", "S_9"],
    powers: { gate: 0, up: 1, w2: -1 },
  },
  "rows of weight norm": {
    build(b) {
      const v = b.weight("v", [9, 6]);
      const rows = b.node("Div", [v, b.node("ReduceL2", [v], { axes: [1] })]);
      const w = b.node("Mul", [b.weight("g", [9, 1]), rows]);
      const x = b.node("MatMul", [
        b.input("x", [2, 6]),
        b.node("Transpose", [w], { perm: [1, 0] }),
      ]);
      last(b, b.node("Relu", [x]));
    },
    free: ["S_9 positive"],
    powers: { v: 1, g: 1, w2: -1 },
  },
  "magnitudes of complex numbers": {
    build(b) {
      const x = b.input("x", [2, 6]);
      const part = (name: string) => b.node("MatMul", [x, b.weight(name, [6, 9])]);
      const [real, imaginary] = ["re", "im"].map(part);
      const two = b.constant([2], "float", []);
      const squares = [b.node("Pow", [real, two]), b.node("Mul", [imaginary, imaginary])];
      last(b, b.node("Sqrt", [b.node("Add", squares)]));
    },
    free: ["S_9 positive"],
    powers: { re: 1, im: 1, w2: -1 },
  },
  "a clip from below": {
    build(b) {
      last(b, b.node("Clip", [first(b), b.constant([0], "float", [])]));
    },
    free: ["S_9 positive"],
    powers: { w1: 1, b1: 1, w2: -1 },
  },
  "into a GRU": {
    build(b) {
      const hidden = b.node("Relu", [
        b.node("MatMul", [b.input("x", [5, 2, 6]), b.weight("w1", [6, 9])]),
      ]);
      const weights = [
        b.weight("W", [1, 12, 9]),
        b.weight("R", [1, 12, 4]),
        b.weight("B", [1, 24]),
      ];
      b.output(b.nodes("GRU", [hidden, ...weights], 2, { hidden_size: 4 })[1]);
    },
    // The state is the output, so its axis stays.
    free: ["S_9 positive"],
    powers: { w1: 1, W: -1 },
  },
};

/** The power of the scaled axis, or of the factor, in a tensor. */
function powerIn({ axes, tensors }: SymmetrySpec, name: string): number | undefined {
  const [axis] = Object.keys(axes).filter(
    (each) => axes[each].scale === "positive" || isFactor(axes[each]),
  );
  const texts = tensors[name].axes.map(formatAxisExpression);
  const within = axes[axis].within ?? axis;
  const found = texts.find((text) => text.split(" * ").some((one) => one.startsWith(within)));
  if (found === undefined) return undefined;
  const places = found.split(" * ");
  if (places.includes(axis)) return 1;
  return places.includes(`${axis}^-1`) ? -1 : 0;
}

/** The spec with every `^0` left out, and every factor put where it is not; null where there is neither. */
function withoutStill({ axes, tensors }: SymmetrySpec): SymmetrySpec | null {
  let changed = false;
  const [factor] = Object.keys(axes).filter((each) => isFactor(axes[each]));
  const within = factor === undefined ? undefined : axes[factor].within;
  const plain = Object.entries(tensors).map(([name, tensor]) => {
    const dims = tensor.axes.map((expression) => {
      const text = formatAxisExpression(expression);
      changed ||= text.includes("^0") || text === within;
      return text === within ? `${text} * ${factor}` : text.replaceAll("^0", "");
    });
    return [name, { shape: tensor.shape, axes: dims }];
  });
  return changed ? defineSpec({ axes, tensors: Object.fromEntries(plain) }) : null;
}

describe("positive scales", () => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await onnxRuntime();
  });

  test.for(Object.entries(cases))("%s", async ([, { build, free, powers }]) => {
    const b = onnxBuilder(3);
    build(b);
    const bytes = b.bytes();
    const inference = inferSpec(readOnnx(bytes));
    expect(inference.unsupported).toEqual([]);
    expect(freeAxes(inference.spec)).toEqual(free);
    for (const [name, power] of Object.entries(powers))
      expect(powerIn(inference.spec, name), name).toBe(power);
    const proof = await proveSpec(bytes, inference, executor, { seed: 5 });
    expect(proof.verdict).toBe("proved");
    const wrong = withoutStill(inference.spec);
    if (wrong !== null) {
      const refuted = await proveSpec(bytes, { ...inference, spec: wrong }, executor, { seed: 5 });
      expect(refuted.verdict).toBe("refuted");
    }
  });

  test("the norms of one residual stream scale each on its own, by factors of either sign", async () => {
    const b = onnxBuilder(4);
    let x = first(b);
    for (const layer of ["one", "two"]) {
      const norm = b.node("LayerNormalization", [x, b.weight(`${layer}.gain`, [9])]);
      x = b.node("Add", [x, b.node("MatMul", [norm, b.weight(`${layer}.w`, [9, 9])])]);
    }
    last(b, x);
    const bytes = b.bytes();
    const inference = inferSpec(readOnnx(bytes));
    const { spec } = inference;
    expect(freeAxes(spec)).toEqual(["GL_1 in S_9", "GL_1 in S_9", "S_9"]);
    const proof = await proveSpec(bytes, inference, executor, { seed: 5 });
    expect(proof.verdict).toBe("proved");
    for (const { axis, control } of proof.axes) expect(control?.error, axis).toBeGreaterThan(1e-3);
    // The control: one factor for both norms at places of each is none.
    const [one, two] = Object.keys(spec.axes).filter((name) => isFactor(spec.axes[name]));
    const swapped = Object.entries(spec.tensors).map(([name, tensor]) => {
      const axes = tensor.axes.map((each) => {
        const text = formatAxisExpression(each);
        return name.endsWith(".w")
          ? text.replace(two, "other").replace(one, two).replace("other", one)
          : text;
      });
      return [name, { shape: tensor.shape, axes }];
    });
    const wrong = defineSpec({ axes: spec.axes, tensors: Object.fromEntries(swapped) });
    const refuted = await proveSpec(bytes, { ...inference, spec: wrong }, executor, { seed: 5 });
    expect(refuted.verdict).toBe("refuted");
  });
});

test("repeats that the first operation of a graph makes are only reordered: they hold the same numbers", async () => {
  const b = onnxBuilder(1);
  const repeated = b.node("Tile", [b.input("x", [3, 4]), b.constant([1, 2])]);
  b.output(b.node("MatMul", [repeated, b.weight("w", [8, 5])]));
  const bytes = b.bytes();
  const executor = await onnxRuntime();
  const inference = inferSpec(readOnnx(bytes));
  expect(freeAxes(inference.spec)).toEqual(["S_2 in fixed_4"]);
  const proof = await proveSpec(bytes, inference, executor, { seed: 5 });
  expect(proof.verdict).toBe("proved");
  // The control: matrices mix the repeats, which moves the output.
  const { axes, tensors } = inference.spec;
  const mixed = { ...axes, "w[0]": { ...axes["w[0]"], group: "general-linear" as const } };
  const texts = Object.entries(tensors).map(
    ([name, { axes: dims }]) => [name, dims.map(formatAxisExpression)] as const,
  );
  const wrong = defineSpec({ axes: mixed, tensors: Object.fromEntries(texts) });
  const refuted = await proveSpec(bytes, { ...inference, spec: wrong }, executor, { seed: 5 });
  expect(refuted.verdict).toBe("refuted");
});

test("h^0 is read as it is written, and refused where signs or matrices act", () => {
  expect(formatAxisExpression(parseAxisExpression("a * h^0 + h^-1"))).toBe("a * h^0 + h^-1");
  const spec = (axis: object) =>
    defineSpec({
      axes: { h: { size: 3, group: "permutation", ...axis } as never },
      tensors: { w: ["h"], g: ["h^0"] },
    });
  expect(spec({ scale: "positive" }).tensors["g"].axes).toEqual([
    { kind: "axis", name: "h", inverse: false, still: true },
  ]);
  for (const axis of [{ scale: "sign" }, { group: "general-linear" }])
    expect(() => spec(axis)).toThrow(/"h\^0" leaves scales out/);
});
