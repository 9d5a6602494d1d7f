// Floats of 16 and 8 bits: every code against the bits of a double, every rounding against the definition.

import { describe, expect, test } from "vitest";
import {
  decodeSmallFloats,
  encodeSmallFloats,
  type EncodedFloat,
  smallFloatValues,
} from "../../src/core/floats.ts";

/** By format: bits, exponent bits, fraction bits; whether the top exponent means infinities and NaNs, as in IEEE 754. */
const formats: readonly [EncodedFloat, number, number, number, boolean][] = [
  ["float16", 16, 5, 10, true],
  ["bfloat16", 16, 8, 7, true],
  ["float8e5m2", 8, 5, 2, true],
  ["float8e4m3", 8, 4, 3, false],
];

const double = new DataView(new ArrayBuffer(8));

/** The value of a code by the definition: its fields moved into those of a double. */
function defined(
  code: number,
  bits: number,
  exponentBits: number,
  fractionBits: number,
  ieee: boolean,
) {
  const top = 2 ** exponentBits - 1;
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = code >>> (bits - 1);
  const exponent = (code >>> fractionBits) & top;
  const fraction = code & (2 ** fractionBits - 1);
  if (exponent === top && (ieee || fraction === 2 ** fractionBits - 1)) {
    if (ieee && fraction === 0) return sign === 0 ? Infinity : -Infinity;
    return NaN;
  }
  // A subnormal is what its normal sibling with the smallest exponent has above 2^(1 - bias).
  const biased = BigInt(Math.max(exponent, 1) - bias + 1023);
  const wide = (biased << 52n) | (BigInt(fraction) << BigInt(52 - fractionBits));
  double.setBigUint64(0, wide);
  const magnitude = double.getFloat64(0) - (exponent === 0 ? 2 ** (1 - bias) : 0);
  return sign === 0 ? magnitude : -magnitude;
}

const codesOf = (numbers: readonly number[], format: EncodedFloat) => [
  ...encodeSmallFloats(Float64Array.from(numbers), format),
];

describe.each(formats)("%s", (format, bits, exponentBits, fractionBits, ieee) => {
  const count = 2 ** bits;
  const expected = Array.from({ length: count }, (_, code) =>
    defined(code, bits, exponentBits, fractionBits, ieee),
  );

  test("every code has the value of the definition, the sign of zero and NaN included", () => {
    const codes = Array.from({ length: count }, (_, code) => code);
    const typed = bits === 8 ? Uint8Array.from(codes) : Uint16Array.from(codes);
    const values = decodeSmallFloats(typed, format);
    expect([...smallFloatValues(format)]).toEqual(expected);
    let wrong = 0;
    for (const code of codes) if (!Object.is(values[code], expected[code])) wrong++;
    expect(wrong).toBe(0);
    // Control: with the neighbour's code every value is another one, except between NaNs.
    const shifted = codes.filter((code) => Object.is(values[code], expected[(code + 1) % count]));
    expect(shifted.every((code) => Number.isNaN(values[code]))).toBe(true);
  });

  test("every value comes back as its own code, NaN as one NaN", () => {
    const back = codesOf(expected, format);
    const wrong = back.filter((code, i) =>
      Number.isNaN(expected[i]) ? !Number.isNaN(expected[code]) : code !== i,
    );
    expect(wrong).toEqual([]);
  });

  test("between any two neighbours: the nearest, halfway the even code, with either sign", () => {
    let ties = 0;
    let roundedUp = 0;
    const numbers: number[] = [];
    const right: number[] = [];
    for (let code = 0; code + 1 < count / 2; code++) {
      const low = expected[code];
      const high = expected[code + 1];
      if (!Number.isFinite(low) || !Number.isFinite(high)) continue;
      const middle = (low + high) / 2; // exact in a double
      const tie = code % 2 === 0 ? code : code + 1;
      if (tie !== code) roundedUp++;
      ties++;
      // The doubles next to the middle, on either side.
      double.setFloat64(0, middle);
      const at = double.getBigUint64(0);
      double.setBigUint64(0, at - 1n);
      const below = double.getFloat64(0);
      double.setBigUint64(0, at + 1n);
      const above = double.getFloat64(0);
      numbers.push(below, middle, above, -below, -middle, -above);
      right.push(code, tie, code + 1, code + count / 2, tie + count / 2, code + 1 + count / 2);
    }
    expect(codesOf(numbers, format)).toEqual(right);
    expect(roundedUp).toBeGreaterThan(ties / 2 - 2); // cutting off would fail in half of the ties
  });

  test("what is half a step beyond the largest value is too large, what is less is not", () => {
    const max = expected.findLastIndex((x, code) => code < count / 2 && Number.isFinite(x));
    const step = expected[max] - expected[max - 1];
    const limit = expected[max] + step / 2;
    const tooLarge = codesOf([limit, Infinity, 1e300], format).map((code) => expected[code]);
    // A tie goes to the even code: the largest value itself where that is even.
    const tied = max % 2 === 0 ? expected[max] : ieee ? Infinity : NaN;
    expect(tooLarge).toEqual(ieee ? [Infinity, Infinity, Infinity] : [tied, NaN, NaN]);
    expect(codesOf([limit * (1 - 1e-12), 5e-324, -5e-324], format)).toEqual([max, 0, count / 2]);
  });

  test("numbers in single precision give the codes of the same numbers in double precision", () => {
    const numbers = Float32Array.from(
      { length: 5000 },
      (_, i) => Math.sin(i) * 2 ** ((i % 60) - 40),
    );
    expect([...encodeSmallFloats(numbers, format)]).toEqual(codesOf([...numbers], format));
  });
});

test("formats of one zero and one NaN: the bias is one more, and the code of a negative zero is NaN", () => {
  for (const [format, other, largest] of [
    ["float8e4m3fnuz", "float8e4m3", 240],
    ["float8e5m2fnuz", "float8e5m2", 57344],
  ] as const) {
    const values = smallFloatValues(format);
    expect([values[0], values[0x80], values[0x7f], values[0xff]]).toEqual([
      0,
      NaN,
      largest,
      -largest,
    ]);
    // Below the codes that the other format keeps for infinities and NaNs, every value is half of its.
    const half = smallFloatValues(other).map((value) => value / 2);
    const kept = other === "float8e4m3" ? 0x7f : 0x7c;
    expect([...values.subarray(0, kept)]).toEqual([...half.subarray(0, kept)]);
  }
});
