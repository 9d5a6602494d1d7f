// The adders task: a GRU encoder-decoder reads "7+15" and writes "22", character by character. Training shows it the right
// answer so far (teacher forcing), tests let it read what it wrote itself. No data file: problems are enumerated.

import { nn, numpy as np, tree, vmap } from "@jax-js/jax";
import type { Examples } from "../datasets/examples.ts";
import type { WeightBatch } from "../models/model.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { inferSpecFromFunction } from "../trace/infer-function.ts";
import {
  type AddersData,
  addersData,
  answerSymbols,
  askSymbol,
  querySymbols,
  symbols,
} from "../datasets/adders-data.ts";
import { encoderDecoderKernel } from "../kernels/networks/encoder-decoder-kernel.ts";
import { initEncoderDecoder, type Sequences } from "../populations/networks/encoder-decoder.ts";
import { adder, adderShape } from "../populations/networks/task-networks.ts";
import { evaluateAdders, inputWidth, writeSymbol } from "./adders-evaluation.ts";
import { classifierMetrics, drawLabelled, type LabelledData } from "./labelled-data.ts";
import type { Batch, Task } from "./task.ts";

/** What is fixed by the largest summand. */
interface Adders {
  readonly data: AddersData;
  readonly queryTimes: readonly number[];
  readonly answerTimes: readonly number[];
}

const times = (length: number) => Array.from({ length }, (_, t) => t);

function addersUpTo(largest: number): Adders {
  const data = addersData(largest);
  return { data, queryTimes: times(data.queryLength), answerTimes: times(data.answerLength) };
}

const sequencesOf = ({ queryTimes, answerTimes }: Adders, batch: Batch): Sequences => ({
  queries: queryTimes.map((t) => batch[`query${t}`]),
  answers: answerTimes.map((t) => batch[`answer${t}`]),
  targets: answerTimes.map((t) => batch[`target${t}`]),
});

/** By the definition of one network, so that it may be differentiated. */
function loss(adders: Adders, weights: WeightBatch, batch: Batch): np.Array {
  const { queries, answers, targets } = sequencesOf(adders, batch);
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

/** The network's symmetries, read off its own forward pass: the state's units may be reordered. */
async function tracedSpec({ data, queryTimes, answerTimes }: Adders): Promise<SymmetrySpec> {
  const step = { shape: [4, symbols] };
  const { spec } = await inferSpecFromFunction(
    (weights, ...inputs) =>
      adder.apply(weights, inputs.slice(0, data.queryLength), inputs.slice(data.queryLength)),
    Object.fromEntries(Object.entries(adder.shapes).map(([name, shape]) => [name, { shape }])),
    [...queryTimes, ...answerTimes].map(() => step),
  );
  return spec;
}

const batchShapes = (
  { queryTimes, answerTimes }: Adders,
  size: number,
): Record<string, readonly number[]> =>
  Object.fromEntries([
    ...queryTimes.map((t) => [`query${t}`, [size, inputWidth]] as const),
    ...answerTimes.map((t) => [`answer${t}`, [size, inputWidth]] as const),
    ...answerTimes.map((t) => [`target${t}`, [symbols, size]] as const),
  ]);

/** A task on problems with summands from 0 to `largest`, a fifth of them for tests only. */
function addersTask(name: string, adders: Adders, spec: SymmetrySpec) {
  const { data, queryTimes, answerTimes } = adders;
  const { train, test } = data;
  const queries = train.problems.map((problem) => querySymbols(problem, data.queryLength));
  const sums = Array.from({ length: 2 * data.largest + 1 }, (_, sum) => answerSymbols(sum));
  return Object.freeze({
    name,
    spec,
    metrics: classifierMetrics,
    target: "testAccuracy",
    train,
    test,
    dataFor: (run) => drawLabelled(train, 2 * data.largest + 1, run),
    init: (random, scale) => initEncoderDecoder(adder.shapes, random, scale),
    batchShapes: (size) => batchShapes(adders, size),
    writeExample: (arrays, at, size, { examples, labels }, example) => {
      const query = queries[examples[example]];
      const answer = sums[labels[example]];
      for (const t of queryTimes) writeSymbol(arrays[`query${t}`], at, query[t]);
      for (const t of answerTimes) {
        writeSymbol(arrays[`answer${t}`], at, t === 0 ? askSymbol : answer[t - 1]);
        if (t < answer.length) arrays[`target${t}`][answer[t] * size + at] = 1;
      }
    },
    loss: (weights, batch) => loss(adders, weights, batch),
    gradients: (weights, batch) => {
      const result = adder.gradients(weights, sequencesOf(adders, batch));
      tree.dispose(weights);
      return result;
    },
    kernelOf: (batch) =>
      encoderDecoderKernel({
        symbols,
        hidden: adderShape.hidden,
        queries: data.queryLength,
        answers: data.answerLength,
        batch,
        width: inputWidth,
        shapes: adder.shapes,
      }),
    evaluate: (weights, seen) => evaluateAdders(adder, weights, data, seen),
  } satisfies Task<LabelledData> & Record<"train" | "test", Examples>);
}

/** A task of adders before its problems are made. */
function adderTasks(name: string, largest: number) {
  let made: Adders | undefined;
  const adders = () => (made ??= addersUpTo(largest));
  let traced: Promise<SymmetrySpec> | undefined;
  const spec = () => (traced ??= tracedSpec(adders()));
  return { spec, create: async () => addersTask(name, adders(), await spec()) };
}

/** The tasks by their names in the registry. */
export const addersTasks = {
  adders: adderTasks("adders", 49),
  "adders-99": adderTasks("adders-99", 99),
};
