// Layers written with the array engine. Every function takes over its arrays; weights are taken by reference.

import { lax, nn, numpy as np } from "@jax-js/jax";

export type W = Record<string, np.Array>;

/** x W + b for weights [in, out]. */
export const dense = (w: W, name: string, x: np.Array): np.Array =>
  np.add(np.matmul(x, w[`${name}.weight`].ref), w[`${name}.bias`].ref);

/** x W^T + b for weights [out, in]; the bias may be missing. */
export function linear(w: W, name: string, x: np.Array): np.Array {
  const y = np.matmul(x, w[`${name}.weight`].ref.transpose());
  return w[`${name}.bias`] === undefined ? y : np.add(y, w[`${name}.bias`].ref);
}

export function conv(w: W, name: string, x: np.Array, stride = 1, groups = 1): np.Array {
  const y = lax.convGeneralDilated(x, w[`${name}.weight`].ref, [stride, stride], "SAME", {
    featureGroupCount: groups,
  });
  return w[`${name}.bias`] === undefined ? y : np.add(y, column(w[`${name}.bias`].ref));
}

/** [c] -> [1, c, 1, 1] */
const column = (x: np.Array) => x.reshape([1, -1, 1, 1]);

export function batchNorm(w: W, name: string, x: np.Array): np.Array {
  const part = (suffix: string) => column(w[`${name}.${suffix}`].ref);
  const scale = np.divide(part("weight"), np.sqrt(np.add(part("running_var"), 1e-5)));
  return np.add(np.multiply(np.subtract(x, part("running_mean")), scale), part("bias"));
}

export function layerNorm(w: W, name: string, x: np.Array): np.Array {
  const centred = np.subtract(x.ref, np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
  const normal = np.divide(centred, np.sqrt(np.add(variance, 1e-5)));
  return np.add(np.multiply(normal, w[`${name}.weight`].ref), w[`${name}.bias`].ref);
}

export function rmsNorm(w: W, name: string, x: np.Array): np.Array {
  const square = np.mean(np.square(x.ref), -1, { keepdims: true });
  return np.multiply(np.divide(x, np.sqrt(np.add(square, 1e-5))), w[`${name}.weight`].ref);
}

/** [batch, time, heads * size] -> [batch, heads, time, size] */
export function splitHeads(x: np.Array, heads: number): np.Array {
  const [batch, time, width] = x.shape;
  return x.reshape([batch, time, heads, width / heads]).transpose([0, 2, 1, 3]);
}

/** [batch, heads, time, size] -> [batch, time, heads * size] */
export function mergeHeads(x: np.Array): np.Array {
  const [batch, heads, time, size] = x.shape;
  return x.transpose([0, 2, 1, 3]).reshape([batch, time, heads * size]);
}

export function attend(q: np.Array, k: np.Array, v: np.Array, mask?: np.Array): np.Array {
  const size = q.shape[3];
  const scores = np.multiply(np.matmul(q, k.transpose([0, 1, 3, 2])), 1 / Math.sqrt(size));
  return np.matmul(nn.softmax(mask === undefined ? scores : np.add(scores, mask), -1), v);
}

export const causalMask = (time: number): np.Array =>
  np
    .array(
      Array.from({ length: time * time }, (_, i) => (i % time > Math.floor(i / time) ? -1e4 : 0)),
    )
    .reshape([time, time]);

/** Turns q or k [batch, heads, time, size] by position; the halves of a head are the two coordinates. */
export function rotate(x: np.Array): np.Array {
  const [, , time, size] = x.shape;
  const angles = Array.from({ length: time * size }, (_, i) => {
    const at = i % (size / 2);
    return Math.floor(i / size) / 10 ** (at / size);
  });
  const table = (f: (x: number) => number) => np.array(angles.map(f)).reshape([time, size]);
  const [low, high] = np.split(x.ref, 2, -1);
  const turned = np.concatenate([np.negative(high), low], -1);
  return np.add(np.multiply(x, table(Math.cos)), np.multiply(turned, table(Math.sin)));
}
