// A small generator of 8 x 8 digits trained down a distance between mini-batches, and what it is worth: Frechet distance of an
// independent classifier's features, energy distance of pixels, and how near its images are to the training images.

import { jit, lax, nn, numpy as np, valueAndGrad } from "@jax-js/jax";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { settle } from "../../engine/settle.ts";
import { denseStack } from "../../layers/pointwise/dense.ts";
import type { Params } from "../../models/model.ts";
import type { DigitsData } from "../../datasets/digits-data.ts";
import {
  flowMethods,
  type FlowMethod,
  type FlowMethodName,
  type Rows,
} from "../../transport/flows/flow-methods.ts";
import { energyDistance } from "../../transport/sliced-variants.ts";
import { keepArrays } from "../../engine/arrays.ts";
import { softmaxCrossEntropy } from "../../train/measures/objectives.ts";
import { applyUpdates } from "../../train/optimizers/update-rules.ts";
import { adam } from "../../train/optimizers/optimizers.ts";

const [pixels, latent, features] = [64, 8, 32];

export interface GeneratorOptions {
  readonly method: FlowMethodName;
  readonly seed: number;
  /** @default 1500 */
  readonly steps?: number;
  /** @default 128 */
  readonly batch?: number;
  /** @default 100 */
  readonly lines?: number;
  /** @default 0.002 */
  readonly rate?: number;
  /** Images that are judged. @default 500 */
  readonly images?: number;
}

/** What generated images are worth. */
export interface GeneratorScores {
  /** Frechet distance of classifier features between generated and test images; `floor` is that of training images. */
  readonly frechet: number;
  readonly frechetFloor: number;
  /** Energy distance of pixels to the test images. */
  readonly energy: number;
  /** Mean distance to the nearest training image, over that of test images: near 0 is memory, near 1 novelty. */
  readonly nearest: number;
}

/** Scores generated images. */
export type GeneratorJudge = (made: Rows) => Promise<GeneratorScores>;

export interface GeneratorResult extends GeneratorScores {
  /** Of training the generator and drawing its images, not of judging them. */
  readonly seconds: number;
}

const rowsOf = (data: ArrayLike<number>, width: number): Rows =>
  Array.from({ length: data.length / width }, (_, i) =>
    Array.from({ length: width }, (__, j) => data[i * width + j]),
  );

const arrayOf = (rows: Rows): np.Array =>
  np.array(Float32Array.from(rows.flat())).reshape([rows.length, rows[0].length]);

/** One step of Adam on a loss of params and one input, compiled once. */
function trainer(loss: (params: Params, x: np.Array, y: np.Array) => np.Array, rate: number) {
  const optimizer = adam();
  const derivative = jit(valueAndGrad(loss));
  const update = jit((params: Params, gradients: Params, state: Params) => {
    const [updates, next] = optimizer.update(gradients, state, params);
    return { params: applyUpdates(params, updates, np.array(rate)), state: next };
  });
  return {
    init: (params: Params) => optimizer.init(params),
    step: async (params: Params, state: Params, x: np.Array, y: np.Array) => {
      const [value, gradients] = derivative(keepArrays(params), x, y);
      value.dispose();
      const next = update(params, gradients, state);
      await settle([...Object.values(next.params), ...Object.values(next.state)]);
      return next;
    },
  };
}

/** Features of an independent classifier: its hidden layer, after training on half of the training images. */
async function classifierFeatures({ train }: DigitsData, seed: number) {
  const [hidden, top] = [denseStack([pixels, features]), denseStack([features, 10])];
  const featuresOf = (params: Params, x: np.Array) => {
    const hiddenParams = { "dense0.weight": params["h.weight"], "dense0.bias": params["h.bias"] };
    return nn.relu(hidden.apply(hiddenParams, x));
  };
  const loss = (params: Params, x: np.Array, y: np.Array) => {
    const out = { "dense0.weight": params["t.weight"], "dense0.bias": params["t.bias"] };
    const logits = top.apply(
      out,
      featuresOf({ "h.weight": params["h.weight"], "h.bias": params["h.bias"] }, x),
    );
    return softmaxCrossEntropy.value(logits, y);
  };
  const [h, t] = [hidden.init(deriveSeed(seed, "h")), top.init(deriveSeed(seed, "t"))];
  let params: Params = {
    "h.weight": h["dense0.weight"],
    "h.bias": h["dense0.bias"],
    "t.weight": t["dense0.weight"],
    "t.bias": t["dense0.bias"],
  };
  const { init, step } = trainer(loss, 0.005);
  let state: Params = init(params);
  const random = randomStream(deriveSeed(seed, "batches"));
  for (let i = 0; i < 600; i++) {
    const chosen = Array.from({ length: 64 }, () => random.integer(600));
    const x = chosen.map((at) => Array.from(train.inputs.subarray(at * pixels, (at + 1) * pixels)));
    const oneHot = chosen.map((at) =>
      Array.from({ length: 10 }, (_, c) => (c === train.labels[at] ? 1 : 0)),
    );
    ({ params, state } = await step(params, state, arrayOf(x), arrayOf(oneHot)));
  }
  return async (rows: Rows) => {
    const hiddenParams = { "h.weight": params["h.weight"].ref, "h.bias": params["h.bias"].ref };
    return rowsOf(await featuresOf(hiddenParams, arrayOf(rows)).data(), features);
  };
}

