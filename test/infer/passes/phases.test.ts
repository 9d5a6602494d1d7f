// Phases in front of sines and cosines: found with their frequency where a stored bias is shifted and nothing else sees it, proved by
// running the file; never found where something does.

import { beforeAll, describe, expect, test } from "vitest";
import { readOnnx } from "../../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../../src/infer/infer.ts";
import { proveSpec } from "../../../src/infer/proof/prove.ts";
import type { Executor } from "../../../src/runtime/executor.ts";
import { onnxRuntime } from "../../../src/runtime/onnx-runtime.ts";
import type { Axis, SymmetrySpec } from "../../../src/symmetry/types.ts";
import { onnxBuilder, type OnnxBuilder } from "../../support/graphs/onnx-builder.ts";

/** x [2, 6] to [2, 9], without a bias. */
const product = (b: OnnxBuilder) =>
  b.node("MatMul", [b.input("x", [2, 6]), b.weight("w1", [6, 9])]);
const bias = (b: OnnxBuilder) => b.weight("b1", [9]);
const sums = (b: OnnxBuilder) => b.node("Add", [product(b), bias(b)]);
const times = (b: OnnxBuilder, x: string, factor: number) =>
  b.node("Mul", [x, b.constant([factor], "float", [])]);
const last = (b: OnnxBuilder, x: string) => b.output(b.node("MatMul", [x, b.weight("w2", [9, 4])]));
const sine = (b: OnnxBuilder, x: string) => b.node("Sin", [x]);

interface Found {
  readonly omega: number;
  readonly wave?: "cosine";
  readonly shifted: readonly string[];
}

const phased: Readonly<
  Record<string, { build: (b: OnnxBuilder) => void; found: readonly Found[] }>
> = {
  "no factor": { build: (b) => last(b, sine(b, sums(b))), found: [{ omega: 1, shifted: ["b1"] }] },
  "a factor": {
    build: (b) => last(b, sine(b, times(b, sums(b), 30))),
    found: [{ omega: 30, shifted: ["b1"] }],
  },
  "a factor on the left, after a negation and another factor": {
    build(b) {
      const negated = b.node("Neg", [times(b, sums(b), 5)]);
      last(b, sine(b, b.node("Mul", [b.constant([6], "float", []), negated])));
    },
    found: [{ omega: 30, shifted: ["b1"] }],
  },
  "a divisor": {
    build: (b) => last(b, sine(b, b.node("Div", [sums(b), b.constant([0.25], "float")]))),
    found: [{ omega: 4, shifted: ["b1"] }],
  },
  "a bias behind the factor": {
    build: (b) => last(b, sine(b, b.node("Add", [times(b, product(b), 30), bias(b)]))),
    found: [{ omega: 1, shifted: ["b1"] }],
  },
  "a bias that is subtracted, and doubled before": {
    build: (b) => last(b, sine(b, b.node("Sub", [product(b), times(b, bias(b), 2)]))),
    found: [{ omega: 2, shifted: ["b1"] }],
  },
  "a cosine": {
    build: (b) => last(b, b.node("Cos", [times(b, sums(b), 3)])),
    found: [{ omega: 3, wave: "cosine", shifted: ["b1"] }],
  },
  "an odd function behind the sine": {
    build: (b) => last(b, b.node("Tanh", [sine(b, sums(b))])),
    found: [{ omega: 1, shifted: ["b1"] }],
  },
  "a sine, then a cosine of another frequency": {
    build(b) {
      const h = sine(b, times(b, sums(b), 10));
      const next = b.node("Gemm", [h, b.weight("w2", [9, 7]), b.weight("b2", [7])]);
      b.output(b.node("MatMul", [b.node("Cos", [times(b, next, 2)]), b.weight("w3", [7, 3])]));
    },
    found: [
      { omega: 10, shifted: ["b1"] },
      { omega: 2, wave: "cosine", shifted: ["b2"] },
    ],
  },
  "channels of a convolution": {
    build(b) {
      const given = [b.input("x", [2, 3, 6, 6]), b.weight("w1", [9, 3, 3, 3]), bias(b)];
      const h = sine(b, times(b, b.node("Conv", given, { kernel_shape: [3, 3] }), 3));
      b.output(b.node("Conv", [h, b.weight("w2", [4, 9, 3, 3])], { kernel_shape: [3, 3] }));
    },
    found: [{ omega: 3, shifted: ["b1"] }],
  },
  "a residual stream, whose units flip with what is behind the sine": {
    build(b) {
      const x = product(b);
      const inner = b.node("Add", [b.node("MatMul", [x, b.weight("w", [9, 9])]), bias(b)]);
      last(b, b.node("Add", [x, sine(b, inner)]));
    },
    found: [{ omega: 1, shifted: ["b1"] }],
  },
  "two biases, of which one is shifted": {
    build: (b) => last(b, sine(b, b.node("Add", [sums(b), b.weight("other", [9])]))),
    found: [{ omega: 1, shifted: ["other"] }],
  },
  "one layer used for two inputs": {
    build(b) {
      const [w, own] = [b.weight("w1", [6, 9]), bias(b)];
      const of = (x: string) =>
        sine(b, times(b, b.node("Add", [b.node("MatMul", [b.input(x, [2, 6]), w]), own]), 3));
      last(b, b.node("Add", [of("x"), of("y")]));
    },
    found: [{ omega: 3, shifted: ["b1"] }],
  },
};

