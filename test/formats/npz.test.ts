// NumPy's files written by hand: every number format and order comes out, and what cannot be read is refused by array.

import { zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { npy, npz, type WrittenArray } from "../support/files/write-npz.ts";

const four = Float32Array.of(1, 2, 3, 4);
const simple: WrittenArray = { descr: "<f4", shape: [4], data: four };
const open = (array: WrittenArray) => openTensorSource(npz({ w: array }));
const numbers = async (array: WrittenArray) => [...(await (await open(array)).read("w")).data];

describe("arrays", () => {
  const formats: [string, ArrayBufferView, number[]][] = [
    ["<f2", Uint16Array.of(0x3e00, 0xc000), [1.5, -2]],
    ["<f4", Float32Array.of(0.5, -2), [0.5, -2]],
    ["<f8", Float64Array.of(0.1, -2), [0.1, -2]],
    ["|i1", Int8Array.of(-1, 5), [-1, 5]],
    ["|u1", Uint8Array.of(255, 5), [255, 5]],
    ["<i2", Int16Array.of(-300, 5), [-300, 5]],
    ["<u2", Uint16Array.of(65_535, 5), [65_535, 5]],
    ["<i4", Int32Array.of(-70_000, 5), [-70_000, 5]],
    ["<u4", Uint32Array.of(4_000_000_000, 5), [4_000_000_000, 5]],
    ["<i8", BigInt64Array.of(-(2n ** 40n), 5n), [-(2 ** 40), 5]],
    ["<u8", BigUint64Array.of(2n ** 40n, 5n), [2 ** 40, 5]],
    ["|b1", Uint8Array.of(1, 0), [1, 0]],
    [">i1", Int8Array.of(-1, 5), [-1, 5]],
  ];
  test.each(formats)("of format %s", async (descr, data, expected) => {
    expect(await numbers({ descr, shape: [2], data })).toEqual(expected);
  });

  test("in Fortran order come out row by row", async () => {
    // The numbers 0 to 23 of shape [2, 3, 4] as numpy.asfortranarray stores them: the first index varies fastest.
    const value = (i: number, j: number, k: number) => 12 * i + 4 * j + k;
    const stored: number[] = [];
    for (let k = 0; k < 4; k++)
      for (let j = 0; j < 3; j++) for (let i = 0; i < 2; i++) stored.push(value(i, j, k));
    const array = { shape: [2, 3, 4], fortran: true };
    const rows = Array.from({ length: 24 }, (_, i) => i);
    for (const [descr, data] of [
      ["<f4", Float32Array.from(stored)],
      ["<f8", Float64Array.from(stored)],
      ["|u1", Uint8Array.from(stored)],
      ["<i2", Int16Array.from(stored)],
    ] as const)
      expect(await numbers({ ...array, descr, data })).toEqual(rows);
    const control = { ...array, descr: "<f4", data: Float32Array.from(stored), fortran: false };
    expect(await numbers(control)).toEqual(stored);
    expect(stored).not.toEqual(rows);
  });

  test("of any version and header layout that NumPy has written", async () => {
    expect(await numbers({ ...simple, version: 2 })).toEqual([1, 2, 3, 4]);
    expect(await numbers({ ...simple, version: 3 })).toEqual([1, 2, 3, 4]);
    const old = "{'shape': (4L,), 'descr': '<f4', 'fortran_order': False}";
    expect(await numbers({ ...simple, header: old })).toEqual([1, 2, 3, 4]);
    expect(await numbers({ descr: "<f4", shape: [], data: Float32Array.of(3) })).toEqual([3]);
    expect(await numbers({ descr: "<f4", shape: [0, 3], data: new Float32Array() })).toEqual([]);
  });

  test("in folders of the archive keep their path; files that are no arrays are left out", async () => {
    const bytes = zipSync({ "a/b.npy": npy(simple), "notes.txt": Uint8Array.of(1) });
    expect([...(await openTensorSource(bytes)).entries.keys()]).toEqual(["a/b"]);
    await expect(openTensorSource(zipSync({ "notes.txt": Uint8Array.of(1) }))).rejects.toThrow(
      /no arrays/,
    );
  });
});

describe("what is refused, by array", () => {
  test.each([
    [">f4", /array "w" has dtype '>f4'.*not little endian.*newbyteorder/],
    ["|O", /Python objects, which are not read/],
    ["<U3", /dtype '<U3', which is not read/],
    ["<c16", /'<c16'/],
    ["|V2", /'\|V2'/],
    ["=f4", /'=f4'/],
    ["toString", /'toString'/],
  ])("dtype %s", async (descr, message) => {
    await expect(open({ ...simple, descr })).rejects.toThrow(UnsupportedError);
    await expect(open({ ...simple, descr })).rejects.toThrow(message);
  });

  test("structures", async () => {
    const header =
      "{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (2,), }";
    await expect(open({ ...simple, header })).rejects.toThrow(UnsupportedError);
  });

  test.each([
    ["{'descr': '<f4', 'shape': (4,), }", /cannot be read/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'x': 1}", /cannot be read/],
    ["{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}", /"descr" twice/],
    ["{'descr': '<f4', 'fortran_order': '<f4', 'shape': (4,)}", /fortran_order is/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (-4,)}", /its shape is/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': True}", /its shape is/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", /cannot be/],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (5,)}", /bytes, expected \d+ from its/],
    ["__import__('os')", /cannot be read/],
  ])("header %s", async (header, message) => {
    await expect(open({ ...simple, header })).rejects.toThrow(FormatError);
    await expect(open({ ...simple, header })).rejects.toThrow(message);
  });

  test("numbers whose checksum is wrong, stored and deflated", async () => {
    for (const level of [0, 6] as const) {
      const bytes = npz({ w: { ...simple, shape: [64], data: new Float32Array(64) } }, { level });
      const whole = await openTensorSource(bytes);
      expect((await whole.read("w")).data).toHaveLength(64);
      // The checksum lies 16 bytes into the directory's record, which its mark announces.
      const record = bytes.findLastIndex((_, i) =>
        [0x50, 0x4b, 1, 2].every((byte, j) => bytes[i + j] === byte),
      );
      bytes[record + 16] ^= 1;
      await expect((await openTensorSource(bytes)).read("w")).rejects.toThrow(/wrong checksum/);
    }
  });

  test("a single file that is cut short or too long", async () => {
    const bytes = npy(simple);
    await expect(openTensorSource(bytes.subarray(0, 130))).rejects.toThrow(FormatError);
    await expect(openTensorSource(bytes.subarray(0, 9))).rejects.toThrow(/cut short/);
    await expect(openTensorSource(Uint8Array.of(...bytes, 0))).rejects.toThrow(/expected/);
  });
});
