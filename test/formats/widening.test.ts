import { describe, expect, test } from "vitest";
import { UnsupportedError } from "../../src/core/errors.ts";
import { type SafeDtype, toFloat32 } from "../../src/formats/safetensors/safetensors-dtypes.ts";

describe("widening to float32", () => {
  const widen = (dtype: SafeDtype, bytes: ArrayLike<number>) => [
    ...toFloat32({ dtype, data: Uint8Array.from(bytes) }),
  ];
  const bytesOf = (array: ArrayBufferView) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

  test("half floats: normals, subnormals, infinities, NaN, signed zero (values of IEEE 754)", () => {
    const bits = [0x3c00, 0xc000, 0x0001, 0x03ff, 0x0400, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x8000];
    expect(widen("F16", bytesOf(Uint16Array.from(bits)))).toEqual([
      1,
      -2,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      65504,
      Infinity,
      -Infinity,
      NaN,
      -0,
    ]);
  });

  test("bfloat16 is the upper half of a float32", () => {
    const values = Float32Array.of(1, -2.5, 1e30, Infinity, -0);
    const upper = new Uint16Array(values.buffer).filter((_, i) => i % 2 === 1);
    const cut = new Uint32Array(values.buffer).map((bits) => bits & 0xffff0000);
    expect(widen("BF16", bytesOf(upper))).toEqual([...new Float32Array(cut.buffer)]);
  });

  test("8-bit floats: the extreme values of the OCP specification", () => {
    const e4m3 = [0x7e, 0x08, 0x01, 0x7f, 0xff, 0x80, 0x38];
    expect(widen("F8_E4M3", e4m3)).toEqual([448, 2 ** -6, 2 ** -9, NaN, NaN, -0, 1]);
    const e5m2 = [0x7b, 0x04, 0x01, 0x7c, 0xfc, 0x7f, 0x3c];
    expect(widen("F8_E5M2", e5m2)).toEqual([
      57344,
      2 ** -14,
      2 ** -16,
      Infinity,
      -Infinity,
      NaN,
      1,
    ]);
  });

  test("integers, booleans and doubles", () => {
    expect(widen("BOOL", [0, 1, 2])).toEqual([0, 1, 1]);
    expect(widen("U8", [0, 255])).toEqual([0, 255]);
    expect(widen("I8", [0x80, 0x7f, 0xff])).toEqual([-128, 127, -1]);
    expect(widen("U16", bytesOf(Uint16Array.of(65535)))).toEqual([65535]);
    expect(widen("I16", bytesOf(Int16Array.of(-32768)))).toEqual([-32768]);
    expect(widen("U32", bytesOf(Uint32Array.of(2 ** 31)))).toEqual([2 ** 31]);
    expect(widen("I32", bytesOf(Int32Array.of(-(2 ** 31))))).toEqual([-(2 ** 31)]);
    expect(widen("I64", bytesOf(BigInt64Array.of(-3n)))).toEqual([-3]);
    expect(widen("U64", bytesOf(BigUint64Array.of(2n ** 63n)))).toEqual([2 ** 63]);
    expect(widen("F64", bytesOf(Float64Array.of(0.1, 1e300)))).toEqual([
      Math.fround(0.1),
      Infinity,
    ]);
  });

  test("complex numbers are refused", () => {
    expect(() => widen("C64", Array(8).fill(0))).toThrow(UnsupportedError);
  });
});
