// A two-block Transformer on patches of 8 x 8 images. As in the small Transformer zoo of Tran et al. (2024): LayerNorms without
// weights before attention, before the feed-forward layer and at the end, the mean over tokens, a classifier with ReLU, no
// residuals unless asked for. Unlike there, positions are learned: fixed ones would break the symmetry of the width.

import { nn, numpy as np } from "@jax-js/jax";
import { frozenRecord } from "../core/records.ts";
import type { RandomStream } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import type { Weights } from "../core/tensors.ts";
import type { WeightBatch } from "../models/model.ts";

const side = 8;
const patch = { height: 2, width: 4 };
export const patchPixels = patch.height * patch.width;
export const tokens = (side * side) / patchPixels;
export const width = 16;
export const heads = 2;
const feedForward = 32;
export const blocks = [1, 2] as const;
/** Added to variances under a root. */
export const epsilon = 1e-5;

export type TransformerShapes = Readonly<Record<string, readonly number[]>>;

/** Tensor shapes; matrices [out, in]. */
export function transformerShapes(classes: number): TransformerShapes {
  const linear = (name: string, out: number, inputs: number): [string, readonly number[]][] => [
    [`${name}.weight`, [out, inputs]],
    [`${name}.bias`, [out]],
  ];
  return frozenRecord<readonly number[]>([
    ...linear("embed", width, patchPixels),
    ["positions", [tokens, width]],
    ...blocks.flatMap((b) => [
      ...["q", "k", "v", "o"].flatMap((name) => linear(`block${b}.${name}`, width, width)),
      ...linear(`block${b}.up`, feedForward, width),
      ...linear(`block${b}.down`, width, feedForward),
    ]),
    ...linear("hidden", width, width),
    ...linear("out", classes, width),
  ]);
}

/** Normal matrices of deviation scale * sqrt(1 / in), biases 0. */
export function initTransformer(
  shapes: TransformerShapes,
  random: RandomStream,
  scale: number,
): Weights {
  return frozenRecord(
    Object.entries(shapes).map(([name, shape]) => {
      const data = new Float32Array(sizeOf(shape));
      if (shape.length === 2) {
        const spread = scale * Math.sqrt(1 / shape[1]);
        for (let i = 0; i < data.length; i++) data[i] = spread * random.normal();
      }
      return [name, { shape, data }] as const;
    }),
  );
}

/** [..., side * side] -> [..., tokens, pixels of a patch] */
export function patchesOf(images: np.Array): np.Array {
  const lead = images.shape.slice(0, -1);
  const [rows, columns] = [side / patch.height, side / patch.width];
  const parted = np.reshape(images, [...lead, rows, patch.height, columns, patch.width]);
  return np.reshape(np.swapaxes(parted, -3, -2), [...lead, tokens, patchPixels]);
}

/** Mean 0 and variance 1 over the last dimension. */
export function normalize(x: np.Array): np.Array {
  const centred = np.subtract(x.ref, np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
  return np.divide(centred, np.sqrt(np.add(variance, epsilon)));
}

/** Class scores [classes, batch] of one network from images [batch, 64]. Weights are kept. */
export function transformerScores(
  weights: WeightBatch,
  images: np.Array,
  residuals: boolean,
): np.Array {
  const [batch] = images.shape;
  const linear = (name: string, x: np.Array) =>
    np.add(np.matmul(x, np.transpose(weights[`${name}.weight`].ref)), weights[`${name}.bias`].ref);
  const splitHeads = (x: np.Array) =>
    np.transpose(np.reshape(x, [batch, tokens, heads, width / heads]), [0, 2, 1, 3]);
  const attend = (block: string, x: np.Array) => {
    const [q, k, v] = ["q", "k", "v"].map((name) => splitHeads(linear(`${block}.${name}`, x.ref)));
    x.dispose();
    const scores = np.multiply(np.matmul(q, np.swapaxes(k, -1, -2)), 1 / Math.sqrt(width / heads));
    const mixed = np.matmul(nn.softmax(scores, -1), v); // [batch, heads, tokens, head size]
    const joined = np.reshape(np.transpose(mixed, [0, 2, 1, 3]), [batch, tokens, width]);
    return linear(`${block}.o`, joined);
  };
  const feed = (block: string, x: np.Array) =>
    linear(`${block}.down`, nn.relu(linear(`${block}.up`, x)));
  const around = (layer: (x: np.Array) => np.Array, x: np.Array) => {
    const skipped = residuals ? x.ref : undefined;
    const y = layer(normalize(x));
    return skipped === undefined ? y : np.add(skipped, y);
  };
  let x = np.add(linear("embed", patchesOf(images)), weights["positions"].ref);
  for (const b of blocks) {
    x = around((y) => attend(`block${b}`, y), x);
    x = around((y) => feed(`block${b}`, y), x);
  }
  const pooled = np.mean(normalize(x), 1); // [batch, width]
  return np.transpose(linear("out", nn.relu(linear("hidden", pooled))));
}
