// GGUF files that the gguf package wrote (scripts/fixtures/make-gguf.py): numbers as it gives them, other types by name.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { openTensorSource } from "../../src/formats/open.ts";

const folder = join(import.meta.dirname, "../fixtures/files");
const bytes = (name: string) => new Uint8Array(readFileSync(join(folder, name)));

interface Truth {
  readonly tensors: Record<string, { shape: number[]; numbers: number[] }>;
  readonly named: Record<string, { shape: number[]; stored: string }>;
}
const truths = JSON.parse(readFileSync(join(folder, "truth-gguf.json"), "utf8")) as Record<
  string,
  Truth
>;

test.each(Object.entries(truths))("%s", async (name, { tensors, named }) => {
  const source = await openTensorSource(bytes(name));
  expect(source.format).toBe("gguf");
  expect([...source.entries.keys()].toSorted()).toEqual(
    [...Object.keys(tensors), ...Object.keys(named)].toSorted(),
  );
  for (const [tensor, { shape, numbers }] of Object.entries(tensors)) {
    const read = await source.read(tensor);
    expect([tensor, ...read.shape]).toEqual([tensor, ...shape]);
    expect([...read.data], tensor).toEqual(numbers);
  }
  for (const [tensor, { shape, stored }] of Object.entries(named)) {
    expect(source.entries.get(tensor)).toMatchObject({ shape, stored });
    await expect(source.read(tensor)).rejects.toThrow(UnsupportedError);
    await expect(source.read(tensor)).rejects.toThrow(new RegExp(`stored as ${stored}.*F16`));
  }
});

test("the metadata is there as texts, arrays by their length", async () => {
  const { metadata, entries } = await openTensorSource(bytes("plain.gguf"));
  expect(metadata).toMatchObject({
    "general.architecture": "llama",
    "general.name": "tiny",
    "llama.block_count": "1",
    "tokenizer.ggml.tokens": "an array of 3",
    "tokenizer.ggml.scores": "an array of 2",
  });
  expect(entries.get("blk.0.ffn_down.weight")).toMatchObject({ dtype: "F32", stored: "Q8_0" });
});

test("a tensor is read by its own range", async () => {
  const file = bytes("plain.gguf");
  const ranges: number[] = [];
  const { read } = await openTensorSource({
    location: "plain.gguf",
    size: file.length,
    read: (start, end) => {
      ranges.push(end - start);
      return Promise.resolve(file.slice(start, end));
    },
  });
  ranges.length = 0;
  await read("blk.0.ffn_down.weight");
  expect(ranges).toEqual([4 * 34]);
});

/** A file written by hand: `GGUF`, version, counts, then whatever is given. */
function written(version: number, tensors: number, keys: number, rest: number[] = []): Uint8Array {
  const start = new DataView(new ArrayBuffer(24));
  start.setUint32(0, 0x46554747, true);
  start.setUint32(4, version, true);
  start.setBigUint64(8, BigInt(tensors), true);
  start.setBigUint64(16, BigInt(keys), true);
  return Uint8Array.from([...new Uint8Array(start.buffer), ...rest]);
}
const little = (value: number, count: number) =>
  Array.from({ length: count }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
const text = (characters: string) => [
  ...little(characters.length, 8),
  ...new TextEncoder().encode(characters),
];
const tensorOf = (sizes: number[], type: number, offset: number) => [
  ...text("w"),
  ...little(sizes.length, 4),
  ...sizes.flatMap((size) => little(size, 8)),
  ...little(type, 4),
  ...little(offset, 8),
];

describe("what is refused", () => {
  const refuse = (file: Uint8Array) => expect(openTensorSource(file)).rejects;
  const padded = (file: Uint8Array) => Uint8Array.from([...file, ...new Uint8Array(64)]);

  it("versions 1 and 4, big-endian numbers, unknown types", async () => {
    await refuse(written(1, 0, 0)).toThrow(/version 1, expected 2 or 3/);
    await refuse(written(4, 0, 0)).toThrow(UnsupportedError);
    await refuse(written(0x03000000, 0, 0)).toThrow(/big endian/);
    await refuse(padded(written(3, 1, 0, tensorOf([1], 5, 0)))).toThrow(/type 5.*not known/);
  });

  it("counts, sizes and arrays that cannot be true", async () => {
    await refuse(written(3, 2 ** 40, 0)).toThrow(/tensors, at most/);
    await refuse(written(3, 0, 2 ** 40)).toThrow(/keys of metadata, at most/);
    const array = (type: number, count: number, rest: number[] = []) => [
      ...text("k"),
      ...little(9, 4),
      ...little(type, 4),
      ...little(count, 8),
      ...rest,
    ];
    await refuse(written(3, 0, 1, array(8, 2 ** 40))).toThrow(/more than 16000000 entries/);
    await refuse(written(3, 0, 1, array(0, 2 ** 20))).toThrow(/ends at byte/);
    const deep = Array.from({ length: 8 }, () => [...little(9, 4), ...little(1, 8)]).flat();
    await refuse(written(3, 0, 1, [...text("k"), ...little(9, 4), ...deep])).toThrow(/inside each/);
    await refuse(padded(written(3, 1, 0, tensorOf([2 ** 30, 2 ** 30], 0, 0)))).toThrow(/sizes/);
    await refuse(padded(written(3, 1, 0, tensorOf([33], 8, 0)))).toThrow(/whole blocks of 32/);
    await refuse(padded(written(3, 1, 0, tensorOf([4], 0, 2 ** 30)))).toThrow(/ends at byte/);
    await refuse(
      padded(written(3, 2, 0, [tensorOf([1], 0, 0), tensorOf([1], 0, 0)].flat())),
    ).toThrow(/twice/);
    // Control: the same tensor with its numbers is read.
    const { entries } = await openTensorSource(padded(written(3, 1, 0, tensorOf([4], 0, 0))));
    expect(entries.get("w")?.shape).toEqual([4]);
  });

  it("a file that is cut short anywhere", async () => {
    const whole = bytes("plain.gguf");
    // The last 4 bytes pad the file.
    for (let length = 5; length < whole.length - 32; length += 3)
      await refuse(whole.slice(0, length)).toThrow(FormatError);
  });
});
