import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../src/core/errors.ts";
import { smallFloatValues } from "../../src/core/floats.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { decodeTensor } from "../../src/formats/onnx/onnx-tensor.ts";
import { replaceInitializers } from "../../src/formats/onnx/onnx-write.ts";
import { onnxBuilder } from "../support/graphs/onnx-builder.ts";
import { gemm, relu } from "../support/graphs/onnx-layers.ts";

function model(): Uint8Array {
  const b = onnxBuilder(1);
  b.output(gemm(b, relu(b, gemm(b, b.input("x", ["n", 3]), "a", 3, 4)), "c", 4, 2));
  return b.bytes();
}

/** The model after an edit of its message. */
function edited(
  edit: (graph: NonNullable<ReturnType<typeof decoded>["graph"]>) => void,
): Uint8Array {
  const message = decoded();
  if (message.graph !== undefined) edit(message.graph);
  return toBinary(ModelProtoSchema, message);
}
const decoded = () => fromBinary(ModelProtoSchema, model());

describe("readOnnx", () => {
  test("gives nodes, tensors and typed inputs", () => {
    const graph = readOnnx(model());
    expect(graph.opset).toBe(17);
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Gemm", "Relu", "Gemm"]);
    expect(graph.inputs).toEqual([{ name: "x", type: "float32", shape: ["n", 3] }]);
    expect([...graph.initializers.keys()]).toEqual(["a.weight", "a.bias", "c.weight", "c.bias"]);
    expect(graph.initializers.get("a.weight")?.shape).toEqual([4, 3]);
  });

  test("nodes out of order are put in order", () => {
    const graph = readOnnx(edited(({ node }) => void node.reverse()));
    expect(graph.nodes.map(({ op }) => op)).toEqual(["Gemm", "Relu", "Gemm"]);
  });

  test.for<[string, Uint8Array, RegExp]>([
    ["an empty file", new Uint8Array(), /empty/],
    ["text", new TextEncoder().encode("not a model"), /not an ONNX model|no graph|is a text/],
    ["a file cut short", model().slice(0, 200), /cut short|holds data/],
    ["a cycle", edited((g) => void (g.node[0].input[0] = g.node[1].output[0])), /cycle/],
    ["a name that nothing defines", edited((g) => void (g.node[0].input[0] = "ghost")), /"ghost"/],
    [
      "a value defined twice",
      edited((g) => void (g.node[1].output[0] = g.node[0].output[0])),
      /twice/,
    ],
    [
      "a tensor defined twice",
      edited((g) => void (g.initializer[1].name = "a.weight")),
      /"a.weight" is defined twice/,
    ],
    [
      "sizes that do not match",
      edited((g) => void (g.initializer[0].dims[0] = 5n)),
      /"a.weight".*15 entries.*12/,
    ],
    ["a negative size", edited((g) => void (g.initializer[0].dims[0] = -1n)), /size -1/],
    ["absurd sizes", edited((g) => void (g.initializer[0].dims[0] = 2n ** 40n)), /more than/],
  ])("%s is a FormatError", ([, bytes, message]) => {
    expect(() => readOnnx(bytes)).toThrow(FormatError);
    expect(() => readOnnx(bytes)).toThrow(message);
  });

  test("half precision survives reading, writing and reading again", () => {
    const bits = [
      0, 0x3c00, 0xbc00, 0x3555, 0x0001, 0x7bff, 0x8000, 0x2e66, 0x4248, 0xc900, 0x0400, 0x03ff,
    ];
    const bytes = edited(({ initializer }) => {
      initializer[0].dataType = 10;
      initializer[0].rawData = new Uint8Array(Uint16Array.from(bits).buffer);
    });
    const read = (file: Uint8Array) => {
      const tensor = readOnnx(file).initializers.get("a.weight");
      return tensor === undefined ? [] : [...decodeTensor(tensor)];
    };
    const numbers = bits.map((code) => smallFloatValues("float16")[code]);
    expect(read(bytes)).toEqual(numbers);
    const written = replaceInitializers(bytes, {
      "a.weight": { shape: [4, 3], data: Float64Array.from(numbers) },
    });
    expect(read(written)).toEqual(read(bytes));
  });
});
