// Checkpoints that torch wrote (scripts/fixtures/make-checkpoints.py): every tensor comes out with torch's own numbers.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { openTensorSource } from "../../src/formats/open.ts";

const folder = join(import.meta.dirname, "../fixtures/files");
const bytes = (name: string) => new Uint8Array(readFileSync(join(folder, name)));
const open = (name: string, key?: string) =>
  openTensorSource(bytes(name), key === undefined ? {} : { key });

interface Truth {
  readonly tensors: Record<string, { shape: number[]; numbers: (number | string)[] }>;
  readonly unread?: string[];
}
const truths = JSON.parse(readFileSync(join(folder, "truth-pytorch.json"), "utf8")) as Record<
  string,
  Truth
>;
const withTensors = Object.entries(truths).filter(
  ([, { tensors }]) => Object.keys(tensors).length > 0,
);

test.each(withTensors)("%s is read with torch's own numbers", async (name, { tensors, unread }) => {
  const source = await open(name);
  for (const [tensor, { shape, numbers }] of Object.entries(tensors)) {
    const read = await source.read(tensor);
    expect([tensor, read.shape], tensor).toEqual([tensor, shape]);
    expect([...read.data], tensor).toEqual(numbers.map(Number));
  }
  const readable = [...source.entries].filter(
    ([, { unreadable, dtype }]) => unreadable === undefined && !/^C64|E8M0$/.test(dtype),
  );
  expect(readable.map(([tensor]) => tensor).toSorted()).toEqual(Object.keys(tensors).toSorted());
  if (unread !== undefined)
    expect(source.taken?.unread.map((one) => one.class)).toEqual(expect.arrayContaining(unread));
});

describe("a module that was pickled whole", () => {
  it("is the tensors of its state_dict, and its class is told", async () => {
    const { taken, entries } = await open("module.pt");
    expect(taken).toMatchObject({ path: [], module: "__main__.Net", tensors: 16 });
    expect([...entries.keys()].slice(0, 3)).toEqual([
      "gain",
      "blocks.0.linear.weight",
      "blocks.0.linear.bias",
    ]);
    // Buffers that are not kept, and parameters that are None, are in no state_dict.
    expect([...entries.keys()].filter((name) => /table|nothing/.test(name))).toEqual([]);
  });

  it("is one of the dictionaries that may be meant, and so is each part of it by key", async () => {
    await expect(open("two-modules.pt")).rejects.toThrow(
      /2 dictionaries[^]*"model": 16 tensors[^]*"ema": 16 tensors/,
    );
    const { entries, taken } = await open("two-modules.pt", "ema.blocks.2");
    expect([...entries.keys()]).toContain("linear.weight");
    expect([...entries.keys()]).toContain("norm.running_mean");
    expect(taken).toMatchObject({ key: "ema.blocks.2", module: "__main__.Block" });
  });
});

