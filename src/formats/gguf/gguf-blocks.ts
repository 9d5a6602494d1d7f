// Quantised blocks of GGUF files (ggml), multiplied out: every value is a whole number times a scale, in some types plus a
// minimum. The step is the scale: by that much two neighbouring values of a block differ, where all steps of a block are equal.

import { smallFloatValues } from "../../core/floats.ts";

/** A view of one block, its numbers little-endian. */
interface Block {
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** Writes the values of a block, and where asked the step of each, from `to` on. */
type Decode = (
  block: Block,
  values: Float32Array,
  steps: Float32Array | undefined,
  to: number,
) => void;

const half = ({ bytes, at }: Block, offset: number): number =>
  smallFloatValues("float16")[bytes[at + offset] | (bytes[at + offset + 1] << 8)];

const signed = (byte: number): number => (byte << 24) >> 24;

/** Blocks of 32 values of 4 or 5 bits: the low nibbles are the first half, the high ones the second. */
function nibbles(bits: 4 | 5, withMinimum: boolean): Decode {
  const middle = withMinimum ? 0 : 2 ** (bits - 1);
  const high = withMinimum ? 4 : 2;
  const low = high + (bits === 5 ? 4 : 0);
  return (block, values, steps, to) => {
    const { bytes, at } = block;
    const scale = half(block, 0);
    const minimum = withMinimum ? half(block, 2) : 0;
    for (let i = 0; i < 32; i++) {
      const byte = bytes[at + low + (i % 16)];
      const fifth = bits === 5 ? (bytes[at + high + (i >> 3)] >> (i & 7)) & 1 : 0;
      const number = (i < 16 ? byte & 15 : byte >> 4) | (fifth << 4);
      const value = scale * (number - middle);
      values[to + i] = withMinimum ? value + minimum : value;
      if (steps !== undefined) steps[to + i] = Math.abs(scale);
    }
  };
}

const q8: Decode = (block, values, steps, to) => {
  const scale = half(block, 0);
  for (let i = 0; i < 32; i++) {
    values[to + i] = scale * signed(block.bytes[block.at + 2 + i]);
    if (steps !== undefined) steps[to + i] = Math.abs(scale);
  }
};

/** The scale and the minimum of a part of 32 values, 6 bits each, of the 12 bytes that Q4_K and Q5_K hold them in. */
function partOf({ bytes, at }: Block, offset: number, part: number): readonly [number, number] {
  const byte = (i: number) => bytes[at + offset + i];
  if (part < 4) return [byte(part) & 63, byte(part + 4) & 63];
  return [
    (byte(part + 4) & 15) | ((byte(part - 4) >> 6) << 4),
    (byte(part + 4) >> 4) | ((byte(part) >> 6) << 4),
  ];
}

/** Blocks of 256 values of 4 or 5 bits: eight parts with scales and minima of their own. */
const parted =
  (bits: 4 | 5): Decode =>
  (block, values, steps, to) => {
    const { bytes, at } = block;
    const [scale, minimum] = [half(block, 0), half(block, 2)];
    const low = at + 16 + (bits === 5 ? 32 : 0);
    for (let part = 0; part < 8; part++) {
      const [factor, offset] = partOf(block, 4, part);
      const step = scale * factor;
      for (let i = 0; i < 32; i++) {
        const byte = bytes[low + 32 * (part >> 1) + i];
        const fifth = bits === 5 ? (bytes[at + 16 + i] >> part) & 1 : 0;
        const number = (part % 2 === 0 ? byte & 15 : byte >> 4) | (fifth << 4);
        values[to + 32 * part + i] = step * number - minimum * offset;
        if (steps !== undefined) steps[to + 32 * part + i] = Math.abs(step);
      }
    }
  };

/** Two bits of the value at `i` of 256, of the 64 bytes that Q2_K and Q3_K hold them in. */
const twoBits = (bytes: Uint8Array, start: number, i: number): number =>
  (bytes[start + 32 * (i >> 7) + (i & 31)] >> (2 * ((i >> 5) & 3))) & 3;

const q2k: Decode = (block, values, steps, to) => {
  const { bytes, at } = block;
  const [scale, minimum] = [half(block, 80), half(block, 82)];
  for (let i = 0; i < 256; i++) {
    const part = bytes[at + (i >> 4)];
    const step = scale * (part & 15);
    values[to + i] = step * twoBits(bytes, at + 16, i) - minimum * (part >> 4);
    if (steps !== undefined) steps[to + i] = Math.abs(step);
  }
};

const q3k: Decode = (block, values, steps, to) => {
  const { bytes, at } = block;
  const scale = half(block, 108);
  const packed = (i: number) => bytes[at + 96 + i];
  for (let i = 0; i < 256; i++) {
    const part = i >> 4;
    const low = part < 8 ? packed(part) & 15 : packed(part - 8) >> 4;
    const factor = (low | (((packed(8 + (part & 3)) >> (2 * (part >> 2))) & 3) << 4)) - 32;
    const isHigh = ((bytes[at + (i & 31)] >> (i >> 5)) & 1) === 1;
    const step = scale * factor;
    values[to + i] = step * (twoBits(bytes, at + 32, i) - (isHigh ? 0 : 4));
    if (steps !== undefined) steps[to + i] = Math.abs(step);
  }
};

const q6k: Decode = (block, values, steps, to) => {
  const { bytes, at } = block;
  const scale = half(block, 208);
  for (let i = 0; i < 256; i++) {
    const [side, quarter, place] = [i >> 7, (i >> 5) & 3, i & 31];
    const byte = bytes[at + 64 * side + 32 * (quarter & 1) + place];
    const low = quarter < 2 ? byte & 15 : byte >> 4;
    const high = (bytes[at + 128 + 32 * side + place] >> (2 * quarter)) & 3;
    const step = scale * signed(bytes[at + 192 + (i >> 4)]);
    values[to + i] = step * ((low | (high << 4)) - 32);
    if (steps !== undefined) steps[to + i] = Math.abs(step);
  }
};

/** Values of a float of 4 bits (1 sign, 2 exponent, 1 mantissa), twice as large. */
const fourBits = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** Floats of 4 bits that share a power of two (microscaling). */
const mxfp4: Decode = ({ bytes, at }, values, steps, to) => {
  const scale = 2 ** (bytes[at] - 128);
  for (let i = 0; i < 32; i++) {
    const byte = bytes[at + 1 + (i % 16)];
    values[to + i] = scale * fourBits[i < 16 ? byte & 15 : byte >> 4];
    // The widest gap between neighbours.
    if (steps !== undefined) steps[to + i] = 4 * scale;
  }
};

/** By the name of the type. */
const decoders: Readonly<Record<string, Decode>> = {
  Q4_0: nibbles(4, false),
  Q4_1: nibbles(4, true),
  Q5_0: nibbles(5, false),
  Q5_1: nibbles(5, true),
  Q8_0: q8,
  Q2_K: q2k,
  Q3_K: q3k,
  Q4_K: parted(4),
  Q5_K: parted(5),
  Q6_K: q6k,
  MXFP4: mxfp4,
};

/** Numbers of quantised blocks, in the order in which the file has them. */
export interface DecodedBlocks {
  /** [blocks * numbers of a block] */
  readonly values: Float32Array<ArrayBuffer>;
  /** How far apart two neighbouring values of its block are, for every number; where it was asked for. */
  readonly steps?: Float32Array<ArrayBuffer>;
}

/**
 * The numbers of blocks of a type that is read: `values` numbers in `bytes` bytes each. The type must be one of those that are read,
 * and the bytes whole blocks of it.
 */
export function decodeBlocks(
  type: { readonly name: string; readonly values: number; readonly bytes: number },
  bytes: Uint8Array,
  withSteps = false,
): DecodedBlocks {
  const blocks = bytes.length / type.bytes;
  const values = new Float32Array(blocks * type.values);
  const steps = withSteps ? new Float32Array(values.length) : undefined;
  const decode = decoders[type.name];
  for (let i = 0; i < blocks; i++)
    decode({ bytes, at: i * type.bytes }, values, steps, i * type.values);
  return steps === undefined ? { values } : { values, steps };
}