function moments(rows: Rows): { mean: number[]; covariance: Matrix } {
  const mean = rows[0].map((_, j) => rows.reduce((sum, row) => sum + row[j] / rows.length, 0));
  const centred = new Matrix(rows.map((row) => row.map((v, j) => v - mean[j])));
  return { mean, covariance: centred.transpose().mmul(centred).div(rows.length) };
}

/** The root of a positive semidefinite matrix. */
function rootOf(matrix: Matrix): Matrix {
  const { realEigenvalues, eigenvectorMatrix: v } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  return v
    .mmul(Matrix.diag(realEigenvalues.map((e) => Math.sqrt(Math.max(e, 0)))))
    .mmul(v.transpose());
}

/** The Frechet distance of normal distributions with the moments of two samples. */
export function frechetDistance(x: Rows, y: Rows): number {
  const [a, b] = [moments(x), moments(y)];
  const meansDistance = a.mean.reduce((sum, v, j) => sum + (v - b.mean[j]) ** 2, 0);
  const root = rootOf(a.covariance);
  const cross = rootOf(root.mmul(b.covariance).mmul(root)).trace();
  return Math.max(0, meansDistance + a.covariance.trace() + b.covariance.trace() - 2 * cross);
}

/** Mean distance of rows to the nearest of others. */
const nearestDistance = (rows: Rows, others: Rows): number =>
  rows.reduce((sum, row) => {
    let smallest = Infinity;
    for (const other of others) {
      let squares = 0;
      for (let j = 0; j < row.length; j++) squares += (row[j] - other[j]) ** 2;
      smallest = Math.min(smallest, squares);
    }
    return sum + Math.sqrt(smallest) / rows.length;
  }, 0);

/** Trains a generator and gives images of it. The engine must be started. */
export async function generateDigits(
  { train }: DigitsData,
  {
    method,
    seed,
    steps = 1500,
    batch = 128,
    lines = 100,
    rate = 0.002,
    images = 500,
  }: GeneratorOptions,
): Promise<Rows> {
  const stack = denseStack([latent, 128, pixels]);
  const imagesOf = (params: Params, z: np.Array) => nn.sigmoid(stack.apply(params, z));
  const { gradient }: FlowMethod = flowMethods[method];
  const forward = jit(imagesOf);
  // The derivative of the distance is known in closed form; the engine carries it on to the parameters.
  const { init, step } = trainer(
    (params, z, derivative) =>
      np.sum(np.multiply(imagesOf(params, z), lax.stopGradient(derivative))),
    rate,
  );
  let params: Params = stack.init(deriveSeed(seed, "generator"));
  let state: Params = init(params);
  const random = randomStream(deriveSeed(seed, "samples"));
  const draw = (count: number) =>
    Array.from({ length: count }, () => Array.from({ length: latent }, () => random.normal()));
  for (let i = 0; i < steps; i++) {
    const z = draw(batch);
    const made = rowsOf(await forward(keepArrays(params), arrayOf(z)).data(), pixels);
    const real = Array.from({ length: batch }, () => {
      const at = random.integer(train.labels.length);
      return Array.from(train.inputs.subarray(at * pixels, (at + 1) * pixels));
    });
    const derivative = gradient(made, real, lines, deriveSeed(seed, "lines", i));
    ({ params, state } = await step(
      params,
      state,
      arrayOf(z),
      arrayOf(rowsOf(derivative, pixels)),
    ));
  }
  return rowsOf(await forward(params, arrayOf(draw(images))).data(), pixels);
}

/** One judge for all methods and seeds: its classifier is trained here, once. The engine must be started. */
export async function generatorJudge(data: DigitsData): Promise<GeneratorJudge> {
  const featuresOf = await classifierFeatures(data, 0);
  const [training, test] = [rowsOf(data.train.inputs, pixels), rowsOf(data.test.inputs, pixels)];
  const [ofTest, ofTraining] = [await featuresOf(test), await featuresOf(training.slice(600))];
  const frechetFloor = frechetDistance(ofTraining, ofTest);
  const nearestOfTest = nearestDistance(test, training);
  return async (made) => ({
    frechet: frechetDistance(await featuresOf(made), ofTest),
    frechetFloor,
    energy: energyDistance(made, test),
    nearest: nearestDistance(made, training) / nearestOfTest,
  });
}

/** Trains a generator of digits and lets a judge score it. The engine must be started. */
export async function runGenerator(
  data: DigitsData,
  judge: GeneratorJudge,
  options: GeneratorOptions,
): Promise<GeneratorResult> {
  const began = performance.now();
  const made = await generateDigits(data, options);
  const seconds = (performance.now() - began) / 1000;
  return { ...(await judge(made)), seconds };
}
