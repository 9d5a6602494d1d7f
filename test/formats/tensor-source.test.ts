// Every format through one door: the same weights come out of every kind of file, and only what is asked for is read.

import { create, toBinary } from "@bufbuild/protobuf";
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { FormatError, OptionError, UnsupportedError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf, stridesOf } from "../../src/core/shapes.ts";
import type { Tensor, Weights } from "../../src/core/tensors.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { weightsSource } from "../../src/formats/tensor-source.ts";
import { countingSource } from "../support/files/counting-source.ts";
import { onnxBuilder } from "../support/graphs/onnx-builder.ts";
import { npy, npz } from "../support/files/write-npz.ts";
import { checkpoint, tensor } from "../support/files/write-pytorch.ts";

const random = randomStream(41);
const make = (...shape: number[]): Tensor => ({
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
});
const weights: Weights = {
  "fc1.weight": make(64, 30),
  "fc1.bias": make(64),
  "fc2.weight": make(10, 64),
  scalar: make(),
  empty: make(0, 3),
};

const asNpy = ({ shape, data }: Tensor) => ({ descr: "<f4", shape, data });
const arrays = Object.fromEntries(Object.entries(weights).map(([k, t]) => [k, asNpy(t)]));

function pytorchFile(level: 0 | 6): Uint8Array {
  const state = Object.entries(weights).map(
    ([name, { shape, data }], i) =>
      [
        name,
        tensor({ shape, strides: stridesOf(shape), key: String(i), numbers: data.length }),
      ] as const,
  );
  const storages = Object.values(weights).map(({ data }, i) => [String(i), data] as const);
  return checkpoint(new Map(state), Object.fromEntries(storages), { level });
}

function onnxFile(): Uint8Array {
  const model = onnxBuilder(1);
  let value = model.input("x", [1, 30]);
  for (const [name, { shape, data }] of Object.entries(weights)) {
    const stored = model.tensor(name, shape, [...data]);
    if (name === "fc1.weight") value = model.node("Gemm", [value, stored], { transB: 1 });
  }
  model.output(value);
  return model.bytes();
}

const files: Readonly<Record<string, Uint8Array>> = {
  safetensors: writeSafetensors(weights, { note: "one" }),
  "pytorch, stored": pytorchFile(0),
  "pytorch, deflated": pytorchFile(6),
  "npz, stored": npz(arrays),
  "npz, deflated": npz(arrays, { level: 6 }),
  onnx: onnxFile(),
};

describe.each(Object.entries(files))("%s", (kind, bytes) => {
  test("is told by its bytes; names, shapes and numbers are those that were written", async () => {
    const source = await openTensorSource(bytes);
    expect(source.format).toBe(kind.split(",")[0]);
    expect([...source.entries.keys()].sort()).toEqual(Object.keys(weights).sort());
    for (const [name, { shape, data }] of Object.entries(weights)) {
      expect(source.entries.get(name)).toEqual({ dtype: "F32", shape, bytes: 4 * data.length });
      expect(await source.read(name)).toEqual({ shape, data });
    }
  });

  test("a Blob gives the same as bytes, and results may be changed without harm", async () => {
    const source = await openTensorSource(new Blob([new Uint8Array(bytes)]));
    const first = await source.read("fc1.bias");
    first.data.fill(7);
    expect(await source.read("fc1.bias")).toEqual(weights["fc1.bias"]);
  });

  test("a tensor that it lacks is an OptionError, inherited names too; closing closes the file", async () => {
    const file = countingSource(bytes);
    const source = await openTensorSource(file);
    await expect(source.read("toString")).rejects.toThrow(OptionError);
    await expect(source.read("fc9")).rejects.toThrow('has no tensor "fc9"');
    await source.close();
    expect(file.isClosed()).toBe(true);
  });
});

