// Damaged and hostile weight files of every format: tensors or one error of ours, and no read outside the file.

import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import type { ByteSource } from "../../src/formats/byte-source.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { countingSource } from "../support/files/counting-source.ts";
import { onnxBuilder } from "../support/graphs/onnx-builder.ts";
import { npy, npz } from "../support/files/write-npz.ts";
import { checkpoint, type Pickled, tensor } from "../support/files/write-pytorch.ts";
import { asZip64 } from "../support/files/zip64.ts";

const data = Float32Array.from({ length: 24 }, (_, i) => i);
const array = { descr: "<f4", shape: [4, 6], data };
const state = new Map<string, Pickled>([
  ["plain", tensor({ shape: [4, 6], strides: [6, 1], key: "0", numbers: 24 })],
  ["turned", tensor({ shape: [6, 4], strides: [1, 6], key: "0", numbers: 24 })],
]);

function onnx(): Uint8Array {
  const model = onnxBuilder(3);
  const out = model.node("Gemm", [model.input("x", [1, 6]), model.weight("w", [6, 4])]);
  model.output(out);
  return model.bytes();
}

const index = JSON.stringify({ weight_map: { a: "s.safetensors", b: "s.safetensors" } });
const shard = writeSafetensors({
  a: { shape: [2], data: Float32Array.of(1, 2) },
  b: { shape: [], data: Float64Array.of(3) },
});
const files: Record<string, Uint8Array> = {
  safetensors: writeSafetensors({ w: { shape: [4, 6], data }, v: { shape: [24], data } }),
  "pytorch, stored": checkpoint(state, { "0": data }),
  "pytorch, deflated": checkpoint(state, { "0": data }, { level: 6 }),
  "npz, stored": npz({ a: array, f: { ...array, fortran: true } }),
  "npz, deflated": npz({ a: array, f: { ...array, fortran: true } }, { level: 6 }),
  "npz, zip64": asZip64(npz({ a: array })),
  npy: npy(array),
  onnx: onnx(),
  index: new TextEncoder().encode(index),
};

/** Opens a file and reads all of it; true when it was refused by an error of ours. */
async function isRefused(file: ByteSource): Promise<boolean> {
  try {
    const source = await openTensorSource(file, {
      openBeside: (name) =>
        Promise.resolve(name === "s.safetensors" ? countingSource(shard, name) : undefined),
    });
    for (const name of source.entries.keys()) await source.read(name);
    return false;
  } catch (error) {
    if (error instanceof FormatError || error instanceof UnsupportedError) return true;
    throw error;
  }
}

describe.each(Object.entries(files))("%s", (kind, whole) => {
  test("is read when it is whole, refused when it is cut short anywhere", async () => {
    expect(await isRefused(countingSource(whole))).toBe(false);
    // ONNX files are messages in a row; the last one here, an operator set that no node uses, may be missing.
    if (kind === "onnx") whole = whole.subarray(0, -20);
    for (let length = 0; length < whole.length; length += Math.ceil(whole.length / 300))
      expect(await isRefused(countingSource(whole.subarray(0, length)))).toBe(true);
  });

  test("600 mutated files: tensors or an error of ours, never anything else (seed 23)", async () => {
    const random = randomStream(23);
    let refused = 0;
    for (let round = 0; round < 600; round++) {
      const bytes = whole.slice();
      for (let i = random.integer(5); i >= 0; i--)
        bytes[random.integer(bytes.length)] =
          random.uniform() < 0.3 ? 255 * random.integer(2) : random.integer(256);
      if (await isRefused(countingSource(bytes))) refused++;
    }
    expect(refused).toBeGreaterThan(60);
  });
});

test("600 files of random bytes after every mark (seed 29)", async () => {
  const random = randomStream(29);
  const starts = [[], ...Object.values(files).map((whole) => [...whole.subarray(0, 9)])];
  for (let round = 0; round < 600; round++) {
    const noise = Uint8Array.from({ length: random.integer(400) }, () => random.integer(256));
    noise.set(starts[round % starts.length].slice(0, noise.length));
    expect(await isRefused(countingSource(noise))).toBe(true);
  }
});

describe("archives", () => {
  test("with zip64 fields hold the same arrays", async () => {
    const source = await openTensorSource(asZip64(npz({ a: array })));
    expect([...(await source.read("a")).data]).toEqual([...data]);
  });

  test("with a comment at the end are found; a file twice, encryption, other methods are not read", async () => {
    const plain = npz({ a: array });
    const commented = Uint8Array.of(...plain, 104, 105);
    commented[plain.length - 2] = 2;
    expect(await isRefused(countingSource(commented))).toBe(false);
    const record = plain.findLastIndex((_, i) =>
      [0x50, 0x4b, 1, 2].every((byte, j) => plain[i + j] === byte),
    );
    const change = (offset: number, value: number) => {
      const bytes = plain.slice();
      bytes[record + offset] = value;
      return openTensorSource(bytes);
    };
    const twice = npz({ a: array, b: array });
    twice[twice.lastIndexOf(0x62, twice.length - 22)] = 0x61;
    await expect(openTensorSource(twice)).rejects.toThrow(/"a.npy" is in the archive twice/);
    await expect(change(8, 1)).rejects.toThrow(/encrypted/);
    await expect(change(10, 9)).rejects.toThrow(UnsupportedError);
  });
});

test("a foreign class in a PyTorch file is data: never run, counted by its name, refused where it holds numbers", async () => {
  const storage = {
    stored: { tuple: ["storage", { global: "torch.FloatStorage" }, "0", "cpu", 24] },
  };
  for (const name of ["os.system", "builtins.eval", "torch.nn.modules.linear.Linear"]) {
    const file = (...args: Pickled[]) =>
      checkpoint(new Map<string, Pickled>([...state, ["w", { call: name, args }]]), { "0": data });
    const { entries, taken } = await openTensorSource(file("rm -r /"));
    expect([...entries.keys()]).toEqual(["plain", "turned"]);
    expect(taken?.unread).toEqual([{ class: name, count: 1 }]);
    for (const numbers of [storage, [new Map([["a", storage]])]]) {
      const opened = openTensorSource(file(numbers));
      await expect(opened).rejects.toThrow(UnsupportedError);
      await expect(opened).rejects.toThrow(`entry "w" is an object of class "${name}"`);
    }
  }
});

test("a small PyTorch file that claims a huge tensor by repeating one number is refused, a small one is read", async () => {
  const view = (rows: number) =>
    tensor({ shape: [rows, 2], strides: [0, 0], key: "0", numbers: 24 });
  const bytes = checkpoint(
    new Map([
      ["few", view(3)],
      ["many", view(2 ** 29)],
    ]),
    { "0": data },
  );
  const source = await openTensorSource(bytes);
  expect([...(await source.read("few")).data]).toEqual([0, 0, 0, 0, 0, 0]);
  await expect(source.read("many")).rejects.toThrow(UnsupportedError);
  await expect(source.read("many")).rejects.toThrow(/"many" repeats the 96 bytes.*4294967296/);
});
