// The Small Transformer Zoo's network written out on plain numbers: blocks without residual connections, normalisations
// without weights, the mean over tokens, a classifier.

import type { Tensor, Weights } from "../../../src/core/tensors.ts";

type Matrix = readonly (readonly number[])[];

const row = ({ shape, data }: Tensor, i: number): number[] => {
  const width = data.length / shape[0];
  return Array.from(data.slice(i * width, (i + 1) * width));
};
const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, value, i) => sum + value * b[i], 0);

/** x W^T + b, row by row. */
function linear(x: Matrix, weight: Tensor, bias?: Tensor): Matrix {
  const rows = Array.from({ length: weight.shape[0] }, (_, o) => row(weight, o));
  return x.map((token) => rows.map((w, o) => dot(token, w) + (bias?.data[o] ?? 0)));
}

function normalized(x: Matrix): Matrix {
  return x.map((token) => {
    const mean = token.reduce((sum, value) => sum + value, 0) / token.length;
    const variance = token.reduce((sum, value) => sum + (value - mean) ** 2, 0) / token.length;
    return token.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
  });
}

const relu = (x: Matrix): Matrix => x.map((token) => token.map((value) => Math.max(0, value)));

function attention(x: Matrix, weights: Weights, at: string, heads: number): Matrix {
  const part = (name: string) => linear(x, weights[`${at}.attention.${name}.weight`]);
  const [queries, keys, values] = ["queries", "keys", "values"].map(part);
  const size = queries[0].length / heads;
  const joined = x.map((_, t) =>
    Array.from({ length: heads }, (__, head) => {
      const own = (m: Matrix, token: number) => m[token].slice(head * size, (head + 1) * size);
      const scores = x.map((___, other) =>
        Math.exp(dot(own(queries, t), own(keys, other)) / Math.sqrt(size)),
      );
      const total = scores.reduce((sum, score) => sum + score, 0);
      return Array.from({ length: size }, (___, i) =>
        scores.reduce((sum, score, other) => sum + (score / total) * own(values, other)[i], 0),
      );
    }).flat(),
  );
  return linear(joined, weights[`${at}.attention.out_projection.weight`]);
}

/** Class scores for a fixed image of as many patches as there are positions. */
export function transformerZooOutputs(weights: Weights, heads: number): readonly number[] {
  const positions = weights["embedding.pos_embedding"];
  const patch = weights["embedding.conv1.weight"];
  const pixels = patch.data.length / patch.shape[0];
  const patches = Array.from({ length: positions.shape[0] }, (_, t) =>
    Array.from({ length: pixels }, (__, p) => Math.sin(1 + 3 * t + 7 * p)),
  );
  const embedded = linear(patches, patch, weights["embedding.conv1.bias"]);
  let x: Matrix = embedded.map((token, t) => token.map((value, i) => value + row(positions, t)[i]));
  for (let block = 0; weights[`encoder.${block}.fc1.weight`] !== undefined; block++) {
    const at = `encoder.${block}`;
    const attended = attention(normalized(x), weights, at, heads);
    const hidden = linear(
      normalized(attended),
      weights[`${at}.fc1.weight`],
      weights[`${at}.fc1.bias`],
    );
    x = linear(relu(hidden), weights[`${at}.fc2.weight`], weights[`${at}.fc2.bias`]);
  }
  const last = normalized(x);
  const pooled = last[0].map(
    (_, i) => last.reduce((sum, token) => sum + token[i], 0) / last.length,
  );
  const hidden = linear([pooled], weights["classifier.fc1.weight"], weights["classifier.fc1.bias"]);
  return linear(relu(hidden), weights["classifier.fc2.weight"], weights["classifier.fc2.bias"])[0];
}
