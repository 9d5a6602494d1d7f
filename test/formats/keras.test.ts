// Keras and HDF5 files that Keras and h5py wrote (scripts/fixtures/make-keras.py): names and numbers as they give them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UnsupportedError } from "../../src/core/errors.ts";
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
