// The network of cnn.ts for many networks at once, fast on tiny images: a convolution of an 8 x 8 image is a product with
// a matrix that repeats the kernel's entries, so the network runs as an MLP whose matrices are unfolded every step. A
// constant table says which of the 9 kernel positions joins an input position to an output position.

import { jit, nn, numpy as np, tree } from "@jax-js/jax";
import type { WeightBatch } from "../models/model.ts";
import { type TaskActivation, taskActivations, type TaskActivationName } from "./activation.ts";
import { channels, strides } from "./cnn.ts";
import { product, productByTransposed, productOfTransposed } from "./products.ts";

const taps = 9;

interface Geometry {
  readonly inputs: number;
  /** Positions of the input and the output image. */
  readonly from: number;
  readonly to: number;
  /** 1 where a kernel position joins two positions: row-major [tap, from, to]. */
  readonly joins: Float32Array<ArrayBuffer>;
}

/** The layers' geometries for square images. */
function geometries(pixels: number): Geometry[] {
  let side = Math.sqrt(pixels);
  return strides.map((stride, at) => {
    const next = Math.ceil(side / stride);
    const [from, to] = [side * side, next * next];
    const joins = new Float32Array(taps * from * to);
    for (let out = 0; out < to; out++) {
      for (let tap = 0; tap < taps; tap++) {
        const row = stride * Math.floor(out / next) + Math.floor(tap / 3) - 1;
        const column = stride * (out % next) + (tap % 3) - 1;
        if (row < 0 || row >= side || column < 0 || column >= side) continue;
        joins[(tap * from + row * side + column) * to + out] = 1;
      }
    }
    side = next;
    return { inputs: at === 0 ? 1 : channels, from, to, joins };
  });
}

/** [n, out, in, from, to] -> [n, in * from, out * to] */
const asMatrix = jit((unfolded: np.Array) => {
  const [n, out, inputs, from, to] = unfolded.shape;
  return np.reshape(np.transpose(unfolded, [0, 2, 3, 1, 4]), [n, inputs * from, out * to]);
});
const copyOf = jit((x: np.Array) => np.add(x, 0));
const sumRows = jit((x: np.Array) => np.sum(x, -2));
const sumColumns = jit((x: np.Array) => np.sum(x, -1));
const scoreGradient = jit((scores: np.Array, bias: np.Array, targets: np.Array) => {
  const chances = nn.softmax(np.add(scores, np.expandDims(bias, -1)), -2);
  return np.multiply(np.subtract(chances, targets), 1 / targets.shape[2]);
});
const addColumn = jit((sums: np.Array, bias: np.Array) => np.add(sums, np.expandDims(bias, -1)));

/** [n, batch, channels * positions] and a bias [n, channels] -> sums [n, batch, channels, positions] */
function withBias(products: np.Array, bias: np.Array): np.Array {
  const [n, batch, width] = products.shape;
  const parted = np.reshape(products, [n, batch, channels, width / channels]);
  return np.add(parted, np.reshape(bias, [n, 1, channels, 1]));
}

/** The element-wise parts of a layer, one fused kernel each. */
function kernelsOf({ apply, slope }: TaskActivation) {
  return {
    activate: jit((products: np.Array, bias: np.Array) =>
      np.reshape(apply(withBias(products.ref, bias)), products.shape),
    ),
    through: jit((at: np.Array, products: np.Array, bias: np.Array) =>
      np.multiply(at, np.reshape(slope(withBias(products.ref, bias)), products.shape)),
    ),
  };
}
const meanOfPositions = jit((active: np.Array) => {
  const [n, batch, width] = active.shape;
  return np.mean(np.reshape(active, [n, batch, channels, width / channels]), -1);
});
const sumOfPositions = jit((at: np.Array) => {
  const [n, width] = at.shape;
  return np.sum(np.reshape(at, [n, channels, width / channels]), -1);
});

