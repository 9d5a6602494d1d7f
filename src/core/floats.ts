// Floats of 16 and 8 bits: float16 (IEEE 754 binary16), bfloat16 (the upper half of a float32) and the 8-bit formats of
// the Open Compute Project, and those of one zero and one NaN (fnuz). Codes are read exactly; numbers are rounded to the nearest value, ties to the even code.

/** A float format of at most 16 bits. */
export type SmallFloat = EncodedFloat | "float8e5m2fnuz" | "float8e4m3fnuz";

/** A format that numbers are rounded to, too; the others have no negative zero, whose code is their NaN. */
export type EncodedFloat = "float16" | "bfloat16" | "float8e5m2" | "float8e4m3";

/** Bits of a format, its largest finite code, and the codes of what is too large and of NaN; all without sign. */
interface Layout {
  readonly bits: 8 | 16;
  readonly fractionBits: number;
  readonly bias: number;
  readonly maxCode: number;
  readonly overflow: number;
  readonly nan: number;
}

const layouts: Readonly<Record<SmallFloat, Layout>> = {
  float16: {
    bits: 16,
    fractionBits: 10,
    bias: 15,
    maxCode: 0x7bff,
    overflow: 0x7c00,
    nan: 0x7e00,
  },
  bfloat16: {
    bits: 16,
    fractionBits: 7,
    bias: 127,
    maxCode: 0x7f7f,
    overflow: 0x7f80,
    nan: 0x7fc0,
  },
  float8e5m2: { bits: 8, fractionBits: 2, bias: 15, maxCode: 0x7b, overflow: 0x7c, nan: 0x7e },
  // No infinities: what is too large has no value.
  float8e4m3: { bits: 8, fractionBits: 3, bias: 7, maxCode: 0x7e, overflow: 0x7f, nan: 0x7f },
  float8e5m2fnuz: { bits: 8, fractionBits: 2, bias: 16, maxCode: 0x7f, overflow: 0x80, nan: 0x80 },
  float8e4m3fnuz: { bits: 8, fractionBits: 3, bias: 8, maxCode: 0x7f, overflow: 0x80, nan: 0x80 },
};

/** The value of a code, from its fields. */
function valueOf(code: number, { bits, fractionBits, bias, maxCode, overflow, nan }: Layout) {
  const signBit = 2 ** (bits - 1);
  const magnitude = code % signBit;
  const sign = code < signBit ? 1 : -1;
  if (code === nan) return NaN;
  if (magnitude > maxCode)
    return magnitude === overflow && overflow !== nan ? sign * Infinity : NaN;
  const exponent = Math.floor(magnitude / 2 ** fractionBits);
  const fraction = (magnitude % 2 ** fractionBits) / 2 ** fractionBits;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

const tables = new Map<SmallFloat, Float32Array>();

/** The values of all codes of a format, by code (256 or 65,536 of them); made on first use. */
export function smallFloatValues(format: SmallFloat): Float32Array {
  let table = tables.get(format);
  if (table === undefined) {
    const layout = layouts[format];
    table = Float32Array.from({ length: 2 ** layout.bits }, (_, code) => valueOf(code, layout));
    tables.set(format, table);
  }
  return table;
}

/** The numbers of codes, exactly. */
export function decodeSmallFloats(
  codes: Uint8Array | Uint16Array,
  format: SmallFloat,
): Float32Array<ArrayBuffer> {
  const values = smallFloatValues(format);
  const result = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) result[i] = values[codes[i]];
  return result;
}

/** 2 to the powers from -1050 to 1049. */
const powers = Float64Array.from({ length: 2100 }, (_, i) => 2 ** (i - 1050));
/** Added and taken away, it rounds a number from 0 to 2^51 to a whole one, ties to even. */
const rounder = 2 ** 52;

/** Numbers at a time: as doubles, and the halves of their bits. */
const block = new Float64Array(4096);
const halves = new Uint32Array(block.buffer);

/** The codes of the nearest values, ties to the even code; what is too large becomes infinite (NaN in float8e4m3). */
export function encodeSmallFloats(
  data: Float32Array | Float64Array,
  format: EncodedFloat,
): Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  const { bits, fractionBits, bias, maxCode, overflow, nan } = layouts[format];
  const codes = bits === 8 ? new Uint8Array(data.length) : new Uint16Array(data.length);
  const signBit = 2 ** (bits - 1);
  for (let start = 0; start < data.length; start += block.length) {
    const part = data.subarray(start, start + block.length);
    block.set(part);
    for (let i = 0; i < part.length; i++) {
      const high = halves[2 * i + 1];
      const exponent = ((high >>> 20) & 0x7ff) - 1023;
      const magnitude = Math.abs(block[i]);
      let code: number;
      if (exponent === 1024) code = magnitude === Infinity ? overflow : nan;
      else {
        const e = Math.max(exponent, 1 - bias);
        const rounded = magnitude * powers[fractionBits - e + 1050] + rounder - rounder;
        code = Math.min(rounded + (e + bias - 1) * 2 ** fractionBits, maxCode + 1);
        if (code > maxCode) code = overflow;
      }
      const isNegative = high >>> 31 === 1 && code !== nan;
      codes[start + i] = isNegative ? code | signBit : code;
    }
  }
  return codes;
}
