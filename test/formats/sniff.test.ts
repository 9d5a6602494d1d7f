// Files that are something else than weights are named for what they are, with what to do.

import { describe, expect, test } from "vitest";
import { zipSync } from "fflate";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { sniff } from "../../src/formats/sniff.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";

const text = (characters: string) => new TextEncoder().encode(characters);
const bytes = (...start: number[]) =>
  Uint8Array.from({ length: 600 }, (_, i) => start[i] ?? i % 251);
const tar = new Uint8Array(1024);
tar.set(text("model.pt"), 0);
tar.set(text("ustar"), 257);

const tarredTorch = tar.slice();
tarredTorch.fill(0, 0, 100);
tarredTorch.set(text("sys_info"), 0);

const mistakes: [string, Uint8Array, RegExp][] = [
  [
    "a Git LFS pointer",
    text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
    /pull/,
  ],
  ["a web page", text("\n<!DOCTYPE html><html><body>404</body></html>"), /login/],
  ["a web page", text("<html lang=en>"), /download/],
  ["an XML text", text('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'), /why/],
  ["a symmetry spec", text('{"format": "weightspace/spec@1", "axes": {}}'), /--spec/],
  ["config.json", text('{\n  "architectures": ["BertModel"]\n}'), /--config/],
  ["a JSON text", text("[1, 2, 3]"), /index/],
  ["a text", text("Not Found"), /path/],
  ["zeros", new Uint8Array(4096), /again/],
  ["a PNG image", bytes(0x89, 0x50, 0x4e, 0x47), /path/],
];

const otherFormats: [string, Uint8Array, RegExp][] = [
  ["a gzip file", bytes(0x1f, 0x8b), /gunzip/],
  ["an xz file", bytes(0xfd, 0x37, 0x7a, 0x58, 0x5a), /unxz/],
  ["a bzip2 file", bytes(0x42, 0x5a, 0x68), /bunzip2/],
  ["a zstd file", bytes(0x28, 0xb5, 0x2f, 0xfd), /unzstd/],
  ["an LZ4 file", bytes(0x04, 0x22, 0x4d, 0x18), /lz4 -d/],
  ["a tar archive", tar, /tar -xf/],
  ["a PyTorch file of before version 0.1.10", tarredTorch, /torch\.save/],
  ["a TensorFlow Lite file", bytes(28, 0, 0, 0, 0x54, 0x46, 0x4c, 0x33), /ONNX/],
  ["a Parquet file", bytes(0x50, 0x41, 0x52, 0x31), /checkpoint/],
];

const archives: [string, string[], RegExp][] = [
  ["a TorchScript program", ["m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"], /state_dict/],
  ["a TensorFlow SavedModel", ["m/saved_model.pb"], /ONNX/],
  ["a zip archive of model files", ["a/model.safetensors"], /unzip/],
];

describe("a reader of checkpoints and a reader of graphs refuse", () => {
  test.each(mistakes)("%s", async (what, file, remedy) => {
    const opened = openTensorSource(file, { openBeside: () => Promise.resolve(undefined) });
    await expect(opened).rejects.toThrow(FormatError);
    await expect(opened).rejects.toThrow(what);
    await expect(opened).rejects.toThrow(remedy);
    expect(() => readOnnx(file)).toThrow(what);
  });
  test.each(otherFormats)("%s", async (what, file, remedy) => {
    const opened = openTensorSource(file);
    await expect(opened).rejects.toThrow(UnsupportedError);
    await expect(opened).rejects.toThrow(what);
    await expect(opened).rejects.toThrow(remedy);
    expect(() => readOnnx(file)).toThrow(what);
  });
  test.each(archives)("%s", async (what, names, remedy) => {
    const file = zipSync(Object.fromEntries(names.map((name) => [name, bytes(1)])));
    await expect(openTensorSource(file)).rejects.toThrow(what);
    await expect(openTensorSource(file)).rejects.toThrow(remedy);
  });
});

test.each([
  ["a GGUF file", bytes(0x47, 0x47, 0x55, 0x46)],
  ["an HDF5 file", bytes(0x89, 0x48, 0x44, 0x46)],
])("%s in place of a graph is named, and what to do", (what, file) => {
  expect(() => readOnnx(file)).toThrow(what);
  expect(() => readOnnx(file)).toThrow(/in place of the checkpoint/);
});

test("an empty file is called empty", async () => {
  await expect(openTensorSource(new Uint8Array(0))).rejects.toThrow("is empty");
  expect(() => readOnnx(new Uint8Array(0))).toThrow("is empty");
});

test("control: a file that is read is nothing else", async () => {
  const file = writeSafetensors({ w: { shape: [2], data: Float32Array.of(1, 2) } });
  expect(sniff(file)).toBeUndefined();
  expect([...(await openTensorSource(file)).entries.keys()]).toEqual(["w"]);
});

test("an archive whose files unpack to hundreds of times their size is refused before it is unpacked", async () => {
  const size = 2 ** 28 + 128;
  const trap = new Uint8Array(size);
  const header =
    "{'descr': '<f4', 'fortran_order': False, 'shape': (67108864,), }".padEnd(117) + "\n";
  trap.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
  trap.set(text(header), 10);
  const file = zipSync({ "a.npy": trap.subarray(0, 128 + 2 ** 28) });
  expect(file.length).toBeLessThan(2 ** 20);
  await expect(openTensorSource(file)).rejects.toThrow(/unpacks from \d+ bytes to \d+/);
  // Control: a smaller one, packed as tightly, is read.
  const shape = header.replace("67108864,", "1024,    ");
  const small = new Uint8Array(128 + 4096);
  small.set(trap.subarray(0, 10));
  small.set(text(shape), 10);
  const source = await openTensorSource(zipSync({ "a.npy": small }));
  expect((await source.read("a")).data).toHaveLength(1024);
});

test("a header nested a hundred thousand deep is refused by a sentence, a deep string is not", async () => {
  const file = (json: string) => {
    const result = new Uint8Array(8 + json.length);
    new DataView(result.buffer).setBigUint64(0, BigInt(json.length), true);
    result.set(text(json), 8);
    return result;
  };
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  for (const json of [
    `{"a":${deep}}`,
    `{"__metadata__":${deep}}`,
    `{"a":{"dtype":"F32","shape":${deep}}}`,
    `{"a":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`,
  ])
    await expect(openTensorSource(file(json))).rejects.toThrow("nested more than 64 deep");
  const quoted = { "[[[[": { dtype: "F32", shape: [0], data_offsets: [0, 0] } };
  const metadata = { __metadata__: { text: `\\"${"[".repeat(1000)}` } };
  const source = await openTensorSource(file(JSON.stringify({ ...quoted, ...metadata })));
  expect([...source.entries.keys()]).toEqual(["[[[["]);
});
