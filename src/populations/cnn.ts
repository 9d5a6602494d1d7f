// A small convolutional network in the shape of the small CNN zoo (Unterthiner et al. 2020): three 3 x 3 convolutions of 16
// channels, the mean over positions, one linear layer; 4,970 parameters on one input channel.

import { lax, numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../core/records.ts";
import type { RandomStream } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import type { Weights } from "../core/tensors.ts";
import type { WeightBatch } from "../models/model.ts";
import { taskActivations, type TaskActivationName } from "./activation.ts";

export const channels = 16;
/** Of the three convolutions; images get a border of one pixel of zeros. */
export const strides = [2, 2, 1] as const;

export type CnnShapes = Readonly<Record<string, readonly number[]>>;

/** Tensor shapes: kernels [out, in, height, width]. */
export function cnnShapes(classes: number): CnnShapes {
  return frozenRecord<readonly number[]>([
    ["conv1.weight", [channels, 1, 3, 3]],
    ["conv1.bias", [channels]],
    ["conv2.weight", [channels, channels, 3, 3]],
    ["conv2.bias", [channels]],
    ["conv3.weight", [channels, channels, 3, 3]],
    ["conv3.bias", [channels]],
    ["fc.weight", [classes, channels]],
    ["fc.bias", [classes]],
  ]);
}

/** Normal kernels of deviation scale * sqrt(2 / inputs) (He et al. 2015), biases 0. */
export function initKernels(shapes: CnnShapes, random: RandomStream, scale: number): Weights {
  return frozenRecord(
    Object.entries(shapes).map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      if (shape.length > 1) {
        const spread = scale * Math.sqrt(2 / sizeOf(shape.slice(1)));
        for (let i = 0; i < data.length; i++) data[i] = spread * random.normal();
      }
      return [name, { shape, data }] as const;
    }),
  );
}

/** Class scores [classes, batch] of one network from images [batch, side * side]. */
export function cnnScores(
  weights: WeightBatch,
  images: np.Array,
  activation: TaskActivationName,
): np.Array {
  const { apply } = taskActivations[activation];
  const [batch, pixels] = images.shape;
  const side = Math.sqrt(pixels);
  let maps = np.reshape(images, [batch, 1, side, side]);
  for (const [at, stride] of strides.entries()) {
    const kernel = weights[`conv${at + 1}.weight`];
    const bias = np.reshape(weights[`conv${at + 1}.bias`], [1, channels, 1, 1]);
    const border: [number, number] = [1, 1];
    const sums = lax.convGeneralDilated(maps, kernel, [stride, stride], [border, border]);
    maps = apply(np.add(sums, bias));
  }
  const pooled = np.mean(maps, [2, 3]); // [batch, channels]
  const scores = np.matmul(weights["fc.weight"], np.transpose(pooled));
  return np.add(scores, np.expandDims(weights["fc.bias"], -1));
}
