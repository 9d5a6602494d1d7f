// Messages: what a part tells one of its dimensions, given features of all others. The contractions behind equivariant
// features (features.ts), invariant sketches and rounded fingerprints.

import { deriveSeed, randomStream } from "../../core/random.ts";
import { lookup } from "../../core/records.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { Axis } from "../../symmetry/types.ts";
import {
  parentsOf,
  innermostFirst,
  lanesOf,
  type Dense,
  type Lanes,
  type FloatArray,
} from "../../symmetry/dense.ts";
import type { MatchPart, MatchProblem } from "../problem.ts";

/** Channels of every feature, unless more are asked for. */
export const featureChannels = 8;

export interface MessageOptions {
  /** Channels of the features given and of the message. @default 8 */
  readonly channels?: number;
  /** Every channel sees x, none x |x|: the message is linear in the part. @default false */
  readonly linear?: boolean;
}

/** By moving axis: [instances * size, channels], row-major. */
export type AxisFeatures = Readonly<Record<string, Float64Array>>;

export const isMoving = (axis: Axis): boolean => axis.group !== "fixed";

export function rootMeanSquare(data: FloatArray): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i] * data[i];
  return Math.sqrt(sum / Math.max(1, data.length));
}

/**
 * What a part tells one of its dimensions: the part contracted with the features of all other dimensions,
 * [instances * size, channels]. Odd channels see x |x| instead of x, unless a dimension is general-linear.
 */
export function messageTo(
  { axes }: MatchProblem,
  part: MatchPart,
  dense: Dense,
  target: number | null,
  features: AxisFeatures,
  { channels = featureChannels, linear: plain = false }: MessageOptions = {},
): Float64Array {
  const { dims } = part;
  const kept = target === null ? [] : [...parentsOf(dims, target), target];
  const linear =
    plain || dims.some(({ axis }) => axis !== null && axes[axis].group === "general-linear");
  let sizes = [...dense.sizes];
  let positions = dims.map((_, dim) => dim);
  const raw: Raw = { data: dense.data, unit: rootMeanSquare(dense.data) || 1, linear, channels };
  let data: Float64Array | undefined;
  for (const dim of innermostFirst(dims)) {
    if (kept.includes(dim)) continue;
    const at = positions.indexOf(dim);
    const { axis, size } = dims[dim];
    const moving = axis !== null && isMoving(axes[axis]);
    const feature = moving ? features[axis] : fixedFeature(part.name, dim, size * channels);
    const parents = moving ? parentsOf(dims, dim).map((g) => positions.indexOf(g)) : [];
    const lanes = lanesOf(sizes, at, parents);
    data =
      data === undefined
        ? contractRaw(raw, sizes[at], lanes, feature)
        : contract(data, channels, sizes[at], lanes, feature);
    sizes = sizes.toSpliced(at, 1);
    positions = positions.toSpliced(at, 1);
  }
  data ??= toChannels(raw);
  if (target === null) return data;
  const message = inAxisOrder(data, channels, sizes, positions, kept);
  for (const [at, dim] of kept.slice(0, -1).entries()) {
    const { axis } = dims[dim];
    const inside = kept.slice(at + 1).reduce((count, inner) => count * dims[inner].size, 1);
    if (axis !== null && axes[axis].scale === "sign" && lookup(features, axis) !== undefined)
      dropSign(message, channels, inside, features[axis]);
  }
  return message;
}

/** A message to an axis within one with sign flips changes sign with it; its odd features undo that. */
function dropSign(
  message: Float64Array,
  channels: number,
  inside: number,
  feature: Float64Array,
): void {
  for (let i = 0; i < message.length; i++) {
    const index = Math.floor(i / (inside * channels));
    message[i] *= feature[index * channels + (i % channels)];
  }
}

/** The numbers of a part before channels come in, and their root mean square, the unit they are read in. */
interface Raw {
  readonly data: FloatArray;
  readonly unit: number;
  /** Every channel sees x; else odd channels see x |x|. */
  readonly linear: boolean;
  readonly channels: number;
}

/** One copy of the numbers per channel, [...entries, channels]. */
function toChannels({ data, unit, linear, channels }: Raw): Float64Array {
  const all = new Float64Array(data.length * channels);
  for (let i = 0; i < data.length; i++) {
    const x = data[i] / unit;
    const odd = linear ? x : x * Math.abs(x);
    for (let r = 0; r < channels; r++) all[i * channels + r] = r % 2 === 0 ? x : odd;
  }
  return all;
}

/** Fixed indices are told apart: each has random features of its own. */
function fixedFeature(name: string, dim: number, count: number): Float64Array {
  const random = randomStream(deriveSeed(1, "fixed", name, dim));
  return Float64Array.from({ length: count }, () => random.normal());
}

