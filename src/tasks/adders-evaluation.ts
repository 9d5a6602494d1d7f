// How well GRU adders do. An answer counts when every character written greedily and the end mark are right, which is so
// exactly when each is the likeliest after the right ones before it; so one pass over the right answers tells.

import { numpy as np, tree } from "@jax-js/jax";
import { judgeScores } from "../core/classification.ts";
import type { WeightBatch } from "../models/model.ts";
import {
  type AddersData,
  answerSymbols,
  askSymbol,
  type Problem,
  querySymbols,
  symbols,
} from "../datasets/adders-data.ts";
import { forwardPass } from "../populations/layers/layer.ts";
import type { EncoderDecoder } from "../populations/networks/encoder-decoder.ts";
import type { ClassifierEvaluation, LabelledData } from "./labelled-data.ts";

/** Columns of one-hot inputs: symbols, a 1 for biases, zeros up to a multiple of 4. */
export const inputWidth = Math.ceil((symbols + 1) / 4) * 4;

/** Writes the one-hot row of a symbol, and the 1 that biases are multiplied by. */
export function writeSymbol(rows: Float32Array, at: number, symbol: number | undefined): void {
  if (symbol !== undefined) rows[at * inputWidth + symbol] = 1;
  rows[at * inputWidth + symbols] = 1;
}

/** Problems that tell a network's training loss: the first it was trained on, over again when they are fewer. */
const trainingSample = 400;

interface Asked {
  readonly problem: Problem;
  readonly sum: number;
}

/** One result a network. @consumes weights */
export async function evaluateAdders(
  network: EncoderDecoder,
  weights: WeightBatch,
  { train, test, queryLength, answerLength }: AddersData,
  seen: readonly LabelledData[],
): Promise<ClassifierEvaluation[]> {
  const tests = test.problems.map((problem, i) => ({ problem, sum: test.labels[i] }));
  const trainingExamples = seen.map(({ examples, labels }) =>
    Array.from({ length: trainingSample }, (_, i) => {
      const at = i % examples.length;
      return { problem: train.problems[examples[at]], sum: labels[at] };
    }),
  );
  const lengths = { queryLength, answerLength };
  const onTests = await judge(network, weights, [tests], seen.length, lengths);
  const onTraining = await judge(network, weights, trainingExamples, seen.length, lengths);
  tree.dispose(weights);
  return seen.map((_, i) => ({
    trainLoss: onTraining[i].loss,
    testLoss: onTests[i].loss,
    testAccuracy: onTests[i].right,
  }));
}

/** Mean cross-entropy and share of right answers of n networks, on one list of problems for all or one each. */
async function judge(
  network: EncoderDecoder,
  weights: WeightBatch,
  lists: readonly (readonly Asked[])[],
  n: number,
  { queryLength, answerLength }: Pick<AddersData, "queryLength" | "answerLength">,
): Promise<{ loss: number; right: number }[]> {
  const count = lists[0].length;
  const input = (symbolOf: (question: Asked) => number | undefined) => {
    const rows = new Float32Array(lists.length * count * inputWidth);
    lists.forEach((list, i) =>
      list.forEach((question, b) => writeSymbol(rows, i * count + b, symbolOf(question))),
    );
    return np.array(rows, { shape: [lists.length, count, inputWidth] });
  };
  const hidden = weights["encoder/hr/kernel"].shape[1];
  const { pass, release } = forwardPass(weights);
  const [encoder, decoder] = [network.encoder.open(pass), network.decoder.open(pass)];
  const dense = network.dense.open(pass);
  let state = np.zeros([n, count, hidden]);
  const read = (cell: typeof encoder, symbol: np.Array) => {
    [state] = cell.step(state, symbol);
    release();
  };
  for (let t = 0; t < queryLength; t++)
    read(
      encoder,
      input(({ problem }) => querySymbols(problem, queryLength)[t]),
    );
  const results = Array.from({ length: n }, () => ({
    loss: 0,
    right: new Uint8Array(count).fill(1),
  }));
  for (let t = 0; t < answerLength; t++) {
    read(
      decoder,
      input(({ sum }) => (t === 0 ? askSymbol : answerSymbols(sum)[t - 1])),
    );
    const [scores] = dense.step(state.ref); // [n, symbols, count]
    release();
    const values = (await scores.data()) as Float32Array;
    for (let i = 0; i < n; i++) {
      const list = lists[lists.length === 1 ? 0 : i];
      for (const [b, { sum }] of list.entries()) {
        const wanted = answerSymbols(sum)[t];
        if (wanted === undefined) continue;
        const place = { classes: symbols, from: i * symbols * count + b, stride: count };
        const { loss, best } = judgeScores(values, place, wanted);
        results[i].loss += loss / count;
        if (best !== wanted) results[i].right[b] = 0;
      }
    }
  }
  for (const part of [encoder, decoder, dense]) part.close();
  state.dispose();
  return results.map(({ loss, right }) => ({
    loss,
    right: right.reduce((sum, value) => sum + value, 0) / count,
  }));
}
