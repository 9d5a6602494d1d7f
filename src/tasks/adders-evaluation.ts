// How well GRU adders do. An answer counts when every character written greedily and the end mark are right, which is so
// exactly when each is the likeliest after the right ones before it; so one pass over the right answers tells.

import { numpy as np, tree } from "@jax-js/jax";
import type { WeightBatch } from "../models/model.ts";
import {
  type AddersData,
  answerSymbols,
  askSymbol,
  type Problem,
  querySymbols,
  symbols,
} from "../datasets/adders-data.ts";
import { cellWeights, stepCell } from "../populations/gru-cell.ts";
import { productByTransposed, transposedCopy } from "../populations/products.ts";
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

/** One result a network. Consumes the weights. */
export async function evaluateAdders(
  weights: WeightBatch,
  { train, test, queryLength, answerLength }: AddersData,
  seen: readonly LabelledData[],
): Promise<ClassifierEvaluation[]> {
  const tests = test.problems.map((problem, i) => ({ problem, sum: test.labels[i] }));
  const own = seen.map(({ examples, labels }) =>
    Array.from({ length: trainingSample }, (_, i) => {
      const at = i % examples.length;
      return { problem: train.problems[examples[at]], sum: labels[at] };
    }),
  );
  const lengths = { queryLength, answerLength };
  const onTests = await judge(weights, [tests], seen.length, lengths);
  const onTraining = await judge(weights, own, seen.length, lengths);
  tree.dispose(weights);
  return seen.map((_, i) => ({
    trainLoss: onTraining[i].loss,
    testLoss: onTests[i].loss,
    testAccuracy: onTests[i].right,
  }));
}

/** Mean cross-entropy and share of right answers of n networks, on one list of problems for all or one each. */
async function judge(
  weights: WeightBatch,
  lists: readonly (readonly Asked[])[],
  n: number,
  { queryLength, answerLength }: Pick<AddersData, "queryLength" | "answerLength">,
): Promise<{ loss: number; right: number }[]> {
  const count = lists[0].length;
  const input = (symbolOf: (asked: Asked) => number | undefined) => {
    const rows = new Float32Array(lists.length * count * inputWidth);
    lists.forEach((list, i) =>
      list.forEach((asked, b) => writeSymbol(rows, i * count + b, symbolOf(asked))),
    );
    return np.array(rows, { shape: [lists.length, count, inputWidth] });
  };
  const hidden = weights["encoder/hr/kernel"].shape[1];
  let state = np.zeros([n, count, hidden]);
  const read = (w: ReturnType<typeof cellWeights>, symbol: np.Array) => {
    const [next, step] = stepCell(w, state, symbol);
    tree.dispose(step);
    state = next;
  };
  const encoder = cellWeights(weights, "encoder", inputWidth);
  for (let t = 0; t < queryLength; t++)
    read(
      encoder,
      input(({ problem }) => querySymbols(problem, queryLength)[t]),
    );
  const decoder = cellWeights(weights, "decoder", inputWidth);
  const dense = transposedCopy(weights["dense/kernel"].ref);
  const results = Array.from({ length: n }, () => ({
    loss: 0,
    right: new Uint8Array(count).fill(1),
  }));
  for (let t = 0; t < answerLength; t++) {
    read(
      decoder,
      input(({ sum }) => (t === 0 ? askSymbol : answerSymbols(sum)[t - 1])),
    );
    const bare = productByTransposed(dense.ref, state.ref);
    const scores = np.add(bare, np.expandDims(weights["dense/bias"].ref, -1)); // [n, symbols, count]
    const values = (await scores.data()) as Float32Array;
    for (let i = 0; i < n; i++) {
      const list = lists[lists.length === 1 ? 0 : i];
      for (const [b, { sum }] of list.entries()) {
        const wanted = answerSymbols(sum)[t];
        if (wanted === undefined) continue;
        const { loss, best } = weigh(values, i * symbols * count + b, count, wanted);
        results[i].loss += loss / count;
        if (best !== wanted) results[i].right[b] = 0;
      }
    }
  }
  tree.dispose([encoder, decoder, dense, state]);
  return results.map(({ loss, right }) => ({
    loss,
    right: right.reduce((sum, value) => sum + value, 0) / count,
  }));
}

/** Cross-entropy of the wanted symbol and the first symbol of highest score, or none when scores are NaN. */
function weigh(scores: Float32Array, from: number, stride: number, wanted: number) {
  let best = -1;
  let highest = -Infinity;
  for (let s = 0; s < symbols; s++) {
    const score = scores[from + s * stride];
    if (score > highest) [best, highest] = [s, score];
  }
  let sum = 0;
  for (let s = 0; s < symbols; s++) sum += Math.exp(scores[from + s * stride] - highest);
  return { loss: Math.log(sum) + highest - scores[from + wanted * stride], best };
}
