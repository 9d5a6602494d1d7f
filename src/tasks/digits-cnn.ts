// The digits task for small convolutional networks, with ReLU or tanh as in the published population.

import { numpy as np, vmap } from "@jax-js/jax";
import type { WeightBatch } from "../models/model.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { inferSpecFromFunction } from "../trace/infer-function.ts";
import type { TaskActivationName } from "../populations/activation.ts";
import { type ClassifierTask, classifierTask } from "./classifier.ts";
import { fastCnn } from "../populations/cnn-gradients.ts";
import { cnnScores, cnnShapes, initKernels } from "../populations/cnn.ts";
import { digitClasses, digitPixels, parseDigits } from "../datasets/digits-data.ts";

const shapes = cnnShapes(digitClasses);
const traced = new Map<TaskActivationName, Promise<SymmetrySpec>>();

/** The network's symmetries, read off its own forward pass: channels may be reordered, and scaled or flipped. */
export function digitsCnnSpec(activation: TaskActivationName): Promise<SymmetrySpec> {
  const known =
    traced.get(activation) ??
    inferSpecFromFunction(
      (weights, images) => cnnScores(weights, images, activation),
      Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
      [{ shape: [2, digitPixels] }],
    ).then(({ spec }) => spec);
  traced.set(activation, known);
  return known;
}

/** The task from the bytes of data/uci-digits.csv.gz. @throws {FormatError} */
export async function digitsCnnTask(
  bytes: Uint8Array,
  activation: TaskActivationName,
): Promise<ClassifierTask> {
  const { train, test } = await parseDigits(bytes);
  const { logits: fastLogits, gradients } = fastCnn(digitPixels, activation);
  const one = (weights: WeightBatch, images: np.Array) => cnnScores(weights, images, activation);
  return classifierTask({
    name: `digits-cnn-${activation}`,
    features: digitPixels,
    classes: digitClasses,
    spec: await digitsCnnSpec(activation),
    train,
    test,
    init: (random, scale) => initKernels(shapes, random, scale),
    logits: (weights, inputs) =>
      inputs.shape[0] === 1
        ? vmap(one, [0, null])(weights, np.squeeze(inputs, 0))
        : vmap(one)(weights, inputs),
    fastLogits,
    gradients,
    portion: 128,
  });
}