/** Forward and backward pass of one architecture. */
export function fastCnn(pixels: number, activation: TaskActivationName) {
  const layers = geometries(pixels);
  const { activate, through } = kernelsOf(taskActivations[activation]);
  const spreadMean = jit((pooled: np.Array) => {
    const [n, batch] = pooled.shape;
    const positions = layers[2].to;
    const wide = np.broadcastTo(np.expandDims(np.multiply(pooled, 1 / positions), -1), [
      n,
      batch,
      channels,
      positions,
    ]);
    return np.reshape(wide, [n, batch, channels * positions]);
  });
  /** Kernel gradients [n, out, in, 3, 3] from those of the matrix. */
  const folds = layers.map(({ inputs, from, to }) =>
    jit((matrix: np.Array) => {
      const [n] = matrix.shape;
      const parted = np.reshape(matrix, [n, inputs, from, channels, to]);
      return np.reshape(np.transpose(parted, [0, 3, 1, 2, 4]), [n, channels * inputs, from * to]);
    }),
  );
  const joinsOf = ({ joins, from, to }: Geometry) =>
    np.array(joins, { shape: [1, taps, from * to] });

  function unfold(kernel: np.Array, geometry: Geometry, joins: np.Array): np.Array {
    const [n] = kernel.shape;
    const { inputs, from, to } = geometry;
    const unfolded = product(np.reshape(kernel, [n, channels * inputs, taps]), joins);
    return asMatrix(np.reshape(unfolded, [n, channels, inputs, from, to]));
  }

  /** Everything a backward pass needs; weights are kept, inputs consumed. */
  function forward(weights: WeightBatch, inputs: np.Array) {
    const steps: { input: np.Array; matrix: np.Array; products: np.Array }[] = [];
    let active = inputs;
    for (const [at, geometry] of layers.entries()) {
      const matrix = unfold(weights[`conv${at + 1}.weight`].ref, geometry, joinsOf(geometry));
      const products = product(active.ref, matrix.ref);
      steps.push({ input: active, matrix, products });
      active = activate(products.ref, weights[`conv${at + 1}.bias`].ref);
    }
    const pooled = meanOfPositions(active); // [n, batch, channels]
    const scores = productByTransposed(weights["fc.weight"].ref, pooled.ref); // [n, out, batch]
    return { steps, pooled, scores };
  }

  function logits(weights: WeightBatch, inputs: np.Array): np.Array {
    const { steps, pooled, scores } = forward(weights, inputs);
    const result = addColumn(scores, weights["fc.bias"].ref);
    tree.dispose([steps, pooled, weights]);
    return result;
  }

  function gradients(weights: WeightBatch, inputs: np.Array, targets: np.Array): WeightBatch {
    const { steps, pooled, scores } = forward(weights, inputs);
    const atScores = scoreGradient(scores, weights["fc.bias"].ref, targets);
    const result: WeightBatch = {
      "fc.weight": product(atScores.ref, pooled),
      "fc.bias": sumColumns(atScores.ref),
    };
    let at = spreadMean(productOfTransposed(atScores, weights["fc.weight"].ref));
    for (let i = layers.length - 1; i >= 0; i--) {
      const { input, matrix, products } = steps[i];
      const { inputs: inputChannels } = layers[i];
      at = through(at, products, weights[`conv${i + 1}.bias`].ref);
      result[`conv${i + 1}.bias`] = sumOfPositions(sumRows(at.ref));
      const ofMatrix = productOfTransposed(input, at.ref); // [n, in * from, out * to]
      const ofKernel = productByTransposed(folds[i](ofMatrix), joinsOf(layers[i]));
      const [n] = ofKernel.shape;
      result[`conv${i + 1}.weight`] = copyOf(
        np.reshape(ofKernel, [n, channels, inputChannels, 3, 3]),
      );
      if (i > 0) at = productByTransposed(at, matrix);
      else tree.dispose([at, matrix]);
    }
    tree.dispose(weights);
    return result;
  }
  return { logits, gradients };
}