test("only the bytes of the tensor that is read are taken from the file", async () => {
  const large = { large: make(256, 256), small: make(5) };
  const largeArrays = Object.fromEntries(Object.entries(large).map(([k, t]) => [k, asNpy(t)]));
  const stored = (name: "large" | "small", key: string) => {
    const { shape, data } = large[name];
    return tensor({ shape, strides: stridesOf(shape), key, numbers: data.length });
  };
  const state = new Map([
    ["large", stored("large", "0")],
    ["small", stored("small", "1")],
    ["row", tensor({ shape: [3], strides: [1], offset: 700, key: "0", numbers: 65_536 })],
    ["column", tensor({ shape: [2], strides: [256], offset: 1, key: "0", numbers: 65_536 })],
  ]);
  const torch = checkpoint(state, { "0": large.large.data, "1": large.small.data });
  for (const bytes of [writeSafetensors(large), npz(largeArrays), torch]) {
    const file = countingSource(bytes);
    const source = await openTensorSource(file);
    // The search for the end of a zip archive takes at most 64 KiB; the opener looks twice.
    expect(file.taken()).toBeLessThan(3 * 66_000);
    await source.read("small");
    expect(file.taken()).toBeLessThan(300);
    await source.read("large");
    expect(file.taken()).toBeGreaterThanOrEqual(4 * 65_536); // the control: it does count
  }
  const file = countingSource(torch);
  const source = await openTensorSource(file);
  file.taken();
  expect([...(await source.read("row")).data]).toEqual([...large.large.data.subarray(700, 703)]);
  expect([...(await source.read("column")).data]).toEqual([
    large.large.data[1],
    large.large.data[257],
  ]);
  expect(file.taken()).toBeLessThan(30 + 12 + 30 + 4 * 257 + 1);
});

describe("widening is exact or refused", () => {
  const one = (dtype: "I64" | "U64" | "I32" | "C64" | "F64", data: ArrayBufferView<ArrayBuffer>) =>
    openTensorSource(
      writeSafetensors({
        w: { dtype, shape: [1], data: new Uint8Array(data.buffer) },
      }),
    ).then((source) => source.read("w"));

  test("integers up to 2^53 and float64 come out as float64", async () => {
    const largest = BigInt(Number.MAX_SAFE_INTEGER);
    expect((await one("I64", BigInt64Array.of(-largest))).data).toEqual(
      Float64Array.of(-Number.MAX_SAFE_INTEGER),
    );
    expect((await one("I32", Int32Array.of(-(2 ** 31)))).data).toEqual(Float64Array.of(-(2 ** 31)));
    expect((await one("F64", Float64Array.of(0.1))).data).toEqual(Float64Array.of(0.1));
  });

  test("larger ones and complex numbers are refused with the tensor", async () => {
    await expect(one("I64", BigInt64Array.of(2n ** 53n))).rejects.toThrow(
      /"w" holds the integer 9007199254740992 at entry 0/,
    );
    await expect(one("U64", BigUint64Array.of(2n ** 64n - 1n))).rejects.toThrow(UnsupportedError);
    await expect(one("C64", Float32Array.of(1, 2))).rejects.toThrow(/"w" has format C64/);
  });
});

test("ONNX tensors that are not stored raw come out in their own formats", async () => {
  const fields = [
    { name: "h", dataType: 10, int32Data: [0x3c00, 0xc000] },
    { name: "b", dataType: 16, int32Data: [0x3f80, 0xbf80] },
    { name: "i", dataType: 3, int32Data: [-1, 5] },
    { name: "l", dataType: 7, int64Data: [2n ** 53n + 1n, -5n] },
    { name: "u", dataType: 12, uint64Data: [4_294_967_295n, 0n] },
    { name: "d", dataType: 11, doubleData: [0.1, 2] },
  ];
  const initializer = fields.map((one) => create(TensorProtoSchema, { dims: [2n], ...one }));
  const text = create(TensorProtoSchema, { name: "t", dims: [0n], dataType: 8 });
  const graph = create(GraphProtoSchema, {
    initializer: [...initializer, text],
    output: [{ name: "h" }],
  });
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    graph,
    opsetImport: [{ domain: "", version: 17n }],
  });
  const source = await openTensorSource(toBinary(ModelProtoSchema, model));
  const formats = [...source.entries].map(([name, { dtype }]) => `${name} ${dtype}`);
  expect(formats).toEqual(["h F16", "b BF16", "i I8", "l I64", "u U32", "d F64"]);
  expect([...(await source.read("h")).data]).toEqual([1, -2]);
  expect([...(await source.read("b")).data]).toEqual([1, -1]);
  expect([...(await source.read("i")).data]).toEqual([-1, 5]);
  expect([...(await source.read("u")).data]).toEqual([4_294_967_295, 0]);
  expect([...(await source.read("d")).data]).toEqual([0.1, 2]);
  await expect(source.read("l")).rejects.toThrow(UnsupportedError);
  const { data } = await source.readStored("l");
  expect(new BigInt64Array(data.slice().buffer)[0]).toBe(2n ** 53n + 1n);
});

