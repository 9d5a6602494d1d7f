// An encoder and a decoder of one gated recurrent unit each (Cho et al. 2014, in the form and with the tensors of Flax's
// GRUCell), for many networks at once: the decoder starts from the state in which the encoder ends.

import { nn, numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../core/records.ts";
import type { RandomStream } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import type { Weights } from "../core/tensors.ts";
import type { WeightBatch } from "../models/model.ts";

type Shape = readonly number[];

export type Cell = "encoder" | "decoder";

/** Tensor shapes: kernels [in, out], 22 tensors in all. */
export function gruShapes(hidden: number, symbols: number): Readonly<Record<string, Shape>> {
  const cell = (name: Cell): [string, Shape][] => [
    [`${name}/hn/kernel`, [hidden, hidden]],
    [`${name}/hn/bias`, [hidden]],
    [`${name}/hr/kernel`, [hidden, hidden]],
    [`${name}/hz/kernel`, [hidden, hidden]],
    ...["in", "ir", "iz"].flatMap((gate): [string, Shape][] => [
      [`${name}/${gate}/kernel`, [symbols, hidden]],
      [`${name}/${gate}/bias`, [hidden]],
    ]),
  ];
  return frozenRecord<Shape>([
    ...cell("encoder"),
    ...cell("decoder"),
    ["dense/kernel", [hidden, symbols]],
    ["dense/bias", [symbols]],
  ]);
}

/** Orthogonal recurrent kernels, other kernels normal of deviation sqrt(1 / in), all times `scale`; biases 0. */
export function initGRU(
  shapes: Readonly<Record<string, Shape>>,
  random: RandomStream,
  scale: number,
): Weights {
  return frozenRecord(
    Object.entries(shapes).map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      if (shape.length === 2) {
        const recurrent = /\/h[rzn]\/kernel$/.test(name);
        const values = Float64Array.from(data, () => random.normal());
        const spread = recurrent ? 1 : Math.sqrt(1 / shape[0]);
        if (recurrent) orthonormalize(values, shape[0]);
        for (let i = 0; i < data.length; i++) data[i] = scale * spread * values[i];
      }
      return [name, { shape, data }] as const;
    }),
  );
}

/** Makes the rows of a square matrix orthonormal (modified Gram-Schmidt). */
function orthonormalize(matrix: Float64Array, size: number): void {
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

const spreadBias = (bias: np.Array) => np.expandDims(bias, -2);

/** The state [n, batch, hidden] after reading one-hot symbols [n, batch, symbols]. Weights are kept. */
export function readSymbol(
  weights: WeightBatch,
  cell: Cell,
  state: np.Array,
  input: np.Array,
): np.Array {
  const of = (name: string) => weights[`${cell}/${name}`].ref;
  const fromInput = (gate: string) =>
    np.add(np.matmul(input.ref, of(`${gate}/kernel`)), spreadBias(of(`${gate}/bias`)));
  const fromState = (gate: string) => np.matmul(state.ref, of(`${gate}/kernel`));
  const reset = nn.sigmoid(np.add(fromInput("ir"), fromState("hr")));
  const keep = nn.sigmoid(np.add(fromInput("iz"), fromState("hz")));
  const recalled = np.add(fromState("hn"), spreadBias(of("hn/bias")));
  const fresh = np.tanh(np.add(fromInput("in"), np.multiply(reset, recalled)));
  input.dispose();
  return np.add(np.multiply(np.subtract(1, keep.ref), fresh), np.multiply(keep, state));
}

/** Scores [n, symbols, batch] of the next symbol in a state. Weights are kept. */
export function nextSymbolScores(weights: WeightBatch, state: np.Array): np.Array {
  const kernel = np.swapaxes(weights["dense/kernel"].ref, -1, -2);
  const scores = np.matmul(kernel, np.swapaxes(state, -1, -2));
  return np.add(scores, np.expandDims(weights["dense/bias"].ref, -1));
}
