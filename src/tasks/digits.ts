// The digits task: a 64-32-10 ReLU network (2,410 parameters) on 8 x 8 digits. Forward and backward passes are written
// out: matrix products stay outside fused kernels, and scores are [class, example] so that rows are a multiple of 4.

import { jit, nn, numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../core/records.ts";
import type { RandomStream } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import type { Weights } from "../core/tensors.ts";
import type { WeightBatch } from "../models/model.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { inferSpecFromFunction } from "../trace/infer-function.ts";
import { type ClassifierTask, classifierTask } from "./classifier.ts";
import { digitClasses, digitPixels, parseDigits } from "../datasets/digits-data.ts";

const hidden = 32;

const shapes = {
  "fc1.weight": [hidden, digitPixels],
  "fc1.bias": [hidden],
  "fc2.weight": [digitClasses, hidden],
  "fc2.bias": [digitClasses],
} as const;

let traced: Promise<SymmetrySpec> | undefined;

/** The network's symmetries, read off its own forward pass: hidden units may be reordered and scaled. */
export function digitsSpec(): Promise<SymmetrySpec> {
  traced ??= inferSpecFromFunction(
    (weights, images) => {
      const one = Object.entries(weights).map(([name, w]) => [name, np.expandDims(w, 0)] as const);
      return logits(Object.fromEntries(one), np.expandDims(images, 0)); // a population of one
    },
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, { shape: [...shape] }]),
    ),
    [{ shape: [2, digitPixels] }],
  ).then(({ spec }) => spec);
  return traced;
}

/** The task from the bytes of data/uci-digits.csv.gz, 1,200 images to learn from and 597 to test. @throws {FormatError} */
export async function digitsTask(bytes: Uint8Array): Promise<ClassifierTask> {
  const { train, test } = await parseDigits(bytes);
  const spec = await digitsSpec();
  const shared = { name: "digits", features: digitPixels, classes: digitClasses, spec };
  return classifierTask({ ...shared, train, test, init, logits, gradients });
}

/** Normal weights of standard deviation scale * sqrt(2 / inputs) (He et al. 2015), biases 0. */
function init(random: RandomStream, scale: number): Weights {
  return frozenRecord(
    Object.entries(shapes).map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      if (shape.length === 2) {
        const spread = scale * Math.sqrt(2 / shape[1]);
        for (let i = 0; i < data.length; i++) data[i] = spread * random.normal();
      }
      return [name, { shape, data }] as const;
    }),
  );
}

const transposed = (x: np.Array) => np.swapaxes(x, -1, -2);
const asColumn = (x: np.Array) => np.expandDims(x, -1);

const activate = jit((sums: np.Array, bias: np.Array) =>
  nn.relu(np.add(sums, np.expandDims(bias, -2))),
);
const addBias = jit((sums: np.Array, bias: np.Array) => np.add(sums, asColumn(bias)));

function logits(weights: WeightBatch, inputs: np.Array): np.Array {
  const sums = np.matmul(inputs, transposed(weights["fc1.weight"])); // [n, batch, h]
  const active = activate(sums, weights["fc1.bias"]);
  const scores = np.matmul(weights["fc2.weight"], transposed(active)); // [n, out, batch]
  return addBias(scores, weights["fc2.bias"]);
}

/** d loss / d scores: (softmax - target) / batch. */
const scoreGradient = jit((scores: np.Array, bias: np.Array, targets: np.Array) => {
  const batch = targets.shape[2];
  const chances = nn.softmax(np.add(scores, asColumn(bias)), -2);
  return np.multiply(np.subtract(chances, targets), 1 / batch);
});
const throughRelu = jit((gradient: np.Array, active: np.Array) =>
  np.where(np.greater(active, 0), gradient, 0),
);
/** Bare products: compiled once a shape, nothing fused to them. */
const forward = jit((inputs: np.Array, weight: np.Array) => np.matmul(inputs, transposed(weight)));
const product = jit((a: np.Array, b: np.Array) => np.matmul(a, b));
const productOfTransposed = jit((a: np.Array, b: np.Array) => np.matmul(transposed(a), b));
const sumRows = jit((x: np.Array) => np.sum(x, -2));
const sumColumns = jit((x: np.Array) => np.sum(x, -1));

function gradients(weights: WeightBatch, inputs: np.Array, targets: np.Array): WeightBatch {
  const sums = forward(inputs.ref, weights["fc1.weight"]); // [n, batch, h]
  const active = activate(sums, weights["fc1.bias"]);
  const scores = forward(weights["fc2.weight"].ref, active.ref); // [n, out, batch]
  const atScores = scoreGradient(scores, weights["fc2.bias"], targets);
  const atActive = productOfTransposed(atScores.ref, weights["fc2.weight"]); // [n, batch, h]
  const outer = product(atScores.ref, active.ref); // [n, out, h]
  const atSums = throughRelu(atActive, active);
  return {
    "fc1.weight": productOfTransposed(atSums.ref, inputs), // [n, h, in]
    "fc1.bias": sumRows(atSums),
    "fc2.weight": outer,
    "fc2.bias": sumColumns(atScores),
  };
}
