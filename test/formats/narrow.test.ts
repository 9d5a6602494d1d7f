// Numbers into the formats of files: nearest value, ties to even, and back without a change.

import { describe, expect, test } from "vitest";
import { OptionError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { narrow } from "../../src/formats/narrow.ts";
import type { SafeDtype } from "../../src/formats/safetensors/safetensors-dtypes.ts";
import { widen } from "../../src/formats/widen.ts";

const codesOf = (numbers: readonly number[], dtype: SafeDtype): number[] => {
  const tensor = { shape: [numbers.length], data: Float64Array.from(numbers) };
  const { data } = narrow(tensor, dtype, "w");
  return [...(data.length === numbers.length ? data : new Uint16Array(data.slice().buffer))];
};

const formats = [
  ["F16", 65_536],
  ["BF16", 65_536],
  ["F8_E4M3", 256],
  ["F8_E5M2", 256],
] as const;

/** The values of all codes, by code. */
function valuesOf(dtype: SafeDtype, count: number): number[] {
  const codes = Array.from({ length: count }, (_, code) => code);
  const data =
    count === 256 ? Uint8Array.from(codes) : new Uint8Array(Uint16Array.from(codes).buffer);
  return [...widen({ dtype, shape: [count], data }, "w").data];
}

describe.each(formats)("%s", (dtype, count) => {
  const values = valuesOf(dtype, count);

  test("every value of the format comes back as its own code", () => {
    const finite = values.flatMap((value, code) => (Number.isNaN(value) ? [] : [code]));
    expect(
      codesOf(
        finite.map((code) => values[code]),
        dtype,
      ),
    ).toEqual(finite);
  });

  test("between neighbours: the nearest, halfway the even code; cutting off is another thing", () => {
    const random = randomStream(5);
    let cutDiffers = 0;
    for (let i = 0; i < 2000; i++) {
      const code = random.integer(count / 2 - 1);
      const [low, high] = [values[code], values[code + 1]];
      if (!Number.isFinite(low) || !Number.isFinite(high)) continue;
      const middle = (low + high) / 2;
      const even = code % 2 === 0 ? code : code + 1;
      const [below, at, above] = codesOf(
        [middle - (high - low) / 2 ** 20, middle, middle + (high - low) / 2 ** 20],
        dtype,
      );
      expect([below, at, above]).toEqual([code, even, code + 1]);
      expect(codesOf([-middle], dtype)).toEqual([even + count / 2]);
      if (above !== code) cutDiffers++;
    }
    expect(cutDiffers).toBeGreaterThan(1000);
  });

  test("NaN stays NaN and the sign of zero stays", () => {
    const back = widen(narrow({ shape: [2], data: Float64Array.of(NaN, -0) }, dtype, "w"), "w");
    expect(back.data[0]).toBeNaN();
    expect(Object.is(back.data[1], -0)).toBe(true);
  });
});

test("golden codes of NumPy 1.24 (float64 to float16) and torch 1.13 (float32 to bfloat16)", () => {
  const halves: [number, number][] = [
    [65_519.99, 0x7bff],
    [65_520, 0x7c00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [2 ** -25 * 1.0001, 1],
    [3 * 2 ** -25, 2],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [-Infinity, 0xfc00],
  ];
  expect(
    codesOf(
      halves.map(([x]) => x),
      "F16",
    ),
  ).toEqual(halves.map(([, code]) => code));
  const brains: [number, number][] = [
    [1 + 2 ** -8, 0x3f80],
    [1 + 3 * 2 ** -8, 0x3f82],
    [3.4028234663852886e38, 0x7f80],
    [1e-40, 1],
  ];
  expect(
    codesOf(
      brains.map(([x]) => x),
      "BF16",
    ),
  ).toEqual(brains.map(([, code]) => code));
});

describe("whole numbers", () => {
  test("are kept exactly in every integer format, at both ends of its range", () => {
    const ends: [SafeDtype, number, number][] = [
      ["BOOL", 0, 1],
      ["U8", 0, 255],
      ["I8", -128, 127],
      ["U16", 0, 65_535],
      ["I16", -32_768, 32_767],
      ["U32", 0, 2 ** 32 - 1],
      ["I32", -(2 ** 31), 2 ** 31 - 1],
      ["U64", 0, Number.MAX_SAFE_INTEGER],
      ["I64", -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    ];
    for (const [dtype, low, high] of ends) {
      const tensor = { shape: [2], data: Float64Array.of(low, high) };
      expect([...widen(narrow(tensor, dtype, "w"), "w").data]).toEqual([low, high]);
      for (const bad of [low - 1, high + 1, 0.5, NaN, Infinity]) {
        const wrong = { shape: [1], data: Float64Array.of(bad) };
        expect(() => narrow(wrong, dtype, "steps")).toThrow(OptionError);
        expect(() => narrow(wrong, dtype, "steps")).toThrow(/tensor "steps" holds/);
      }
    }
  });

  test("complex numbers and bare exponents are not made of real numbers", () => {
    for (const dtype of ["C64", "F8_E8M0"] as const)
      expect(() => narrow({ shape: [1], data: Float32Array.of(1) }, dtype, "w")).toThrow(dtype);
  });
});
