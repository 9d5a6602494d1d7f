// An encoder and a decoder of one gated recurrent unit each: the decoder starts from the state in which the encoder ends.

import { numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../../core/records.ts";
import type { RandomStream } from "../../core/random.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { Weights } from "../../core/tensors.ts";
import type { ArrayRecord as WeightBatch } from "../../engine/arrays.ts";
import type { Cell, OpenCell } from "../layers/cell.ts";
import { add, crossEntropyGradient } from "../layers/elementwise.ts";
import { gruCell, type GruOptions } from "../layers/gru.ts";
import { type Back, gatherGradients, type Shapes } from "../layers/layer.ts";
import { type Readout, readout } from "../layers/readout.ts";
import { orthonormalize } from "./initial-weights.ts";

/** What one step of training reads, by time; inputs are one-hot with a 1 in column `inputs` (see {@link GruOptions}). */
export interface Sequences {
  /** [n, batch, width] each */
  readonly queries: readonly np.Array[];
  /** What the decoder reads: [n, batch, width] each. */
  readonly answers: readonly np.Array[];
  /** What it should write: one-hot [n, symbols, batch] each, all zero after the end mark. */
  readonly targets: readonly np.Array[];
}

export interface EncoderDecoder {
  readonly shapes: Shapes;
  readonly encoder: Cell;
  readonly decoder: Cell;
  /** Scores of the next symbol in a state. */
  readonly dense: Readout;
  /** Scores [symbols, batch] of one network at every time of the answer. Pure. Keeps the weights. */
  readonly apply: (
    weights: WeightBatch,
    queries: readonly np.Array[],
    answers: readonly np.Array[],
  ) => np.Array[];
  /** Gradients of the summed cross-entropy of an answer, by tensor. @keeps weights @consumes sequences */
  readonly gradients: (weights: WeightBatch, sequences: Sequences) => WeightBatch;
}

/** Symbols are inputs and outputs. */
export function encoderDecoder(options: GruOptions): EncoderDecoder {
  const { inputs, hidden } = options;
  const encoder = gruCell("encoder", options);
  const decoder = gruCell("decoder", options);
  const dense = readout("dense", { hidden, outputs: inputs });
  const parts = [encoder, decoder, dense];
  return {
    shapes: frozenRecord(parts.flatMap(({ shapes }) => Object.entries(shapes))),
    encoder,
    decoder,
    dense,
    apply(weights, queries, answers) {
      let state = np.zeros([queries[0].shape[0], hidden]);
      for (const x of queries) state = encoder.apply(weights, state, x);
      return answers.map((x) => {
        state = decoder.apply(weights, state, x);
        return dense.apply(weights, state.ref);
      });
    },
    gradients: (weights, sequences) =>
      gatherGradients(weights, (pass) => {
        const open = [encoder.open(pass), decoder.open(pass), dense.open(pass)] as const;
        passBothWays(open, sequences, hidden);
        for (const part of open) part.close();
      }),
  };
}

/** Forward through all times, then back: scores are made on the way back, where they are needed. */
function passBothWays(
  [encoder, decoder, dense]: readonly [OpenCell, OpenCell, ReturnType<Readout["open"]>],
  { queries, answers, targets }: Sequences,
  hidden: number,
): void {
  const [n, batch] = queries[0].shape;
  let state = np.zeros([n, batch, hidden]);
  const read = (cell: OpenCell, x: np.Array): Back => {
    const [next, back] = cell.step(state, x);
    state = next;
    return back;
  };
  const backQueries = queries.map((x) => read(encoder, x));
  const written = answers.map((x) => {
    const back = read(decoder, x);
    return { back, after: state.ref };
  });
  state.dispose();
  let at: np.Array | undefined;
  for (const [t, { back, after }] of [...written.entries()].toReversed()) {
    const [scores, backScores] = dense.step(after);
    const fromScores = backScores(crossEntropyGradient(scores, targets[t]));
    at = back(at === undefined ? fromScores : add(at, fromScores));
  }
  for (const back of backQueries.toReversed()) if (at !== undefined) at = back(at);
  at?.dispose();
}

/** Orthogonal recurrent kernels, other kernels normal of deviation sqrt(1 / in), all times `scale`; biases 0. */
export function initEncoderDecoder(shapes: Shapes, random: RandomStream, scale: number): Weights {
  return frozenRecord(
    Object.entries(shapes).map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      if (shape.length === 2) {
        const recurrent = /\/h[rzn]\/kernel$/.test(name);
        const values = Float64Array.from(data, () => random.normal());
        const std = recurrent ? 1 : Math.sqrt(1 / shape[0]);
        if (recurrent) orthonormalize(values, shape[0]);
        for (let i = 0; i < data.length; i++) data[i] = scale * std * values[i];
      }
      return [name, { shape, data }] as const;
    }),
  );
}
