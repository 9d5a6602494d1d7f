// Operations that are not known: what they touch is fixed, what stands behind them is followed as far as shapes are known.

import { expect, test } from "vitest";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { onnxBuilder, type OnnxBuilder } from "../support/graphs/onnx-builder.ts";
import { freeAxes } from "../support/structure.ts";

const heads = 2;
const inside = 4;
const depth = 20;

/** Masked attention and feed-forward layers; `maskOf` makes the mask from the input [1, 1, 5, 5]. */
function transformer(maskOf: (b: OnnxBuilder, mask: string) => string): Uint8Array {
  const b = onnxBuilder();
  const size = heads * inside;
  const mask = maskOf(b, b.input("mask", [1, 1, 5, 5]));
  const byHead = (x: string, layer: number, name: string) => {
    const projected = b.node("MatMul", [x, b.weight(`${layer}.${name}`, [size, size])]);
    const split = b.node("Reshape", [projected, b.constant([1, 5, heads, inside])]);
    return b.node("Transpose", [split], { perm: [0, 2, 1, 3] });
  };
  let x = b.input("x", [1, 5, size]);
  for (let layer = 0; layer < depth; layer++) {
    const [q, k, v] = ["q", "k", "v"].map((name) => byHead(x, layer, name));
    const turned = b.node("Transpose", [k], { perm: [0, 1, 3, 2] });
    const scores = b.node("Add", [b.node("MatMul", [q, turned]), mask]);
    const mixed = b.node("MatMul", [b.node("Softmax", [scores]), v]);
    const back = b.node("Transpose", [mixed], { perm: [0, 2, 1, 3] });
    const joined = b.node("Reshape", [back, b.constant([1, 5, size])]);
    x = b.node("Add", [x, b.node("MatMul", [joined, b.weight(`${layer}.out`, [size, size])])]);
    const up = b.node("Relu", [b.node("MatMul", [x, b.weight(`${layer}.up`, [size, 11])])]);
    x = b.node("Add", [x, b.node("MatMul", [up, b.weight(`${layer}.down`, [11, size])])]);
  }
  b.output(x);
  return b.bytes();
}

test("an unknown operation on a mask leaves the axes of all layers behind it as they are", () => {
  const plain = inferSpec(readOnnx(transformer((_, mask) => mask)));
  const strange = inferSpec(
    readOnnx(transformer((b, mask) => b.node("MaskFix", [mask], {}, "my.domain"))),
  );
  expect(freeAxes(plain.spec)).toHaveLength(4 * depth);
  expect(freeAxes(strange.spec)).toEqual(freeAxes(plain.spec));
  expect(strange.unsupported).toHaveLength(1);
  expect(strange.warnings.join()).toContain("taken to have the shape of its inputs");
  expect(strange.warnings.join()).not.toContain("operations after these");
});

test("the axis that an unknown operation touches is fixed in all of them", () => {
  const b = onnxBuilder();
  const x = b.node("MatMul", [b.input("x", [2, 6]), b.weight("a", [6, 8])]);
  const strange = b.node("Mystery", [x], {}, "my.domain");
  const next = b.node("Relu", [b.node("MatMul", [strange, b.weight("c", [8, 9])])]);
  b.output(b.node("MatMul", [next, b.weight("d", [9, 3])]));
  expect(freeAxes(inferSpec(readOnnx(b.bytes())).spec)).toEqual(["S_9 positive"]);
});

test.for([
  ["a sum over an axis", [6, 9]],
  ["a transposition", [2, 9]],
] as const)("%s shows behind an unknown operation, and nothing is assumed", ([, shape]) => {
  const b = onnxBuilder();
  const x = b.node("MatMul", [b.input("x", [2, 6]), b.weight("a", [6, 8])]);
  const strange = b.node("Mystery", [x], {}, "my.domain");
  const next = b.node("Relu", [b.node("MatMul", [strange, b.weight("c", shape)])]);
  b.output(b.node("MatMul", [next, b.weight("d", [9, 3])]));
  const { spec, warnings } = inferSpec(readOnnx(b.bytes()));
  expect(freeAxes(spec)).toEqual([]);
  expect(warnings.join()).not.toContain("taken to have the shape");
  expect(warnings.join()).toContain("3 operations after these could not be followed either");
});

test("several results, or inputs that do not broadcast, have no shape to go on with", () => {
  const b = onnxBuilder();
  const x = b.node("MatMul", [b.input("x", [2, 6]), b.weight("a", [6, 8])]);
  const [one, two] = b.nodes("Mystery", [x], 2);
  const pair = b.node("Riddle", [x, b.input("y", [3, 5])], {}, "my.domain");
  const relu = b.node("Relu", [b.node("MatMul", [one, b.weight("c", [8, 9])])]);
  b.output(b.node("MatMul", [relu, b.weight("d", [9, 3])]));
  b.output(two);
  b.output(b.node("Relu", [pair]));
  const { spec, unsupported, warnings } = inferSpec(readOnnx(b.bytes()));
  expect(freeAxes(spec)).toEqual([]);
  expect(unsupported).toHaveLength(2);
  expect(warnings.join()).not.toContain("taken to have the shape");
});
