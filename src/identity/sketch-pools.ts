// The invariants of a sketch, axis by axis. Indices that may be reordered are pooled as a set of rows by random Fourier
// features (Rahimi and Recht 2007): the inner product of two pools counts pairs of rows that lie near each other. What a
// normal distribution of the same covariance would give is taken away, so that the pool holds these very rows and not the
// kind of network they come from. The two sides of a basis are pooled by their product, which no change of basis touches.

import { deriveSeed, randomStream } from "../core/random.ts";
import type { Axis } from "../symmetry/types.ts";
import { type AnchoredRows, rowChannels } from "../parts/features/anchored-features.ts";

/** Standard deviations of the random projections in radians: far rows decohere, near ones do not. */
const phaseStds = [1, 3] as const;

/** `count` invariants of the rows of an axis under its group. */
export function poolRows(
  { rows, inverse }: AnchoredRows,
  axis: Axis,
  place: string,
  count: number,
): Float64Array {
  return inverse === undefined
    ? poolSet(rows, axis.scale === "sign", place, count)
    : poolBases(rows, inverse, place, count);
}

/** Sums of cosines of random projections; even ones where signs may flip. */
function poolSet(rows: Float64Array, even: boolean, place: string, count: number): Float64Array {
  const n = rows.length / rowChannels;
  const random = randomStream(deriveSeed(4, "pool", place));
  const projection = new Float64Array(rowChannels);
  return Float64Array.from({ length: count }, () => {
    const std = phaseStds[0] * (phaseStds[1] / phaseStds[0]) ** random.uniform();
    for (let c = 0; c < rowChannels; c++)
      projection[c] = (std / Math.sqrt(rowChannels)) * random.normal();
    const phase = 2 * Math.PI * random.uniform();
    const shift = even ? 0 : phase;
    let sum = 0;
    let variance = 0;
    for (let i = 0; i < n; i++) {
      let t = 0;
      for (let c = 0; c < rowChannels; c++) t += projection[c] * rows[i * rowChannels + c];
      sum += Math.cos(t + shift);
      variance += (t * t) / n;
    }
    return (sum - (n - 1) * Math.exp(-variance / 2) * Math.cos(shift)) * Math.sqrt(2 / n);
  });
}

/** Random entries of the product of both sides of a basis, which no change of the basis touches. */
function poolBases(
  direct: Float64Array,
  inverse: Float64Array,
  place: string,
  count: number,
): Float64Array {
  const n = direct.length / rowChannels;
  const random = randomStream(deriveSeed(4, "pool", place));
  const draw = () => Float64Array.from({ length: rowChannels }, () => random.normal());
  return Float64Array.from({ length: count }, () => {
    const [u, v] = [draw(), draw()];
    let sum = 0;
    for (let i = 0; i < n; i++) {
      let [left, right] = [0, 0];
      for (let c = 0; c < rowChannels; c++) {
        left += u[c] * direct[i * rowChannels + c];
        right += v[c] * inverse[i * rowChannels + c];
      }
      sum += left * right;
    }
    return sum / Math.sqrt(n);
  });
}
