import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormatError, ShapeError, UnsupportedError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import {
  dtypeBytes,
  type SafeDtype,
  toFloat32,
} from "../../src/formats/safetensors/safetensors-dtypes.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { readSafetensors, safetensorsHeader } from "../../src/formats/safetensors/safetensors.ts";

/** A file from header text and data, written by hand as the published format describes it. */
function file(header: string | Uint8Array, data: readonly number[] = [], length?: bigint) {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

describe("reading bytes written by hand", () => {
  // 1 and -2 as little-endian float32, then the two bytes of the half float 1.5.
  const data = [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0x3e];
  const header = `{"__metadata__":{"k":"v"},"b":{"dtype":"F16","shape":[],"data_offsets":[8,10]},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}  `;

  test("tensors, shapes, metadata and values come out", () => {
    const { tensors, metadata } = readSafetensors(file(header, data));
    expect([...tensors.keys()]).toEqual(["b", "a"]);
    expect(metadata).toEqual({ k: "v" });
    expect(tensors.get("a")?.shape).toEqual([2, 1]);
    expect([...toFloat32(tensors.get("a")!)]).toEqual([1, -2]);
    expect([...toFloat32(tensors.get("b")!)]).toEqual([1.5]);
  });

  test("data are views of the file, not copies", () => {
    const bytes = file(header, data);
    expect(readSafetensors(bytes).tensors.get("a")?.data.buffer).toBe(bytes.buffer);
  });

  test("the header alone can be read from the first bytes of a file", () => {
    const bytes = file(header, data);
    const { entries, dataStart, fileBytes } = safetensorsHeader(bytes.subarray(0, -10));
    expect(fileBytes).toBe(bytes.length);
    expect(entries.get("a")).toEqual({
      dtype: "F32",
      shape: [2, 1],
      start: dataStart,
      end: dataStart + 8,
    });
  });

  test("a file without tensors and tensors without numbers are fine", () => {
    expect(readSafetensors(file("{}")).tensors.size).toBe(0);
    const empty = `{"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]}}`;
    expect(toFloat32(readSafetensors(file(empty)).tensors.get("a")!)).toHaveLength(0);
  });

  test("a tensor named __proto__ is a tensor like any other", () => {
    const header = `{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`;
    const { tensors } = readSafetensors(file(header, [7]));
    expect([...toFloat32(tensors.get("__proto__")!)]).toEqual([7]);
    expect(({} as Record<string, unknown>)["dtype"]).toBeUndefined();
  });
});

describe("a header that lies is refused with the tensor and the numbers", () => {
  const entry = (fields: string) => `{"t":{${fields}}}`;
  const u8 = (shape: string, offsets: string) =>
    entry(`"dtype":"U8","shape":${shape},"data_offsets":${offsets}`);
  const two = (a: string, b: string) =>
    `{"a":{"dtype":"U8","shape":[2],"data_offsets":${a}},"b":{"dtype":"U8","shape":[2],"data_offsets":${b}}}`;
  const cases: [string, Uint8Array, RegExp][] = [
    ["an empty file", new Uint8Array(0), /at least 8 bytes, got 0/],
    ["fewer than 8 bytes", new Uint8Array(7), /got 7/],
    ["a length over the cap", file("{}", [], 100_000_001n), /100000001 bytes.*limit of 100000000/],
    ["a length of 2^64 - 1", file("{}", [], 2n ** 64n - 1n), /18446744073709551615/],
    ["a length past the end", file("{}", [], 40n), /claims 40 bytes, but only 2/],
    ["a length of zero", file("", [], 0n), /claims 0 bytes/],
    ["invalid UTF-8", file(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])), /UTF-8/],
    ["a byte order mark", file("\ufeff{}"), /start with/],
    ["leading space", file(" {}"), /start with/],
    ["broken JSON", file(`{"t":`), /not valid JSON/],
    ["an array", file("[]"), /start with/],
    ["a number", file("12"), /start with/],
    ["deep nesting", file(`{"t":${"[".repeat(50_000)}`), /nested more than 64 deep/],
    ["a tensor twice", file(`{"t":{},"t":{}}`), /"t" twice/],
    ["a tensor twice by escapes", file(`{"t":{},"\\u0074":{}}`), /"t" twice/],
    ["a field twice", file(entry(`"dtype":"U8","dtype":"F32"`)), /"dtype" twice inside "t"/],
    ["metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`), /"__metadata__" twice/],
    ["metadata not an object", file(`{"__metadata__":["a"]}`), /must be an object/],
    ["metadata not strings", file(`{"__metadata__":{"a":1}}`), /entry "a" must be a string, got 1/],
    ["a tensor that is null", file(`{"t":null}`), /tensor "t" must be an object, got null/],
    ["an unknown format", file(entry(`"dtype":"F31","shape":[],"data_offsets":[0,4]`)), /"F31"/],
    ["an inherited format", file(entry(`"dtype":"toString","shape":[]`)), /"toString"/],
    ["a negative size", file(u8("[-1]", "[0,1]")), /shape \[-1\]/],
    ["a fractional size", file(u8("[1.5]", "[0,1]")), /shape \[1.5\]/],
    ["a size past 2^53", file(u8("[9007199254740993]", "[0,1]")), /whole numbers/],
    ["a product past 2^64", file(u8("[4294967296,4294967297]", "[0,0]")), /18446744078004518912/],
    ["a shape that is a word", file(u8(`"2"`, "[0,1]")), /shape "2"/],
    [
      "too many dimensions",
      file(u8(JSON.stringify(Array(65).fill(1)), "[0,1]"), [0]),
      /65 dimensions/,
    ],
    ["one offset", file(u8("[1]", "[0]"), [0]), /data_offsets \[0\]/],
    ["a negative offset", file(u8("[1]", "[-1,0]"), [0]), /data_offsets \[-1,0\]/],
    ["offsets the wrong way round", file(u8("[1]", "[1,0]"), [0]), /\[1, 0\]/],
    [
      "offsets that do not fit the shape",
      file(u8("[3]", "[0,2]"), [0, 0]),
      /needs 3 bytes.*give 2/,
    ],
    ["a truncated file", file(u8("[3]", "[0,3]"), [0, 0]), /take 3 bytes, but 2.*"t" is cut off/],
    ["trailing bytes", file(u8("[1]", "[0,1]"), [0, 0]), /take 1 bytes, but 2/],
    ["a hole", file(two("[0,2]", "[3,5]"), [0, 0, 0, 0, 0]), /1 bytes are unused.*"a".*"b"/],
    ["a hole at the start", file(u8("[1]", "[1,2]"), [0, 0]), /unused between the header/],
    ["an overlap", file(two("[0,2]", "[1,3]"), [0, 0, 0]), /1 bytes overlap/],
    ["the same range twice", file(two("[0,2]", "[0,2]"), [0, 0]), /2 bytes overlap/],
  ];
  test.each(cases)("%s", (_name, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(FormatError);
    expect(() => readSafetensors(bytes)).toThrow(message);
  });

  test("formats of less than a byte are named as valid but not handled", () => {
    const bytes = file(entry(`"dtype":"F4","shape":[2],"data_offsets":[0,1]`), [0]);
    expect(() => readSafetensors(bytes)).toThrow(UnsupportedError);
  });

  test("a smaller header limit can be asked for", () => {
    const bytes = file(u8("[1]", "[0,1]"), [0]);
    expect(() => readSafetensors(bytes, { limits: { headerBytes: 16 } })).toThrow(/limit of 16/);
  });

  test("the files the cases are made from are accepted when they tell the truth", () => {
    expect(readSafetensors(file(u8("[3]", "[0,3]"), [1, 2, 3])).tensors.size).toBe(1);
    expect(readSafetensors(file(two("[2,4]", "[0,2]"), [0, 0, 0, 0])).tensors.size).toBe(2);
  });
});

