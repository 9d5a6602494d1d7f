// Small networks, one trap each: what may stand between two layers, and the groups that hold then.

import { jit, lax, nn, numpy as np } from "@jax-js/jax";
import type { Network } from "./function-oracle.ts";
import type { W } from "./traced-layers.ts";

export interface TrapCase {
  readonly name: string;
  /** Groups of the axes that move, sorted. */
  readonly groups: readonly string[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly input?: readonly number[];
  readonly fn: Network;
}

const twoLayers = { a: [7, 8], b: [8, 3] };

/** a network of two layers with something between them */
export const between =
  (f: (h: np.Array, w: W) => np.Array): Network =>
  (w, x) =>
    np.matmul(f(np.matmul(x, w["a"].ref), w), w["b"].ref);

const layer = (
  name: string,
  groups: readonly string[],
  f: (h: np.Array, w: W) => np.Array,
): TrapCase => ({
  name,
  groups,
  weights: twoLayers,
  fn: between(f),
});

const s8 = ["S_8"];
const positive = ["S_8 with positive scales"];
const signs = ["S_8 with sign flips"];

export const trapCases: readonly TrapCase[] = [
  layer("relu", positive, (h) => nn.relu(h)),
  layer("leaky relu", positive, (h) => nn.leakyRelu(h)),
  layer("absolute value", positive, (h) => np.abs(h)),
  layer("relu as a product with its own gate", positive, (h) =>
    np.multiply(h.ref, np.greater(h, 0).astype(np.float32)),
  ),
  layer("relu as a choice", positive, (h) => np.where(np.greater(h.ref, 0), h, 0)),
  layer("a choice against another threshold has no scale", s8, (h) =>
    np.where(np.greater(h.ref, 1), h, 0),
  ),
  layer("a maximum with another number has no scale", s8, (h) => np.maximum(h, 0.5)),
  layer("tanh", signs, (h) => np.tanh(h)),
  layer("tanh inside jit", signs, (h) => jit((x: np.Array) => np.tanh(np.multiply(x, 2)))(h)),
  layer("sine", signs, (h) => np.sin(np.multiply(h, 30))),
  layer("sine with a phase has no scale", s8, (h) => np.sin(np.add(h, 0.5))),
  layer("cosine has no scale", s8, (h) => np.cos(h)),
  layer("gelu", s8, (h) => nn.gelu(h)),
  layer("sigmoid", s8, (h) => nn.sigmoid(h)),
  layer("softmax along the axis", s8, (h) => nn.softmax(h, -1)),
  layer("standardization along the axis", s8, (h) => nn.standardize(h, -1)),
  layer("a ramp multiplied onto the axis fixes it", [], (h) =>
    np.multiply(nn.relu(h), np.array([1, 2, 3, 4, 5, 6, 7, 8])),
  ),
  layer("an even factor does not", positive, (h) =>
    np.multiply(nn.relu(h), np.array([2, 2, 2, 2, 2, 2, 2, 2])),
  ),
  layer("a running sum fixes the axis", [], (h) => np.matmul(nn.relu(h), np.tril(np.ones([8, 8])))),
  layer("a flip fixes the axis", [], (h) => np.add(nn.relu(h.ref), np.flip(h, 1))),
  layer("a shift fixes the axis", [], (h) => {
    const [first, rest] = np.split(nn.relu(h.ref), [1], 1);
    return np.add(h, np.concatenate([rest, first], 1));
  }),
  layer("chosen columns are fixed", [], (h) =>
    np.take(nn.relu(h), np.array([7, 6, 5, 4, 3, 2, 1, 0], { dtype: np.int32 }), 1),
  ),
  layer("a cut splits the axis", ["S_3 with positive scales", "S_5 with sign flips"], (h) => {
    const [low, high] = np.split(h, [3], 1);
    return np.concatenate([nn.relu(low), np.tanh(high)], 1);
  }),
  layer("a gate ties both halves", ["GL(1) in each 4", "S_4"], (h) => {
    const [gate, up] = np.split(h, 2, 1);
    const half = np.multiply(nn.sigmoid(gate), up);
    return np.concatenate([half.ref, half], 1);
  }),
  layer(
    "a reshape that sums in blocks is a wreath product",
    ["S_2 with positive scales", "S_4 in each 2"],
    (h) => {
      const blocks = nn.relu(h).reshape([4, 2, 4]);
      const total = np.max(blocks.ref, -1, { keepdims: true });
      return np.subtract(blocks, total).reshape([4, 8]);
    },
  ),
  layer("sorting is not followed and fixes the axis", [], (h) => np.sort(h)),
  {
    name: "one matrix used twice ties its axes",
    groups: ["S_8 with positive scales"],
    weights: { a: [7, 8], m: [8, 8], b: [8, 3] },
    fn: between((h, w) =>
      nn.relu(np.matmul(nn.relu(np.matmul(nn.relu(h), w["m"].ref)), w["m"].ref)),
    ),
  },
  {
    name: "a residual sum ties axes",
    groups: ["S_6 with positive scales", "S_8"],
    weights: { a: [7, 8], up: [8, 6], down: [6, 8], b: [8, 3] },
    fn: between((h, w) =>
      nn.softmax(np.add(h.ref, np.matmul(nn.relu(np.matmul(h, w["up"].ref)), w["down"].ref)), -1),
    ),
  },
  {
    name: "a transposed convolution passes channels",
    groups: ["S_4 with positive scales", "S_6 with positive scales"],
    weights: { a: [6, 3, 3, 3], up: [4, 6, 3, 3], b: [4, 5] },
    input: [2, 3, 4, 4],
    fn: (w, x) => {
      const first = nn.relu(lax.conv(x, w["a"].ref, [1, 1], "SAME"));
      const padding: [number, number][] = [
        [1, 2],
        [1, 2],
      ];
      const larger = lax.convGeneralDilated(first, w["up"].ref, [1, 1], padding, {
        lhsDilation: [2, 2],
      });
      return np.matmul(np.mean(nn.relu(larger), [2, 3]), w["b"].ref);
    },
  },
  {
    name: "attention by einsum has heads and general linear spaces inside",
    groups: ["GL(4) in each 3", "GL(4) in each 3", "S_3"],
    weights: { q: [6, 3, 4], k: [6, 3, 4], v: [6, 3, 4], o: [3, 4, 6] },
    input: [2, 5, 6],
    fn: (w, x) => {
      const project = (name: string) =>
        np.einsum(x.ref, [0, 1, 2], w[name].ref, [2, 3, 4], [0, 3, 1, 4]);
      const scores = np.einsum(
        project("q"),
        [0, 1, 2, 3],
        project("k"),
        [0, 1, 4, 3],
        [0, 1, 2, 4],
      );
      const mixed = np.einsum(
        nn.softmax(scores, -1),
        [0, 1, 2, 3],
        project("v"),
        [0, 1, 3, 4],
        [0, 1, 2, 4],
      );
      return np.einsum(mixed, [0, 1, 2, 3], w["o"].ref, [1, 3, 4], [0, 2, 4]);
    },
  },
  {
    name: "a max pool passes positive scales, a convolution in groups makes a wreath product",
    groups: ["S_2", "S_3 with positive scales in each 2", "S_4 with positive scales in each 2"],
    weights: { a: [6, 3, 3, 3], m: [8, 3, 3, 3], b: [8, 5] },
    input: [2, 3, 8, 8],
    fn: (w, x) => {
      const first = nn.relu(lax.conv(x, w["a"].ref, [1, 1], "SAME"));
      const pooled = lax.reduceWindow(first, np.max, [2, 2], [2, 2]);
      const grouped = lax.convGeneralDilated(pooled, w["m"].ref, [1, 1], "SAME", {
        featureGroupCount: 2,
      });
      return np.matmul(np.mean(nn.relu(grouped), [2, 3]), w["b"].ref);
    },
  },
];