describe("tensors that are no plain numbers", () => {
  it("are named one by one for what they are, and refused alone", async () => {
    const source = await open("odd-tensors.pt");
    const told = [...source.entries].map(([name, { stored, shape, unreadable }]) => [
      name,
      stored ?? "",
      shape.join("x"),
      unreadable === undefined,
    ]);
    expect(told).toEqual([
      ["plain", "", "2x2", true],
      ["columns", "torch.quint8, per_channel_affine", "2x3", false],
      ["halves", "torch.quint4x2, per_channel_affine", "2x4", false],
      ["sparse", "torch.sparse_coo", "3x3", false],
      ["rows", "torch.sparse_csr", "3x3", false],
      ["meta", "a tensor on the device meta", "4x5", false],
      ["nested", "a nested tensor", "5", false],
    ]);
    for (const [name, stored, , isRead] of told.slice(1)) {
      expect(isRead).toBe(false);
      await expect(source.read(String(name))).rejects.toThrow(UnsupportedError);
      await expect(source.readStored(String(name))).rejects.toThrow(String(stored));
    }
    await expect(source.read("sparse")).rejects.toThrow(/to_dense.*6 of 7 tensors are not read/);
    expect([...(await source.read("plain")).data]).toEqual([1, 1, 1, 1]);
  });

  it("complex numbers, bare exponents and 4-bit floats are refused by name", async () => {
    const { read, entries } = await open("not-real.pt");
    expect(entries.get("complex64")?.dtype).toBe("C64");
    await expect(read("complex64")).rejects.toThrow(/no real|not a real/);
    await expect(read("complex128")).rejects.toThrow(/torch\.complex128/);
    await expect(read("float8_e8m0fnu")).rejects.toThrow(/F8_E8M0/);
    await expect(read("float4_e2m1fn_x2")).rejects.toThrow(/torch\.float4_e2m1fn_x2/);
  });

  it("quantised numbers, small floats and tensors of other classes say how they are stored", async () => {
    const quantised = await open("quantized.pt");
    expect(quantised.entries.get("rows")).toMatchObject({
      dtype: "F32",
      stored: "torch.qint8, per_channel_affine",
    });
    const small = await open("small-types.pt");
    expect(small.entries.get("float8_e4m3fn")?.dtype).toBe("F8_E4M3");
    expect(small.entries.get("float8_e4m3fnuz")?.stored).toBe("torch.float8_e4m3fnuz");
    expect((await open("subclass.pt")).entries.get("tagged")?.stored).toBe("__main__.Tagged");
    // Control: a plain tensor says nothing.
    expect((await open("views.pt")).entries.get("whole")?.stored).toBeUndefined();
  });
});

describe("numbers of NumPy inside a checkpoint", () => {
  it("are tensors and plain numbers; scalars are no objects that were left unread", async () => {
    for (const name of ["numpy.pt", "numpy-5.pt"]) {
      const { taken, entries } = await open(name);
      expect(taken).toMatchObject({ key: "model", tensors: 4, unread: [] });
      expect([...entries.values()].map(({ dtype }) => dtype)).toEqual(["F32", "F64", "F32", "I64"]);
    }
  });

  it("arrays of objects and texts are left out, and no other array is read in their place", async () => {
    const { entries, taken } = await open("numpy-objects.pt");
    expect([...entries.keys()]).toEqual(["w"]);
    expect(taken?.unread[0].class).toMatch(/^numpy\./);
    await expect(open("numpy-text.pt")).rejects.toThrow(/holds only objects of class "numpy\./);
  });
});

describe("the layout of torch before 1.6", () => {
  const file = bytes("views-legacy.pt");

  it("is read by ranges: of the numbers only those that are asked for", async () => {
    const ranges: [number, number][] = [];
    const source = await openTensorSource({
      location: "old.pt",
      size: file.length,
      read: (start, end) => {
        ranges.push([start, end]);
        return Promise.resolve(file.slice(start, end));
      },
    });
    ranges.length = 0;
    await source.read("tail");
    expect(ranges.map(([start, end]) => end - start)).toEqual([16]);
  });

  it("cut short anywhere, it is refused; so is a storage of another length", async () => {
    for (let length = 16; length < file.length; length += 7)
      await expect(openTensorSource(file.slice(0, length))).rejects.toThrow(FormatError);
    // The last storage is that of eight whole numbers or so: its count is changed.
    const changed = file.slice();
    const at = file.length - (await lastStorageBytes()) - 8;
    changed[at] ^= 1;
    await expect(openTensorSource(changed)).rejects.toThrow(/numbers, expected|ends/);
  });

  const lastStorageBytes = async (): Promise<number> => {
    // Storages lie in the order of their keys; the last one's count and bytes reach the end of the file.
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    for (let bytesHeld = 1; bytesHeld <= 200; bytesHeld++) {
      const at = file.length - bytesHeld - 8;
      const count = Number(view.getBigUint64(at, true));
      if ([1, 2, 4, 8].some((width) => count * width === bytesHeld && count > 0)) return bytesHeld;
    }
    throw new Error("no last storage");
  };

  it("of another machine's byte order is refused", async () => {
    const big = file.slice();
    const at = Buffer.from(file).indexOf("little_endian") + "little_endian".length + 2;
    expect(big[at]).toBe(0x88);
    big[at] = 0x89;
    await expect(openTensorSource(big)).rejects.toThrow(/big endian/);
  });
});
