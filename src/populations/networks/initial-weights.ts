// Initial weights of small networks.

import { frozenRecord } from "../../core/records.ts";
import type { RandomStream } from "../../core/random.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { Weights } from "../../core/tensors.ts";
import type { Shapes } from "../layers/layer.ts";

/**
 * Normal weights of standard deviation scale * sqrt(gain / inputs) for tensors of two dimensions and more, [outputs, inputs, ...];
 * 0 for vectors. Gain 2 is that of He et al. (2015).
 */
export function normalWeights(
  shapes: Shapes,
  random: RandomStream,
  { scale, gain }: { scale: number; gain: number },
): Weights {
  return frozenRecord(
    Object.entries(shapes).map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      if (shape.length > 1) {
        const std = scale * Math.sqrt(gain / sizeOf(shape.slice(1)));
        for (let i = 0; i < data.length; i++) data[i] = std * random.normal();
      }
      return [name, { shape, data }] as const;
    }),
  );
}

/** Makes the rows of a square matrix orthonormal (modified Gram-Schmidt). */
export function orthonormalize(matrix: Float64Array, size: number): void {
  const row = (i: number) => matrix.subarray(i * size, (i + 1) * size);
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  for (let i = 0; i < size; i++) {
    const current = row(i);
    for (let j = 0; j < i; j++) {
      const other = row(j);
      const along = dot(current, other);
      for (let k = 0; k < size; k++) current[k] -= along * other[k];
    }
    const length = Math.sqrt(dot(current, current));
    for (let k = 0; k < size; k++) current[k] /= length;
  }
}
