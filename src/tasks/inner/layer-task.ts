// Inner tasks whose network is a sequence of population layers that ends in class scores: classifiers and models of the next symbol.

import { jit, nn, numpy as np } from "@jax-js/jax";
import type { RandomStream } from "../../core/random.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { Weights } from "../../core/tensors.ts";
import type { WeightBatch } from "../../models/model.ts";
import { crossEntropyGradient } from "../../populations/layers/elementwise.ts";
import { type Layer, runBackward, runForward } from "../../populations/layers/layer.ts";
import { specOfLayer } from "../../populations/networks/layer-spec.ts";
import type { InnerTask, LabelledRows } from "./inner-task.ts";

export interface LayerTaskOptions {
  readonly name: string;
  /** From inputs [n, rows, ...] to scores [n, classes, rows]. */
  readonly layer: Layer;
  readonly classes: number;
  /** One batch of inputs, and how many labels it has. */
  readonly inputShape: readonly number[];
  readonly labels: number;
  /** Rows of one example. @default 1 */
  readonly tokens?: number;
  readonly init: (random: RandomStream) => Weights;
  /** Draws one batch; the arrays have the shapes above. */
  readonly draw: (inputs: Float32Array, labels: Float32Array, random: RandomStream) => void;
  /** Held-out examples in batches that are scored one after another, each like a batch of any number of rows. */
  readonly test: readonly { readonly inputs: Float32Array; readonly labels: Float32Array }[];
}

/** One-hot classes [n, classes, rows] of labels [n, rows]. */
const oneHot = (labels: np.Array, classes: number): np.Array => {
  const numbers = np.reshape(np.arange(classes).astype(np.float32), [1, classes, 1]);
  return np.where(np.equal(np.expandDims(labels, 1), numbers), 1, 0);
};

/** Lists one after another. */
function joined(lists: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  return all;
}

/** The network as data; kernels take rows four at a time. */
function classifierOf({
  layer: { form, shapes },
  classes,
  inputShape,
  labels: rows,
  tokens = 1,
  test,
}: LayerTaskOptions): Pick<InnerTask, "classifier" | "testRows"> {
  if (form === undefined || (rows / tokens) % 4 !== 0 || (tokens > 1 && tokens % 4 !== 0))
    return {};
  const sizes = Object.entries(shapes).map(([name, shape]) => [name, sizeOf(shape)] as const);
  const features = sizeOf(inputShape) / rows;
  return {
    classifier: { form, classes, rows, features, tokens, sizes: Object.fromEntries(sizes) },
    testRows: {
      inputs: joined(test.map(({ inputs }) => inputs)),
      labels: joined(test.map((part) => part.labels)),
    },
  };
}

/** The task of a layer; its spec is traced. Batches hold `inputs` [n, ...inputShape] and `labels` [n, rows]. */
export async function layerTask(
  options: LayerTaskOptions & { readonly traceShape: readonly number[] },
): Promise<InnerTask> {
  const { layer, classes, inputShape, labels: rows, test } = options;
  const targets = jit((labels: np.Array) => oneHot(labels, classes));
  const crossEntropy = jit((scores: np.Array, hot: np.Array) => {
    const chances = nn.logSoftmax(scores, -2);
    return np.negative(np.mean(np.sum(np.multiply(chances, hot), -2), -1)); // [n]
  });
  return Object.freeze({
    name: options.name,
    spec: await specOfLayer(layer, options.traceShape),
    chance: Math.log(classes),
    init: options.init,
    ...classifierOf(options),
    batchShapes: { inputs: inputShape, labels: [rows] },
    writeBatch: ({ inputs, labels }, random) => options.draw(inputs, labels, random),
    lossAndGradients(weights, { inputs, labels }) {
      const hot = targets(labels);
      let losses: np.Array | undefined;
      const gradients = runBackward(layer, weights, inputs, (scores) => {
        losses = crossEntropy(scores.ref, hot.ref);
        return crossEntropyGradient(scores, hot);
      });
      return { losses: losses as np.Array, gradients };
    },
    async testLoss(weights: WeightBatch) {
      const sums: number[] = [];
      let total = 0;
      for (const part of test) {
        const count = part.labels.length;
        const shape = [1, (inputShape[0] * count) / rows, ...inputShape.slice(1)];
        const inputs = np.array(Float32Array.from(part.inputs), { shape });
        const labels = np.array(Float32Array.from(part.labels), { shape: [1, count] });
        const losses = crossEntropy(runForward(layer, weights, inputs), targets(labels));
        for (const [at, loss] of [...(await losses.data())].entries())
          sums[at] = (sums[at] ?? 0) + loss * count;
        total += count;
      }
      return sums.map((sum) => sum / total);
    },
  } satisfies InnerTask);
}

/** Batches of at most so many examples. */
export function batchesOf(
  { inputs, labels }: LabelledRows,
  batchSize: number,
): { inputs: Float32Array; labels: Float32Array }[] {
  const width = inputs.length / labels.length;
  return Array.from({ length: Math.ceil(labels.length / batchSize) }, (_, at) => {
    const [from, to] = [at * batchSize, Math.min(labels.length, (at + 1) * batchSize)];
    return {
      inputs: inputs.slice(from * width, to * width),
      labels: Float32Array.from({ length: to - from }, (_1, i) => labels[from + i]),
    };
  });
}
