// The digits task for small Transformers on image patches, with or without residuals.

import { numpy as np, vmap } from "@jax-js/jax";
import type { WeightBatch } from "../models/model.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { inferSpecFromFunction } from "../trace/infer-function.ts";
import { type ClassifierTask, classifierTask } from "./classifier.ts";
import { digitClasses, digitPixels, parseDigits } from "../datasets/digits-data.ts";
import { fastTransformer } from "../populations/vision-transformer-gradients.ts";
import {
  initTransformer,
  transformerScores,
  transformerShapes,
} from "../populations/vision-transformer.ts";

const shapes = transformerShapes(digitClasses);
const traced = new Map<boolean, Promise<SymmetrySpec>>();

/** The network's symmetries, read off its own forward pass: heads, positions within them, feed-forward units, widths. */
export function digitsTransformerSpec(residuals: boolean): Promise<SymmetrySpec> {
  const known =
    traced.get(residuals) ??
    inferSpecFromFunction(
      (weights, images) => transformerScores(weights, images, residuals),
      Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, { shape }])),
      [{ shape: [2, digitPixels] }],
    ).then(({ spec }) => spec);
  traced.set(residuals, known);
  return known;
}

/** The task from the bytes of data/uci-digits.csv.gz. @throws {FormatError} */
export async function digitsTransformerTask(
  bytes: Uint8Array,
  residuals: boolean,
): Promise<ClassifierTask> {
  const { train, test } = await parseDigits(bytes);
  const { logits: fastLogits, gradients } = fastTransformer(residuals);
  const one = (weights: WeightBatch, images: np.Array) =>
    transformerScores(weights, images, residuals);
  const logits = (weights: WeightBatch, inputs: np.Array) =>
    inputs.shape[0] === 1
      ? vmap(one, [0, null])(weights, np.squeeze(inputs, 0))
      : vmap(one)(weights, inputs);
  return classifierTask({
    name: residuals ? "digits-transformer" : "digits-transformer-plain",
    features: digitPixels,
    classes: digitClasses,
    spec: await digitsTransformerSpec(residuals),
    train,
    test,
    init: (random, scale) => initTransformer(shapes, random, scale),
    logits,
    fastLogits,
    gradients,
    portion: 128,
  });
}
