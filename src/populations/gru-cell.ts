// One step of a gated recurrent unit for many networks, compiled piece by piece: matrix products stay bare, each gate is one
// fused kernel, and what a backward pass needs is handed out.

import { jit, nn, numpy as np } from "@jax-js/jax";
import type { WeightBatch } from "../models/model.ts";
import type { Cell } from "./gru.ts";
import { product } from "./products.ts";

const row = (bias: np.Array) => np.expandDims(bias, -2);

/** Kernel and bias as one matrix [n, width, hidden] for inputs with a 1 in column `symbols`. */
const withBias = jit((kernel: np.Array, bias: np.Array, empty: np.Array) =>
  np.concatenate([kernel, row(bias), empty], 1),
);
const gate = jit((a: np.Array, b: np.Array) => nn.sigmoid(np.add(a, b)));
/** tanh(x + r (q + bias)) as 2 sigmoid(2 .) - 1, which reads its argument once. */
const candidate = jit((input: np.Array, reset: np.Array, recalled: np.Array, bias: np.Array) => {
  const sum = np.add(input, np.multiply(reset, np.add(recalled, row(bias))));
  return np.subtract(np.multiply(nn.sigmoid(np.multiply(sum, 2)), 2), 1);
});
const blend = jit((keep: np.Array, fresh: np.Array, state: np.Array) =>
  np.add(fresh.ref, np.multiply(keep, np.subtract(state, fresh))),
);

/** What a cell kept of one symbol, [n, batch, .] each. */
export type Step = {
  readonly input: np.Array;
  readonly state: np.Array;
  readonly reset: np.Array;
  readonly keep: np.Array;
  readonly fresh: np.Array;
  readonly recalled: np.Array;
};

/** Recurrent kernels as they are, input kernels with their biases; all owned. */
export type CellWeights = Record<"hr" | "hz" | "hn" | "bias" | "ir" | "iz" | "in", np.Array>;

/** The weights of a cell for inputs of the given width. Weights are kept. */
export function cellWeights(weights: WeightBatch, cell: Cell, width: number): CellWeights {
  const of = (name: string) => weights[`${cell}/${name}`].ref;
  const [n, symbols, hidden] = weights[`${cell}/in/kernel`].shape;
  const empty = np.zeros([n, width - symbols - 1, hidden]);
  const input = (gateName: string) =>
    withBias(of(`${gateName}/kernel`), of(`${gateName}/bias`), empty.ref);
  const result = {
    hr: of("hr/kernel"),
    hz: of("hz/kernel"),
    hn: of("hn/kernel"),
    bias: of("hn/bias"),
    ir: input("ir"),
    iz: input("iz"),
    in: input("in"),
  };
  empty.dispose();
  return result;
}

/** The next state, and what led to it, input and state included; all owned. The cell's weights are kept. */
export function stepCell(w: CellWeights, state: np.Array, input: np.Array): [np.Array, Step] {
  const reset = gate(product(input.ref, w.ir.ref), product(state.ref, w.hr.ref));
  const keep = gate(product(input.ref, w.iz.ref), product(state.ref, w.hz.ref));
  const recalled = product(state.ref, w.hn.ref);
  const fresh = candidate(product(input.ref, w.in.ref), reset.ref, recalled.ref, w.bias.ref);
  const next = blend(keep.ref, fresh.ref, state.ref);
  return [next, { input, state, reset, keep, fresh, recalled }];
}
