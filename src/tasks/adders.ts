// The adders task: a GRU encoder-decoder reads "7+15" and writes "22", character by character. Training shows it the right
// answer so far (teacher forcing), tests let it read what it wrote itself. No data file: problems are enumerated.

import { nn, numpy as np, tree, vmap } from "@jax-js/jax";
import type { Examples } from "../datasets/examples.ts";
import type { WeightBatch } from "../models/model.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { inferSpecFromFunction } from "../trace/infer-function.ts";
import {
  addersData,
  answerSymbols,
  askSymbol,
  querySymbols,
  symbols,
} from "../datasets/adders-data.ts";
import { initEncoderDecoder, type Sequences } from "../populations/networks/encoder-decoder.ts";
import { adder } from "../populations/networks/task-networks.ts";
import { evaluateAdders, inputWidth, writeSymbol } from "./adders-evaluation.ts";
import { classifierMetrics, drawLabelled, type LabelledData } from "./labelled-data.ts";
import type { Batch, Task } from "./task.ts";

const largestSummand = 49;
const data = addersData(largestSummand);

const times = (length: number) => Array.from({ length }, (_, t) => t);
const queryTimes = times(data.queryLength);
const answerTimes = times(data.answerLength);

const sequencesOf = (batch: Batch): Sequences => ({
  queries: queryTimes.map((t) => batch[`query${t}`]),
  answers: answerTimes.map((t) => batch[`answer${t}`]),
  targets: answerTimes.map((t) => batch[`target${t}`]),
});

/** By the definition of one network, so that it may be differentiated. */
function loss(weights: WeightBatch, batch: Batch): np.Array {
  const { queries, answers, targets } = sequencesOf(batch);
  const bare = (inputs: readonly np.Array[]) => inputs.map((x) => x.slice([], [], [0, symbols]));
  const one = (w: WeightBatch, queries: np.Array[], answered: np.Array[]) => {
    const scores = adder.apply(w, queries, answered);
    tree.dispose(w);
    return scores;
  };
  const losses = vmap(one)(weights, bare(queries), bare(answers)).map((scores, t) => {
    const chances = nn.logSoftmax(scores, -2); // [n, symbols, batch]
    return np.negative(np.mean(np.sum(np.multiply(chances, targets[t]), -2), -1));
  });
  return losses.reduce((sum, term) => np.add(sum, term)); // [n]
}

let traced: Promise<SymmetrySpec> | undefined;

/** The network's symmetries, read off its own forward pass: the state's units may be reordered. */
export function addersSpec(): Promise<SymmetrySpec> {
  const step = { shape: [4, symbols] };
  traced ??= inferSpecFromFunction(
    (weights, ...inputs) =>
      adder.apply(weights, inputs.slice(0, data.queryLength), inputs.slice(data.queryLength)),
    Object.fromEntries(Object.entries(adder.shapes).map(([name, shape]) => [name, { shape }])),
    [...queryTimes, ...answerTimes].map(() => step),
  ).then(({ spec }) => spec);
  return traced;
}

function batchShapes(size: number): Record<string, readonly number[]> {
  return Object.fromEntries([
    ...queryTimes.map((t) => [`query${t}`, [size, inputWidth]] as const),
    ...answerTimes.map((t) => [`answer${t}`, [size, inputWidth]] as const),
    ...answerTimes.map((t) => [`target${t}`, [symbols, size]] as const),
  ]);
}

/** The task: problems with summands from 0 to 49, a fifth of them for tests only. */
export async function addersTask() {
  const { train, test } = data;
  return Object.freeze({
    name: "adders",
    spec: await addersSpec(),
    metrics: classifierMetrics,
    target: "testAccuracy",
    train,
    test,
    dataFor: (run) => drawLabelled(train, 2 * largestSummand + 1, run),
    init: (random, scale) => initEncoderDecoder(adder.shapes, random, scale),
    batchShapes,
    writeExample: (arrays, at, size, { examples, labels }, example) => {
      const query = querySymbols(train.problems[examples[example]], data.queryLength);
      const answer = answerSymbols(labels[example]);
      for (const t of queryTimes) writeSymbol(arrays[`query${t}`], at, query[t]);
      for (const t of answerTimes) {
        writeSymbol(arrays[`answer${t}`], at, t === 0 ? askSymbol : answer[t - 1]);
        if (t < answer.length) arrays[`target${t}`][answer[t] * size + at] = 1;
      }
    },
    loss,
    gradients: (weights, batch) => {
      const result = adder.gradients(weights, sequencesOf(batch));
      tree.dispose(weights);
      return result;
    },
    evaluate: (weights, seen) => evaluateAdders(adder, weights, data, seen),
  } satisfies Task<LabelledData> & Record<"train" | "test", Examples>);
}