/** The first contraction of a part: sums over one dimension, [outer, inner, channels], without a copy per channel. */
function contractRaw(
  { data, unit, linear, channels }: Raw,
  size: number,
  { outer, inner, outerInstance, innerInstance }: Lanes,
  feature: Float64Array,
): Float64Array {
  const sums = new Float64Array(outer * inner * channels);
  if (channels === featureChannels && innerInstance === null && inner === 1) {
    for (let o = 0; o < outer; o++) {
      const start = (outerInstance?.[o] ?? 0) * size * channels;
      sumOfRow({ data, unit, linear, channels }, o * size, size, feature, start, sums, o);
    }
    return sums;
  }
  for (let o = 0; o < outer; o++) {
    const first = outerInstance?.[o] ?? 0;
    for (let i = 0; i < size; i++) {
      const from = (o * size + i) * inner;
      if (channels === featureChannels && innerInstance === null) {
        const f = (first * size + i) * channels;
        addRow(
          { data, unit, linear, channels },
          from,
          inner,
          feature.subarray(f, f + channels),
          sums,
          o * inner,
        );
        continue;
      }
      for (let n = 0; n < inner; n++) {
        const instance = innerInstance === null ? first : first + innerInstance[n];
        const x = data[from + n] / unit;
        const odd = linear ? x : x * Math.abs(x);
        const to = (o * inner + n) * channels;
        const f = (instance * size + i) * channels;
        for (let r = 0; r < channels; r += 2) {
          sums[to + r] += x * feature[f + r];
          sums[to + r + 1] += odd * feature[f + r + 1];
        }
      }
    }
  }
  return sums;
}

/** Adds a row times the features of its index, for the usual eight channels: to the sums of every entry of the row. */
function addRow(
  { data, unit, linear }: Raw,
  from: number,
  inner: number,
  feature: Float64Array,
  sums: Float64Array,
  first: number,
): void {
  const [f0, f1, f2, f3, f4, f5, f6, f7] = feature;
  for (let n = 0, to = first * featureChannels; n < inner; n++, to += featureChannels) {
    const x = data[from + n] / unit;
    const odd = linear ? x : x * Math.abs(x);
    sums[to] += x * f0;
    sums[to + 1] += odd * f1;
    sums[to + 2] += x * f2;
    sums[to + 3] += odd * f3;
    sums[to + 4] += x * f4;
    sums[to + 5] += odd * f5;
    sums[to + 6] += x * f6;
    sums[to + 7] += odd * f7;
  }
}

/** The sums over one row whose numbers lie side by side, for the usual eight channels: row `o` of the sums. */
function sumOfRow(
  { data, unit, linear }: Raw,
  from: number,
  size: number,
  feature: Float64Array,
  start: number,
  sums: Float64Array,
  o: number,
): void {
  let [s0, s1, s2, s3, s4, s5, s6, s7] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0, f = start; i < size; i++, f += featureChannels) {
    const x = data[from + i] / unit;
    const odd = linear ? x : x * Math.abs(x);
    s0 += x * feature[f];
    s1 += odd * feature[f + 1];
    s2 += x * feature[f + 2];
    s3 += odd * feature[f + 3];
    s4 += x * feature[f + 4];
    s5 += odd * feature[f + 5];
    s6 += x * feature[f + 6];
    s7 += odd * feature[f + 7];
  }
  sums.set([s0, s1, s2, s3, s4, s5, s6, s7], o * featureChannels);
}

/** A later contraction: each entry times its feature, channel by channel. */
function contract(
  data: Float64Array,
  channels: number,
  size: number,
  { outer, inner, outerInstance, innerInstance }: Lanes,
  feature: Float64Array,
): Float64Array {
  const sums = new Float64Array(outer * inner * channels);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < size; i++) {
      for (let n = 0; n < inner; n++) {
        const instance = (outerInstance?.[o] ?? 0) + (innerInstance?.[n] ?? 0);
        const from = ((o * size + i) * inner + n) * channels;
        const to = (o * inner + n) * channels;
        const f = (instance * size + i) * channels;
        for (let r = 0; r < channels; r++) sums[to + r] += data[from + r] * feature[f + r];
      }
    }
  }
  return sums;
}

/** Reorders [...kept dims as they lie, channels] to [enclosing..., target, channels]. */
function inAxisOrder(
  data: Float64Array,
  channels: number,
  sizes: readonly number[],
  positions: readonly number[],
  kept: readonly number[],
): Float64Array {
  if (positions.every((dim, i) => dim === kept[i])) return data;
  const target = new Float64Array(data.length);
  const wanted = kept.map((dim) => sizes[positions.indexOf(dim)]);
  const index = positions.map(() => 0);
  for (let flat = 0; flat < sizeOf(sizes); flat++) {
    let rest = flat;
    for (let d = sizes.length - 1; d >= 0; d--) {
      index[d] = rest % sizes[d];
      rest = Math.floor(rest / sizes[d]);
    }
    let to = 0;
    for (const [k, dim] of kept.entries()) to = to * wanted[k] + index[positions.indexOf(dim)];
    for (let r = 0; r < channels; r++) target[to * channels + r] = data[flat * channels + r];
  }
  return target;
}
