// The published inputs of learned optimizers from numbers, in plain loops: the same as `entryFeatures` on the engine, where putting
// channels side by side costs more than all else that an update does.

import type { TensorLayout } from "../tensor-layout.ts";

export interface EntryNumbers {
  /** [n, entries, 2 + decays] */
  readonly features: Float32Array<ArrayBuffer>;
  /** [n, decays, entries] */
  readonly momenta: Float32Array<ArrayBuffer>;
}

/** How features are made: decays of the running means, what bounds values, and what is added to mean squares. */
export interface EntryFeatureOptions {
  readonly decays: readonly number[];
  readonly clip: number;
  readonly epsilon: number;
}

/** What is within the limit, else the limit; comparisons cost less than `Math.min` and `Math.max`, which look for zeros' signs. */
const bounded = (x: number, limit: number): number => (x > limit ? limit : x < -limit ? -limit : x);

/** Writes one channel of one tensor, bounded and of mean square 1. */
function writeChannel(
  source: Float32Array,
  target: Float32Array,
  first: number,
  channels: number,
  { clip, epsilon }: EntryFeatureOptions,
): void {
  const { length } = source;
  let squares = 0;
  for (let i = 0; i < length; i++) {
    const x = bounded(source[i], clip);
    squares += x * x;
  }
  const factor = 1 / Math.sqrt(squares / length + epsilon);
  for (let i = 0, at = first; i < length; i++, at += channels)
    target[at] = bounded(source[i], clip) * factor;
}

/** Features of every entry from gradients and parameters [n, entries] and the means before this step [n, decays, entries]. */
export function entryNumbers(
  { tensors, total }: TensorLayout,
  options: EntryFeatureOptions,
  gradients: Float32Array,
  params: Float32Array,
  before: Float32Array,
): EntryNumbers {
  const { decays } = options;
  const n = gradients.length / total;
  const channels = 2 + decays.length;
  const momenta = new Float32Array(n * decays.length * total);
  const features = new Float32Array(n * total * channels);
  for (let network = 0; network < n; network++) {
    const row = (list: Float32Array, at: number) => list.subarray(at * total, (at + 1) * total);
    const gradient = row(gradients, network);
    for (const [d, decay] of decays.entries()) {
      const [next, old] = [momenta, before].map((list) => row(list, network * decays.length + d));
      for (let i = 0; i < total; i++) next[i] = old[i] * decay + gradient[i] * (1 - decay);
    }
    const all = [
      row(params, network),
      gradient,
      ...decays.map((_, d) => row(momenta, network * decays.length + d)),
    ];
    for (const { start, size } of tensors) {
      for (const [c, channel] of all.entries()) {
        const first = (network * total + start) * channels + c;
        writeChannel(channel.subarray(start, start + size), features, first, channels, options);
      }
    }
  }
  return { features, momenta };
}