const plain: Readonly<Record<string, (b: OnnxBuilder) => void>> = {
  "tanh is no wave": (b) => last(b, b.node("Tanh", [times(b, sums(b), 30)])),
  "ReLU is no wave": (b) => last(b, b.node("Relu", [times(b, sums(b), 30)])),
  "no bias": (b) => last(b, sine(b, times(b, product(b), 30))),
  "a factor for every unit": (b) =>
    last(b, sine(b, b.node("Mul", [sums(b), b.weight("factors", [9])]))),
  "a factor from the input": (b) => {
    const s = sums(b);
    const factor = b.node("ReduceMean", ["x"], { axes: [0, 1], keepdims: 0 });
    last(b, sine(b, b.node("Mul", [s, factor])));
  },
  "the sum is read beside the sine": (b) => {
    const s = sums(b);
    last(b, b.node("Add", [s, sine(b, s)]));
  },
  "the bias is read beside the sine": (b) => {
    const s = sums(b);
    last(b, b.node("Add", [sine(b, s), "b1"]));
  },
  "the sum is an output": (b) => {
    const s = sums(b);
    b.output(s);
    last(b, sine(b, s));
  },
  "a sine and a cosine of one sum": (b) => {
    const s = sums(b);
    last(b, b.node("Add", [sine(b, s), b.node("Cos", [s])]));
  },
  "sines of two frequencies of one sum": (b) => {
    const s = sums(b);
    last(b, b.node("Add", [sine(b, s), sine(b, times(b, s, 2))]));
  },
  "a number added to the sum, which no sign flips": (b) =>
    last(b, sine(b, b.node("Add", [sums(b), b.constant([0.7], "float")]))),
  "a ReLU behind the sine": (b) => last(b, b.node("Relu", [sine(b, sums(b))])),
};

const phaseAxes = ({ axes }: SymmetrySpec): [string, Axis][] =>
  Object.entries(axes).filter(([, { scale }]) => scale === "phase");

describe("phases", () => {
  let executor: Executor;
  beforeAll(async () => {
    executor = await onnxRuntime();
  });

  const prove = async (build: (b: OnnxBuilder) => void, change?: (axis: Axis) => Axis) => {
    const b = onnxBuilder(2);
    build(b);
    const bytes = b.bytes();
    const inference = inferSpec(readOnnx(bytes));
    const { spec } = inference;
    const axes = Object.entries(spec.axes).map(([name, axis]) => [name, change?.(axis) ?? axis]);
    const claim: SymmetrySpec = { ...spec, axes: Object.fromEntries(axes) as SymmetrySpec["axes"] };
    const { verdict } = await proveSpec(bytes, { ...inference, spec: claim }, executor, {
      seed: 1,
    });
    return { spec, verdict };
  };

  for (const [name, { build, found }] of Object.entries(phased))
    test(`are found and proved: ${name}; twice the frequency is refuted`, async () => {
      const { spec, verdict } = await prove(build);
      const seen = phaseAxes(spec).map(([axis, { omega, wave }]) => ({
        omega,
        ...(wave && { wave }),
        shifted: Object.keys(spec.tensors).filter((each) => spec.tensors[each].shift === axis),
      }));
      expect([seen, verdict]).toEqual([found, "proved"]);
      // The control: windings of half the step are no symmetries.
      const wrong = await prove(build, (axis) =>
        axis.omega === undefined ? axis : { ...axis, omega: 2 * axis.omega },
      );
      expect(wrong.verdict).toBe("refuted");
    });

  for (const [name, build] of Object.entries(plain))
    test(`are not claimed: ${name}`, async () => {
      const { spec, verdict } = await prove(build);
      expect(phaseAxes(spec)).toEqual([]);
      expect(verdict).not.toBe("refuted");
    });

  test("a cosine claimed to be a sine is refuted", async () => {
    const { build } = phased["a cosine"];
    const other = await prove(build, ({ wave: _wave, ...axis }) => axis);
    expect(other.verdict).toBe("refuted");
  });
});
