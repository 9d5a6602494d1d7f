// Backpropagation through time for the encoder-decoder of gru.ts, written out: matrix products stay bare, each gate is
// one fused kernel, and what the backward pass needs is kept instead of computed twice.

import { jit, nn, numpy as np, tree } from "@jax-js/jax";
import type { WeightBatch } from "../models/model.ts";
import { type CellWeights, cellWeights, type Step, stepCell } from "./gru-cell.ts";
import { product, productByTransposed, productOfTransposed, transposedCopy } from "./products.ts";

/** What one step of training reads, by time; inputs are one-hot with a 1 in column `symbols`, so that biases are rows. */
export interface Sequences {
  /** [n, batch, width] each */
  readonly queries: readonly np.Array[];
  /** What the decoder reads: [n, batch, width] each. */
  readonly answers: readonly np.Array[];
  /** What it should write: one-hot [n, symbols, batch] each, all zero after the end mark. */
  readonly targets: readonly np.Array[];
}

const row = (bias: np.Array) => np.expandDims(bias, -2);
const add = jit((a: np.Array, b: np.Array) => np.add(a, b));

/** Gradients at the sums inside the gates, and what goes straight to the state before. */
const throughCell = jit(
  (
    at: np.Array,
    { state, reset, keep, fresh, recalled }: Omit<Step, "input">,
    bias: np.Array,
  ): { keep: np.Array; fresh: np.Array; recalled: np.Array; reset: np.Array; state: np.Array } => {
    const rest = np.subtract(1, keep.ref);
    const atFresh = np.multiply(
      np.multiply(at.ref, rest.ref),
      np.subtract(1, np.square(fresh.ref)),
    );
    const result = {
      keep: np.multiply(
        np.multiply(at.ref, np.subtract(state, fresh)),
        np.multiply(keep.ref, rest),
      ),
      recalled: np.multiply(atFresh.ref, reset.ref),
      reset: np.multiply(
        np.multiply(atFresh.ref, np.add(recalled, row(bias))),
        np.multiply(reset.ref, np.subtract(1, reset.ref)),
      ),
      fresh: atFresh,
      state: np.multiply(at, keep),
    };
    reset.dispose();
    return result;
  },
);
const addFour = jit((a: np.Array, b: np.Array, c: np.Array, d: np.Array) =>
  np.add(np.add(a, b), np.add(c, d)),
);
const sumRows = jit((x: np.Array) => np.sum(x, -2));
const sumColumns = jit((x: np.Array) => np.sum(x, -1));
/** d loss / d scores: (softmax - target) / batch, nothing where there is no target. */
const scoreGradient = jit((scores: np.Array, bias: np.Array, targets: np.Array) => {
  const chances = nn.softmax(np.add(scores, np.expandDims(bias, -1)), -2);
  const asked = np.sum(targets.ref, -2, { keepdims: true });
  const batch = targets.shape[2];
  return np.multiply(np.subtract(np.multiply(chances, asked), targets), 1 / batch);
});

/** Running sums of gradients by name. */
type Sums = Record<string, np.Array | undefined>;

function accumulate(sums: Sums, name: string, value: np.Array): void {
  const old = sums[name];
  sums[name] = old === undefined ? value : add(old, value);
}

/** The gradient at the state before; adds those of the cell's weights to `sums`. */
function backward(w: CellWeights, at: np.Array, step: Step, sums: Sums): np.Array {
  const { input, ...inner } = step;
  const before = step.state.ref;
  const d = throughCell(at, inner, w.bias.ref);
  accumulate(sums, "bias", sumRows(d.recalled.ref));
  for (const [name, gradient] of [
    ["r", d.reset],
    ["z", d.keep],
    ["n", d.recalled],
  ] as const)
    accumulate(sums, `h${name}`, productOfTransposed(before.ref, gradient.ref));
  before.dispose();
  for (const [name, gradient] of [
    ["r", d.reset],
    ["z", d.keep],
    ["n", d.fresh],
  ] as const)
    accumulate(sums, `i${name}`, productOfTransposed(input.ref, gradient.ref));
  input.dispose();
  d.fresh.dispose();
  return addFour(
    d.state,
    productByTransposed(d.reset, w.hr.ref),
    productByTransposed(d.keep, w.hz.ref),
    productByTransposed(d.recalled, w.hn.ref),
  );
}

const unstack = jit((stacked: np.Array, kernel: np.Array) => {
  const symbols = kernel.shape[1];
  kernel.dispose();
  return {
    kernel: stacked.ref.slice([], [0, symbols]),
    bias: stacked.slice([], symbols),
  };
});

/** Gradients of the summed cross-entropy of an answer, by tensor. Weights are kept, sequences consumed. */
export function gruGradients(weights: WeightBatch, sequences: Sequences): WeightBatch {
  const { queries, answers, targets } = sequences;
  const [n, batch, width] = queries[0].shape;
  const hidden = weights["encoder/hr/kernel"].shape[1];
  const [encoder, decoder] = (["encoder", "decoder"] as const).map((cell) =>
    cellWeights(weights, cell, width),
  );
  const dense = transposedCopy(weights["dense/kernel"].ref); // [n, symbols, hidden]
  let state = np.zeros([n, batch, hidden]);
  const run = (w: CellWeights, inputs: readonly np.Array[]): Step[] =>
    inputs.map((input) => {
      const [next, step] = stepCell(w, state, input);
      state = next;
      return step;
    });
  const read = run(encoder, queries);
  const written = run(decoder, answers);
  const after = [...written.slice(1).map((step) => step.state.ref), state];

  const sums: Record<"encoder" | "decoder" | "dense", Sums> = {
    encoder: {},
    decoder: {},
    dense: {},
  };
  let at: np.Array | undefined;
  for (let t = written.length - 1; t >= 0; t--) {
    const scores = productByTransposed(dense.ref, after[t].ref);
    const atScores = scoreGradient(scores, weights["dense/bias"].ref, targets[t]);
    accumulate(sums.dense, "kernel", product(atScores.ref, after[t]));
    accumulate(sums.dense, "bias", sumColumns(atScores.ref));
    const fromScores = productOfTransposed(atScores, dense.ref);
    at = backward(
      decoder,
      at === undefined ? fromScores : add(at, fromScores),
      written[t],
      sums.decoder,
    );
  }
  for (let t = read.length - 1; t >= 0; t--) at = backward(encoder, at!, read[t], sums.encoder);
  at?.dispose();
  tree.dispose([encoder, decoder, dense]);

  const result: Record<string, np.Array> = {
    "dense/kernel": transposedCopy(sums.dense["kernel"]!),
    "dense/bias": sums.dense["bias"]!,
  };
  for (const cell of ["encoder", "decoder"] as const) {
    const of = sums[cell];
    result[`${cell}/hn/bias`] = of["bias"]!;
    for (const name of ["r", "z", "n"]) {
      result[`${cell}/h${name}/kernel`] = of[`h${name}`]!;
      const parts = unstack(of[`i${name}`]!, weights[`${cell}/i${name}/kernel`].ref);
      result[`${cell}/i${name}/kernel`] = parts.kernel;
      result[`${cell}/i${name}/bias`] = parts.bias;
    }
  }
  return result;
}