const dtypes = Object.keys(dtypeBytes) as SafeDtype[];
const tensorArbitrary = fc
  .tuple(fc.constantFrom(...dtypes), fc.array(fc.nat(4), { maxLength: 3 }), fc.nat(255))
  .map(([dtype, shape, start]) => ({
    dtype,
    shape,
    data: Uint8Array.from(
      { length: sizeOf(shape) * dtypeBytes[dtype] },
      (_, i) => (start + 37 * i) % 256,
    ),
  }));
const nameArbitrary = fc
  .oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("__proto__", "toString", "", "1", "constructor", 'a"b\\'),
  )
  .filter((name) => name !== "__metadata__");

describe("writing", () => {
  test("what is written is read back, whatever the names, formats and metadata", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(nameArbitrary, tensorArbitrary), { selector: ([name]) => name }),
        fc.array(fc.tuple(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }))),
        (tensors, texts) => {
          const metadata = Object.fromEntries(texts);
          const bytes = writeSafetensors(tensors, metadata);
          const back = readSafetensors(bytes);
          expect(new Map(back.tensors)).toEqual(new Map(tensors));
          expect({ ...back.metadata }).toEqual(metadata);
          const { dataStart, entries } = safetensorsHeader(bytes);
          expect(dataStart % 8).toBe(0);
          for (const { dtype, start } of entries.values())
            expect(start % dtypeBytes[dtype]).toBe(0);
          expect(writeSafetensors([...tensors].reverse(), metadata)).toEqual(bytes);
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });

  test("host tensors become F32 and F64", () => {
    const weights = {
      a: { shape: [2], data: Float32Array.of(1, 2) },
      b: { shape: [], data: Float64Array.of(3) },
    };
    const { tensors } = readSafetensors(writeSafetensors(weights));
    expect(tensors.get("a")?.dtype).toBe("F32");
    expect(tensors.get("b")?.dtype).toBe("F64");
    expect([...toFloat32(tensors.get("b")!)]).toEqual([3]);
  });

  test("what the format cannot hold is refused", () => {
    const one = { shape: [1], data: Float32Array.of(1) };
    expect(() => writeSafetensors({ __metadata__: one })).toThrow(FormatError);
    expect(() => writeSafetensors({ "\ud800": one })).toThrow(FormatError);
    expect(() =>
      writeSafetensors([
        ["a", one],
        ["a", one],
      ]),
    ).toThrow(/twice/);
    expect(() => writeSafetensors({ a: { ...one, shape: [2] } })).toThrow(ShapeError);
  });
});

test("damaged files give a FormatError or a file that is still whole, never anything else", () => {
  const tensors = {
    "fc1.weight": { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    "fc1.bias": { shape: [2], data: Float32Array.of(1, 2) },
  };
  const whole = writeSafetensors(tensors, { spec: "x" });
  const random = randomStream(5);
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    let bytes = whole.slice();
    const headerEnd = whole.length - 32;
    const changes = 1 + random.integer(3);
    for (let i = 0; i < changes; i++) {
      const kind = random.integer(4);
      const at = random.integer(headerEnd);
      if (kind === 0) bytes[at % bytes.length] ^= 1 << random.integer(8);
      else if (kind === 1) bytes[at % bytes.length] = 0x20 + random.integer(95);
      else if (kind === 2) bytes = bytes.slice(0, random.integer(bytes.length) + 1);
      else bytes = Uint8Array.from([...bytes, random.integer(256)]);
    }
    try {
      const file = readSafetensors(bytes);
      for (const { dtype, shape, data } of file.tensors.values()) {
        expect(data.length).toBe(sizeOf(shape) * dtypeBytes[dtype]);
      }
    } catch (error) {
      if (!(error instanceof FormatError)) expect(error).toBeInstanceOf(UnsupportedError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(10_000);
});
