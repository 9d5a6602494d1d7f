// Weights of a small decoder under the names of Llama, about 100 MB, to measure the page with.

import { randomStream } from "weightspace";

const [width, inner, layers, words] = [640, 1728, 4, 4000];

/** Random weights by tensor. */
export function decoderWeights(seed) {
  const random = randomStream(seed);
  const matrix = (rows, columns) => ({
    shape: [rows, columns],
    data: Float32Array.from({ length: rows * columns }, () => 0.02 * random.normal()),
  });
  const norm = () => ({
    shape: [width],
    data: Float32Array.from({ length: width }, () => 1 + 0.1 * random.normal()),
  });
  const weights = { "model.embed_tokens.weight": matrix(words, width) };
  for (let layer = 0; layer < layers; layer++) {
    const prefix = `model.layers.${layer}`;
    for (const name of ["q", "k", "v", "o"])
      weights[`${prefix}.self_attn.${name}_proj.weight`] = matrix(width, width);
    weights[`${prefix}.mlp.gate_proj.weight`] = matrix(inner, width);
    weights[`${prefix}.mlp.up_proj.weight`] = matrix(inner, width);
    weights[`${prefix}.mlp.down_proj.weight`] = matrix(width, inner);
    weights[`${prefix}.input_layernorm.weight`] = norm();
    weights[`${prefix}.post_attention_layernorm.weight`] = norm();
  }
  weights["model.norm.weight"] = norm();
  weights["lm_head.weight"] = matrix(words, width);
  return weights;
}

/** An element without its scales and bases: units change their order only. */
export const onlyOrders = ({ axes }, element) =>
  Object.fromEntries(
    Object.entries(element).flatMap(([axis, { permutations }]) =>
      axes[axis].group === "permutation" ? [[axis, { permutations }]] : [],
    ),
  );
