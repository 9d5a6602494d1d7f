// An ONNX operation of one's own: followed once it is registered, with its axes fixed before.

import { expect, test } from "vitest";
import { OptionError } from "../../src/core/errors.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { registerOperation } from "../../src/infer/ops/registry.ts";
import { onnxBuilder } from "../support/graphs/onnx-builder.ts";
import { gemm } from "../support/graphs/onnx-layers.ts";

/** Two dense layers with an unknown activation of another domain between them. */
function network() {
  const b = onnxBuilder(1);
  const hidden = gemm(b, b.input("x", ["n", 3]), "a", 3, 4);
  b.output(gemm(b, b.node("Swish", [hidden], {}, "my.company"), "c", 4, 2));
  return readOnnx(b.bytes());
}

const freeAxes = () =>
  Object.values(inferSpec(network()).spec.axes).filter(({ group }) => group === "permutation");

test("an operation that is registered is followed; before that, what touches it is fixed", () => {
  expect(freeAxes()).toEqual([]);
  registerOperation({
    name: "Swish",
    domain: "my.company",
    handler: (context) => {
      const input = context.need(0);
      context.pointwise("opaque", [input], context.output(0, input.dims));
    },
  });
  expect(freeAxes().map(({ size }) => size)).toEqual([4]);
});

test("an operation that is followed already, and one without a handler, are refused", () => {
  const handler = () => undefined;
  expect(() => registerOperation({ name: "Relu", handler })).toThrow(/operation "Relu" already/);
  expect(() => registerOperation({ name: "Gelu", domain: "com.microsoft", handler })).toThrow(
    OptionError,
  );
  expect(() => registerOperation({ name: "Mine" } as never)).toThrow(/function "handler"/);
});
