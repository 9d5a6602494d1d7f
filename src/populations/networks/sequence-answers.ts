// Encoder-decoders that functionals run: inputs are mixtures of symbols at every time, those that the encoder reads before those that
// the decoder reads; answers are the scores of the next symbol at every time of the decoder.

import { jit, numpy as np, tree, vmap } from "@jax-js/jax";
import type { ArrayRecord as WeightBatch } from "../../engine/arrays.ts";
import { add } from "../layers/elementwise.ts";
import { type Back, forwardPass, gatherGradients, type Pass } from "../layers/layer.ts";
import type { EncoderDecoder } from "./encoder-decoder.ts";
import { type RunnableNetwork, sumOverNetworks } from "./runnable.ts";

/** Times of both parts, and the columns of a time: symbols, then a 1, then zeros up to `width`. */
export interface SequenceShape {
  readonly queries: number;
  readonly answers: number;
  readonly symbols: number;
  readonly width: number;
  readonly hidden: number;
}

/** Between inputs [n, count, times * symbols] and one array [n, count, width] a time. */
function timesOf({ queries, answers, symbols, width }: SequenceShape) {
  const count = queries + answers;
  const ones = new Float32Array(width);
  ones[symbols] = 1;
  const widen = new Float32Array(symbols * width);
  for (let i = 0; i < symbols; i++) widen[i * width + i] = 1;
  const table = () => np.array(Float32Array.from(widen), { shape: [symbols, width] });
  const split = jit((inputs: np.Array): np.Array[] => {
    const parts = Array.from({ length: count }, (_, t) => {
      const one = inputs.ref.slice([], [], [t * symbols, (t + 1) * symbols]);
      return np.add(np.matmul(one, table()), np.array(Float32Array.from(ones)));
    });
    inputs.dispose();
    return parts;
  });
  const join = jit((gradients: np.Array[]): np.Array =>
    np.concatenate(
      gradients.map((gradient) => gradient.slice([], [], [0, symbols])),
      2,
    ),
  );
  return { split, join };
}

/** Scores [n, symbols, count] of every time as [n, count, times * symbols], and back. */
function answersOf({ answers, symbols }: SequenceShape) {
  const join = jit((scores: np.Array[]): np.Array =>
    np.swapaxes(np.concatenate(scores, 1), -1, -2),
  );
  const split = jit((at: np.Array): np.Array[] => {
    const columns = np.swapaxes(at, -1, -2);
    const parts = Array.from({ length: answers }, (_, t) =>
      np.add(columns.ref.slice([], [t * symbols, (t + 1) * symbols], []), 0),
    );
    columns.dispose();
    return parts;
  });
  return { join, split };
}

type Between = ReturnType<typeof timesOf>;

/** One pass through all times. */
interface Run {
  /** Scores [n, symbols, count] at every time of the decoder. */
  readonly scores: np.Array[];
  /** From gradients at the scores to those at the inputs [n, count, width] of every time; closes. */
  readonly back: (at: readonly np.Array[]) => np.Array[];
  /** Frees what the cells hold. */
  readonly close: () => void;
}

/** The cells of n networks through all times of inputs that they share. @consumes inputs */
function runTimes(
  network: EncoderDecoder,
  { queries, hidden }: SequenceShape,
  { split }: Between,
  pass: Pass,
  inputs: np.Array,
): Run {
  const [encoder, decoder] = [network.encoder.open(pass), network.decoder.open(pass)];
  const dense = network.dense.open(pass);
  const close = () => {
    for (const part of [encoder, decoder, dense]) part.close();
  };
  const [n] = Object.values(pass.weights)[0].shape;
  const atInputs: np.Array[] = [];
  const reads: Back[] = [];
  const writes: Back[] = [];
  const scores: np.Array[] = [];
  let state = np.zeros([n, inputs.shape[0], hidden]);
  for (const [t, x] of split(np.expandDims(inputs, 0)).entries()) {
    const cell = t < queries ? encoder : decoder;
    [state, reads[t]] = cell.step(state, x, (gradient) => {
      atInputs[t] = gradient;
    });
    if (t >= queries) [scores[t - queries], writes[t - queries]] = dense.step(state.ref);
  }
  state.dispose();
  return {
    scores,
    close,
    back(at) {
      let atState = writes[at.length - 1](at[at.length - 1]);
      for (let t = reads.length - 1; t >= 0; t--) {
        atState = reads[t](atState);
        const written = t - 1 - queries;
        if (written >= 0) atState = add(atState, writes[written](at[written]));
      }
      atState.dispose();
      close();
      return atInputs;
    },
  };
}

/** The network of an encoder and a decoder. */
export function runnableSequences(network: EncoderDecoder, shape: SequenceShape): RunnableNetwork {
  const { queries, answers, symbols } = shape;
  const times = timesOf(shape);
  const written = answersOf(shape);
  const one = (weights: WeightBatch, x: np.Array) => {
    const steps = Array.from({ length: queries + answers }, (_, t) =>
      x.ref.slice([], [t * symbols, (t + 1) * symbols]),
    );
    x.dispose();
    const scores = network.apply(weights, steps.slice(0, queries), steps.slice(queries));
    tree.dispose(weights);
    return np.transpose(np.concatenate(scores, 0));
  };
  return Object.freeze({
    shapes: network.shapes,
    inputs: (queries + answers) * symbols,
    range: [0, 1] as const,
    answers: { groups: answers, width: symbols, scores: true },
    apply: (weights: WeightBatch, x: np.Array) => vmap(one, [0, null])(weights, x),
    forward(weights: WeightBatch, x: np.Array) {
      const { pass, release } = forwardPass(weights);
      const { scores, close } = runTimes(network, shape, times, pass, x);
      release();
      close();
      return written.join(scores);
    },
    backward(weights: WeightBatch, x: np.Array, at: np.Array) {
      let atInputs: np.Array[] = [];
      const ofWeights = gatherGradients(weights, (pass) => {
        const { scores, back } = runTimes(network, shape, times, pass, x);
        tree.dispose(scores);
        atInputs = back(written.split(at));
      });
      return { inputs: sumOverNetworks(times.join(atInputs)), weights: ofWeights };
    },
  });
}
