// Scale parts that names tell of, and those that they do not: gated rows always, gains of norms where the config says how the
// model uses them.

import { describe, expect, test } from "vitest";
import { inferSpecFromNames } from "../../../src/infer/names/infer-names.ts";
import { isFactor } from "../../../src/symmetry/types.ts";
import { formatAxisExpression } from "../../../src/symmetry/expression.ts";

const width = 8;
const layer = (i: number, more: Readonly<Record<string, readonly number[]>> = {}) =>
  Object.entries({
    "input_layernorm.weight": [width],
    "post_attention_layernorm.weight": [width],
    ...Object.fromEntries(
      ["q", "k", "v", "o"].map((p) => [`self_attn.${p}_proj.weight`, [width, width]]),
    ),
    "mlp.gate_proj.weight": [12, width],
    "mlp.up_proj.weight": [12, width],
    "mlp.down_proj.weight": [width, 12],
    ...more,
  }).map(([name, shape]) => ({ name: `model.layers.${i}.${name}`, shape }));

const tensors = (more: Readonly<Record<string, readonly number[]>> = {}) => [
  { name: "model.embed_tokens.weight", shape: [20, width] },
  { name: "model.norm.weight", shape: [width] },
  { name: "lm_head.weight", shape: [20, width] },
  ...layer(0, more),
];

const config = (type: string) => ({
  model_type: type,
  num_attention_heads: 2,
  tie_word_embeddings: false,
});
const factorsOf = (options: object, list = tensors()) => {
  const { spec } = inferSpecFromNames(list, options);
  return Object.keys(spec.axes).filter((name) => isFactor(spec.axes[name]));
};

describe("factors of a Llama by names", () => {
  test("rows of the gated layer and gains of all three norms, each with what undoes it", () => {
    const { spec } = inferSpecFromNames(tensors(), { config: config("llama") });
    expect(factorsOf({ config: config("llama") })).toEqual([
      "layer0.up_proj",
      "layer0.input_layernorm",
      "layer0.post_attention_layernorm",
      "norm",
    ]);
    const axesOf = (name: string) => spec.tensors[name].axes.map(formatAxisExpression);
    expect(axesOf("model.layers.0.mlp.up_proj.weight")).toEqual([
      "layer0.ff * layer0.up_proj",
      "residual * layer0.post_attention_layernorm^-1",
    ]);
    expect(axesOf("model.layers.0.mlp.down_proj.weight")).toEqual([
      "residual",
      "layer0.ff * layer0.up_proj^-1",
    ]);
    expect(axesOf("model.layers.0.mlp.gate_proj.weight")[0]).toBe("layer0.ff");
    expect(axesOf("model.norm.weight")).toEqual(["residual * norm"]);
  });

  test("no gains without a config: the names of Gemma, which multiplies by 1 + w, are the same", () => {
    expect(factorsOf({ heads: 2, tied: false })).toEqual(["layer0.up_proj"]);
    expect(factorsOf({ config: config("gemma") })).toEqual(["layer0.up_proj"]);
  });

  test("not the last norm where the embedding is the output matrix", () => {
    const tied = { ...config("llama"), tie_word_embeddings: true };
    expect(factorsOf({ config: tied })).not.toContain("norm");
  });

  test("no gains where norms stand behind the parts of a layer", () => {
    const more = {
      "post_feedforward_layernorm.weight": [width],
      "pre_feedforward_layernorm.weight": [width],
    };
    expect(factorsOf({ config: config("llama") }, tensors(more))).toEqual([
      "layer0.up_proj",
      "norm",
    ]);
  });

  test("a tensor in a layer that nobody knows holds its factors still", () => {
    const list = [...tensors(), { name: "model.layers.0.mlp.extra", shape: [12] }];
    expect(factorsOf({ config: config("llama") }, list)).toEqual(["norm"]);
  });

  test("stored scales of eight-bit weights hold the factors of those weights", () => {
    const list = [...tensors(), { name: "model.layers.0.mlp.up_proj.weight_scale", shape: [12] }];
    const found = factorsOf({ config: config("llama") }, list);
    expect(found).not.toContain("layer0.up_proj");
    expect(found).toContain("layer0.input_layernorm");
  });
});
