// Writing tensor by tensor: the same bytes as at once, one tensor asked for at a time, formats kept or rounded to.

import { describe, expect, test } from "vitest";
import { OptionError, ShapeError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import {
  type PlannedTensor,
  streamSafetensors,
  type WritableTensor,
  writeSafetensors,
} from "../../src/formats/safetensors/safetensors-write.ts";
import { weightsSource } from "../../src/formats/tensor-source.ts";

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return new Uint8Array(await new Blob(parts.map((part) => new Uint8Array(part))).arrayBuffer());
}

const random = randomStream(8);
const mixed: Record<string, WritableTensor> = {
  half: { dtype: "F16", shape: [3], data: Uint8Array.of(0, 0x3e, 0, 0xc0, 1, 0) },
  brain: { dtype: "BF16", shape: [2], data: Uint8Array.of(0x80, 0x3f, 0x81, 0xbf) },
  steps: { dtype: "I64", shape: [], data: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0) },
  double: { shape: [2, 2], data: Float64Array.from({ length: 4 }, () => random.normal()) },
  single: { shape: [5], data: Float32Array.from({ length: 5 }, () => random.normal()) },
  empty: { shape: [0, 4], data: new Float32Array() },
};
const file = writeSafetensors(mixed, { note: "kept" });

test("the stream of a file's own tensors is the file, byte by byte, by numbers as by bytes", async () => {
  const { entries, read, readStored, metadata } = await openTensorSource(file);
  expect(await collect(streamSafetensors(entries, readStored, metadata))).toEqual(file);
  expect(await collect(streamSafetensors(entries, read, metadata))).toEqual(file);
  const other = await collect(streamSafetensors(entries, read, {}));
  expect(other).not.toEqual(file);
});

test("tensors are asked for one at a time, after the one before was taken, and never all at once", async () => {
  const { entries, read } = await openTensorSource(file);
  const asked: string[] = [];
  const stream = streamSafetensors(entries, (name) => {
    asked.push(name);
    return read(name);
  });
  await stream.next();
  expect(asked).toEqual([]); // the header needs none
  await stream.next();
  await stream.next();
  expect(asked).toEqual(["double", "steps"]); // wider formats first, then by name
});

test("another float format on request: numbers are rounded to the nearest", async () => {
  const weights = { w: { shape: [2], data: Float32Array.of(1 + 2 ** -12, 3) } };
  const source = weightsSource(weights);
  const planned = [...source.entries].map(
    ([name, entry]) => [name, { ...entry, dtype: "F16" as const }] as const,
  );
  const back = await openTensorSource(await collect(streamSafetensors(planned, source.read)));
  expect(back.entries.get("w")).toMatchObject({ dtype: "F16", bytes: 4 });
  expect([...(await back.read("w")).data]).toEqual([1, 3]);
});

describe("a tensor that is not what was announced is refused by name", () => {
  const plan: [string, PlannedTensor][] = [["w", { dtype: "I32", shape: [2] }]];
  const write = (tensor: WritableTensor) =>
    collect(streamSafetensors(plan, () => Promise.resolve(tensor)));

  test("another shape, another format, data of another length, numbers that do not fit", async () => {
    await expect(write({ shape: [3], data: new Float32Array(3) })).rejects.toThrow(
      /"w" has shape \[3\], but was announced with \[2\]/,
    );
    const bytes = { dtype: "F32", shape: [2], data: new Uint8Array(8) } as const;
    await expect(write(bytes)).rejects.toThrow(/format F32, but was announced with I32/);
    await expect(write({ shape: [2], data: new Float32Array(1) })).rejects.toThrow(ShapeError);
    await expect(write({ ...bytes, dtype: "I32", data: new Uint8Array(7) })).rejects.toThrow(
      ShapeError,
    );
    await expect(write({ shape: [2], data: Float32Array.of(1, 0.5) })).rejects.toThrow(OptionError);
    expect((await write({ shape: [2], data: Float32Array.of(1, 2) })).length).toBeGreaterThan(8);
  });
});

describe("a network that would not stay finite is refused, and the format's largest number is not", () => {
  const write = (dtype: "F16" | "BF16" | "F32" | "F64", ...numbers: number[]) =>
    collect(
      streamSafetensors([["w", { dtype, shape: [numbers.length] }]], () =>
        Promise.resolve({ shape: [numbers.length], data: Float64Array.from(numbers) }),
      ),
    );

  test.each([
    ["F16", 65519, 65520, /"w" would hold 6\.552e\+4 at entry 1, .* F16; convert .* to F32 first/],
    ["BF16", 3.38e38, 3.4e38, /at entry 1, .* BF16/],
    ["F32", 3.4e38, 1e39, /at entry 1, .* F32; convert .* to F64 first/],
    ["F64", 1e308, Infinity, /holds? Infinity at entry 1, .* F64/],
    ["F16", 1, NaN, /NaN at entry 1/],
  ] as const)("%s: %d is written, %d is not", async (dtype, good, bad, message) => {
    await write(dtype, 0, good);
    await expect(write(dtype, good, bad)).rejects.toThrow(message);
    await expect(write(dtype, good, bad)).rejects.toThrow(OptionError);
  });
});
