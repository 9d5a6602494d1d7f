import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  ValueInfoProtoSchema,
} from "onnx-buf";
import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { structureOf } from "../support/structure.ts";
import { type OnnxBuilder, onnxBuilder } from "../support/graphs/onnx-builder.ts";

function modelOf(build: (b: OnnxBuilder, hidden: string) => string): Uint8Array {
  const b = onnxBuilder();
  b.output(build(b, b.node("MatMul", [b.input("x", [2, 6]), b.weight("w", [6, 8])])));
  return b.bytes();
}

const outcome = (bytes: Uint8Array, limit = 1000): unknown => {
  const start = performance.now();
  try {
    return structureOf(inferSpec(readOnnx(bytes)).spec);
  } catch (error) {
    return error;
  } finally {
    expect(performance.now() - start).toBeLessThan(limit);
  }
};

const doubling = (times: number) => (b: OnnxBuilder, hidden: string) => {
  let x = hidden;
  for (let i = 0; i < times; i++) x = b.node("Concat", [x, x], { axis: 1 });
  return b.node("ReduceSum", [b.node("Add", [x, x]), b.constant([1])]);
};

describe("hostile graphs", () => {
  test("an axis doubled forty times is refused in time, doubled thrice it is a multiple", () => {
    expect(outcome(modelOf(doubling(40)))).toBeInstanceOf(UnsupportedError);
    expect(outcome(modelOf(doubling(80)))).toBeInstanceOf(FormatError);
    expect(outcome(modelOf(doubling(3)))).toEqual(["8"]);
  });

  test("a chain of 1,000 concatenations is refused or followed, never a crash", () => {
    const deep = modelOf((b, hidden) => {
      let x = hidden;
      const other = b.node("Neg", [hidden]);
      for (let i = 0; i < 1000; i++) x = b.node("Concat", [x, other], { axis: 1 });
      return b.node("ReduceSum", [x, b.constant([1])]);
    });
    const result = outcome(deep, 10_000);
    expect(Array.isArray(result) || result instanceof UnsupportedError).toBe(true);
  });

  test("names that objects inherit are only names", () => {
    const b = onnxBuilder();
    const hidden = b.node("MatMul", [
      b.input("__proto__", [2, 6]),
      b.weight("constructor", [6, 8]),
    ]);
    b.output(b.node("MatMul", [hidden, b.weight("toString", [8, 3])]));
    const { spec } = inferSpec(readOnnx(b.bytes()));
    expect(Object.keys(spec.tensors)).toEqual(["constructor", "toString"]);
    expect(structureOf(spec)).toEqual(["8"]);
  });

  test("unknown operations fix what they touch and nothing else, and are named", () => {
    const b = onnxBuilder();
    const touched = b.node("MatMul", [b.input("x", [2, 6]), b.weight("a", [6, 8])]);
    const strange = b.node("Mystery", [touched], {}, "my.domain");
    const free = b.node("MatMul", [b.input("y", [2, 6]), b.weight("c", [6, 9])]);
    b.output(strange);
    b.output(b.node("MatMul", [b.node("Relu", [free]), b.weight("d", [9, 3])]));
    const { spec, unsupported, warnings } = inferSpec(readOnnx(b.bytes()));
    expect(structureOf(spec)).toEqual(["9"]);
    expect(unsupported).toMatchObject([{ op: "my.domain.Mystery" }]);
    expect(warnings.join()).toContain("Mystery");
  });

  test("tensors that nothing reads are left out, with a warning", () => {
    const b = onnxBuilder();
    b.weight("forgotten", [6, 6]);
    b.output(b.node("MatMul", [b.input("x", [2, 6]), b.weight("w", [6, 8])]));
    const { spec, warnings } = inferSpec(readOnnx(b.bytes()));
    expect(Object.keys(spec.tensors)).toEqual(["w"]);
    expect(warnings.join()).toContain('"forgotten"');
  });

  test("a nested graph fixes what it reads from outside", () => {
    const b = onnxBuilder();
    const hidden = b.node("MatMul", [b.input("x", [2, 6]), b.weight("a", [6, 8])]);
    const chosen = b.node("Cast", [b.constant([1], "int64", [])], { to: 9 });
    const branch = create(GraphProtoSchema, {
      name: "branch",
      node: [create(NodeProtoSchema, { opType: "Relu", input: [hidden], output: ["inside"] })],
      output: [create(ValueInfoProtoSchema, { name: "inside" })],
    });
    b.output(b.node("MatMul", [hidden, b.weight("c", [8, 3])]));
    b.output(b.node("Mystery", [chosen]));
    const model = fromBinary(ModelProtoSchema, b.bytes());
    const node = model.graph?.node.find(({ opType }) => opType === "Mystery");
    for (const name of ["then_branch", "else_branch"])
      node?.attribute.push(
        create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.GRAPH, g: branch }),
      );
    const { spec, unsupported } = inferSpec(readOnnx(toBinary(ModelProtoSchema, model)));
    expect(structureOf(spec)).toEqual([]);
    expect(unsupported).toMatchObject([{ op: "Mystery" }]);
    node?.attribute.splice(0);
    expect(structureOf(inferSpec(readOnnx(toBinary(ModelProtoSchema, model))).spec)).toEqual(["8"]);
  });
});
