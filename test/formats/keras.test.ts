// Keras and HDF5 files that Keras and h5py wrote (scripts/fixtures/make-keras.py): names and numbers as they give them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { gunzip } from "../../src/formats/archives/gzip.ts";
import { openTensorSource } from "../../src/formats/open.ts";

const folder = join(import.meta.dirname, "../fixtures/files");
const bytes = (name: string) => gunzip(new Uint8Array(readFileSync(join(folder, name))), name);

interface Truth {
  readonly format: string;
  readonly tensors: Record<string, { shape: number[]; numbers: number[] }>;
  readonly named?: Record<string, string>;
}
const truths = JSON.parse(readFileSync(join(folder, "truth-keras.json"), "utf8")) as Record<
  string,
  Truth
>;

test.each(Object.entries(truths))("%s", async (name, { format, tensors, named = {} }) => {
  const source = await openTensorSource(bytes(name));
  expect(source.format).toBe(format);
  expect([...source.entries.keys()].toSorted()).toEqual(
    [...Object.keys(tensors), ...Object.keys(named)].toSorted(),
  );
  for (const [tensor, { shape, numbers }] of Object.entries(tensors)) {
    const read = await source.read(tensor);
    expect([tensor, ...read.shape]).toEqual([tensor, ...shape]);
    expect([...read.data], tensor).toEqual(numbers);
  }
  for (const [tensor, reason] of Object.entries(named)) {
    await expect(source.read(tensor)).rejects.toThrow(UnsupportedError);
    await expect(source.read(tensor)).rejects.toThrow(reason);
  }
});

test("layers that do not say their names in the weights have those of the config, in its order", async () => {
  const archive = Buffer.from(bytes("keras-cnn.keras"));
  let changes = 0;
  for (let at = archive.indexOf("name\0"); at !== -1; at = archive.indexOf("name\0", at + 1)) {
    archive.write("nome", at);
    changes++;
  }
  expect(changes).toBeGreaterThan(5);
  const { entries } = await openTensorSource(new Uint8Array(archive));
  expect([...entries.keys()].toSorted()).toEqual(
    Object.keys(truths["keras-cnn.keras"].tensors).toSorted(),
  );
  // Control: without the config the groups of the file are all there is.
  const weights = Buffer.from(bytes("keras-cnn.weights.h5"));
  for (let at = weights.indexOf("name\0"); at !== -1; at = weights.indexOf("name\0", at + 1))
    weights.write("nome", at);
  const plain = await openTensorSource(new Uint8Array(weights));
  expect([...plain.entries.keys()]).toContain("dense_1/kernel");
});

test("an array is read by its own range, and the structure before by small ones", async () => {
  const file = bytes("arrays.h5");
  const ranges: number[] = [];
  const source = await openTensorSource({
    location: "arrays.h5",
    size: file.length,
    read: (start, end) => {
      ranges.push(end - start);
      return Promise.resolve(file.slice(start, end));
    },
  });
  ranges.length = 0;
  await source.read("inner/deep/f4");
  expect(ranges).toEqual([140]);
});

describe("a file whose structures lie", () => {
  const whole = bytes("arrays.h5");
  const { buffer, byteOffset, byteLength } = whole;
  /** Places of four letters. */
  const marks = (mark: string) =>
    Array.from({ length: byteLength - 4 }, (_, i) => i).filter((i) =>
      [...Buffer.from(mark)].every((byte, j) => whole[i + j] === byte),
    );
  /** A copy in which one number of 8 bytes is another. */
  const changed = (at: number, value: number) => {
    const copy = whole.slice();
    new DataView(copy.buffer).setBigUint64(at, BigInt(value), true);
    return copy;
  };
  const readAll = async (file: Uint8Array) => {
    const source = await openTensorSource(file);
    for (const [name, { unreadable }] of source.entries)
      if (unreadable === undefined) await source.read(name);
    return source.entries.size;
  };

  test("a tree of names or chunks that leads to itself is refused", async () => {
    const trees = marks("TREE");
    expect(trees.length).toBeGreaterThan(5);
    let refused = 0;
    for (const at of trees) {
      const isOfChunks = whole[at + 4] === 1;
      const rank = 2;
      const child = at + 24 + (isOfChunks ? 8 + 8 * (rank + 1) : 8);
      const looped = changed(child, at);
      looped[at + 5] = 3;
      refused += await readAll(looped).then(
        () => 0,
        (error: unknown) => (error instanceof FormatError ? 1 : 0),
      );
    }
    // The chunks of one array are packed in a way that is not read.
    expect(refused).toBe(trees.length - 1);
    // Control: nothing else is wrong with it.
    expect(await readAll(whole)).toBeGreaterThan(20);
  });

  test("shapes, addresses and lengths that cannot be true are refused", async () => {
    const view = new DataView(buffer, byteOffset, byteLength);
    const shapes = Array.from({ length: byteLength - 16 }, (_, i) => i).filter(
      (i) => view.getBigUint64(i, true) === 5n && view.getBigUint64(i + 8, true) === 7n,
    );
    expect(shapes.length).toBeGreaterThan(5);
    for (const at of shapes)
      for (const size of [8, 2 ** 25, 2 ** 40, 2 ** 53])
        // Places of maximal sizes and of chunks may hold the same numbers; no other error may come of them.
        await readAll(changed(at + 8, size)).catch((error: unknown) => {
          expect(error).toBeInstanceOf(Error);
          expect((error as Error).message).toMatch(/^readHdf5: /);
        });
    await expect(readAll(changed(shapes[0] + 8, 2 ** 40))).rejects.toThrow(FormatError);
    await expect(readAll(changed(64, byteLength))).rejects.toThrow(/too short|beyond/);
    await expect(readAll(changed(40, byteLength + 1))).rejects.toThrow(/should have/);
  });

  test("cut short anywhere, it is refused", async () => {
    for (let length = 9; length < byteLength; length += 997)
      await expect(readAll(whole.slice(0, length))).rejects.toThrow(FormatError);
  });
});
