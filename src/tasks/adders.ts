// The adders task: a GRU encoder-decoder reads "7+15" and writes "22", character by character. Training shows it the right
// answer so far (teacher forcing), tests let it read what it wrote itself. No data file: problems are enumerated.

import { nn, numpy as np } from "@jax-js/jax";
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
import { evaluateAdders, inputWidth, writeSymbol } from "./adders-evaluation.ts";
import { gruGradients, type Sequences } from "../populations/gru-gradients.ts";
import { gruShapes, initGRU, nextSymbolScores, readSymbol } from "../populations/gru.ts";
import { classifierMetrics, drawLabelled, type LabelledData } from "./labelled-data.ts";
import type { Batch, Task } from "./task.ts";

/** Units of the state. */
const hidden = 48;
const largestSummand = 49;
const shapes = gruShapes(hidden, symbols);
const data = addersData(largestSummand);

const times = (length: number) => Array.from({ length }, (_, t) => t);
const queryTimes = times(data.queryLength);
const answerTimes = times(data.answerLength);

const sequencesOf = (batch: Batch): Sequences => ({
  queries: queryTimes.map((t) => batch[`query${t}`]),
  answers: answerTimes.map((t) => batch[`answer${t}`]),
  targets: answerTimes.map((t) => batch[`target${t}`]),
});

/** Scores [n, symbols, batch] at every time of the answer, the decoder reading `answers`. Weights are kept. */
function scoresOf(
  weights: WeightBatch,
  queries: readonly np.Array[],
  answers: readonly np.Array[],
): np.Array[] {
  const [n, batch] = queries[0].shape;
  let state = np.zeros([n, batch, hidden]);
  for (const input of queries) state = readSymbol(weights, "encoder", state, input);
  return answers.map((input) => {
    state = readSymbol(weights, "decoder", state, input);
    return nextSymbolScores(weights, state.ref);
  });
}

function loss(weights: WeightBatch, batch: Batch): np.Array {
  const { queries, answers, targets } = sequencesOf(batch);
  const bare = (inputs: readonly np.Array[]) => inputs.map((x) => x.slice([], [], [0, symbols]));
  const losses = scoresOf(weights, bare(queries), bare(answers)).map((scores, t) => {
    const chances = nn.logSoftmax(scores, -2);
    return np.negative(np.mean(np.sum(np.multiply(chances, targets[t]), -2), -1));
  });
  for (const array of Object.values(weights)) array.dispose();
  return losses.reduce((sum, term) => np.add(sum, term)); // [n]
}

let traced: Promise<SymmetrySpec> | undefined;

/** The network's symmetries, read off its own forward pass: the state's units may be reordered. */
export function addersSpec(): Promise<SymmetrySpec> {
  const step = { shape: [1, 4, symbols] };
  traced ??= inferSpecFromFunction(
    (weights, ...inputs) => {
      const one = Object.entries(weights).map(([name, w]) => [name, np.expandDims(w, 0)] as const);
      const all = Object.fromEntries(one); // a population of one
      return scoresOf(all, inputs.slice(0, data.queryLength), inputs.slice(data.queryLength));
    },
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
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
    init: (random, scale) => initGRU(shapes, random, scale),
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
      const result = gruGradients(weights, sequencesOf(batch));
      for (const array of Object.values(weights)) array.dispose();
      return result;
    },
    evaluate: (weights, seen) => evaluateAdders(weights, data, seen),
  } satisfies Task<LabelledData> & Record<"train" | "test", Examples>);
}