describe("files that are no weights are named by what they begin with", () => {
  const text = (words: string) => new TextEncoder().encode(words);
  const cases: [string, Uint8Array, RegExp][] = [
    ["nothing", new Uint8Array(), /is empty, expected safetensors/],
    ["text", text("hello, world"), /is a text, expected.*NumPy.*ONNX/],
    ["HDF5", Uint8Array.of(0x89, 0x48, 0x44, 0x46, 13, 10), /HDF5 file \(Keras\)/],
    ["GGUF", Uint8Array.of(...text("GGUF"), 3, 0, 0), /readGguf: the header ends at byte 4/],
    ["gzip", Uint8Array.of(0x1f, 0x8b, 8, 0), /gzip/],
    ["torch before 1.6", Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc), /ends inside a value/],
    ["a pickle", Uint8Array.of(0x80, 4, 0x95, 0, 0), /bare Python pickle.*torch\.save/],
    ["JSON", text('{"a": 1}'), /index of a checkpoint in several files; give `openBeside`/],
  ];
  test.each(cases)("%s", async (_, bytes, message) => {
    const opened = openTensorSource(bytes);
    await expect(opened).rejects.toThrow(message);
    await opened.catch((error: unknown) => {
      expect(error instanceof FormatError || error instanceof UnsupportedError).toBe(true);
    });
  });

  test("a name helps where the bytes say nothing", async () => {
    const named = (location: string) => ({
      ...countingSource(Uint8Array.of(1, 2, 3)),
      location,
    });
    await expect(openTensorSource(named("a.safetensors"))).rejects.toThrow(/^readSafetensors/);
    await expect(openTensorSource(named("a.onnx"))).rejects.toThrow(/^readOnnx/);
    await expect(openTensorSource(named("a.bin"))).rejects.toThrow(/begins with 01 02 03/);
  });

  test("lengths of headers that read as other marks are lengths", async () => {
    for (const length of [0x4b50, 0x227b, 0x8b1f]) {
      const json = `{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`.padEnd(length, " ");
      const bytes = new Uint8Array(8 + length + 1);
      new DataView(bytes.buffer).setUint32(0, length, true);
      bytes.set(text(json), 8);
      expect((await openTensorSource(bytes)).format).toBe("safetensors");
    }
  });
});

test("a .npy file is one tensor with the name of the file", async () => {
  const file = { ...countingSource(npy(asNpy(weights["fc1.bias"]))), location: "runs/bias.npy" };
  const source = await openTensorSource(file);
  expect([...source.entries.keys()]).toEqual(["bias"]);
  expect(await source.read("bias")).toEqual(weights["fc1.bias"]);
  const unnamed = await openTensorSource(npy(asNpy(weights["fc1.bias"])));
  expect([...unnamed.entries.keys()]).toEqual(["array"]);
});

test("weights in memory are a source like any other, and stay as they are", async () => {
  const source = weightsSource(weights);
  expect(source.format).toBe("memory");
  const copy = await source.read("fc1.bias");
  copy.data.fill(0);
  expect((await source.read("fc1.bias")).data).toEqual(weights["fc1.bias"].data);
  const wrong = { w: { shape: [3], data: new Float32Array(2) } };
  expect(() => weightsSource(wrong)).toThrow(/"w" of shape \[3\] has 2 numbers, expected 3/);
});
