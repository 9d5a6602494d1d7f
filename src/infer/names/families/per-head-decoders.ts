// Decoders that store queries, keys and values of one head (or of one group of heads) side by side in a fused matrix: GPT-NeoX
// with Pythia (Black et al. 2022), BLOOM (Scao et al. 2022), Falcon (Almazrouei et al. 2023) with its older and newer blocks.

import { templateOf } from "../read-table.ts";
import {
  type Attention,
  type Block,
  type Line,
  linear,
  norm,
  optional,
  type Style,
  tensor,
} from "../table.ts";

const feedForward: Line[] = [
  ...linear("mlp.dense_h_to_4h", ".ff", "residual"),
  ...linear("mlp.dense_4h_to_h", "residual", ".ff"),
];

/** Fused projections of the layer `at`, group by group. */
const fused = (at: string): Line[] => [
  ...linear(`${at}.query_key_value`, "@grouped", "residual"),
  ...linear(`${at}.dense`, "residual", "@o"),
];

const attentionOf = (at: string, positions: Partial<Attention>): Attention => ({
  name: "",
  query: [`${at}.dense.weight`, 1],
  fused: [`${at}.query_key_value.weight`, 0],
  ...positions,
});

const heads: Line[][] = [
  [tensor("lm_head.weight", "!vocabulary", "residual")],
  linear("score", "!score", "residual"),
  linear("classifier", "!classifier", "residual"),
  linear("qa_outputs", "!qa_outputs", "residual"),
];

export const gptNeox = templateOf({
  family: "gpt-neox",
  covers: "GPT-NeoX, Pythia and other models of its kind, as Hugging Face stores them",
  modelTypes: ["gpt_neox"],
  styles: [
    {
      anchors: ["embed_in.weight", "layers.0.attention.query_key_value.weight"],
      lines: [
        tensor("embed_in.weight", "!vocabulary", "residual"),
        ...norm("final_layer_norm", "residual"),
      ],
      blocks: [
        {
          at: "layers.{i}",
          scope: "layer{i}",
          attention: [attentionOf("attention", { rotary: true })],
          lines: [
            ...norm("input_layernorm", "residual"),
            ...norm("post_attention_layernorm", "residual"),
            ...fused("attention"),
            ...feedForward,
          ],
          ignore: ["attention.bias", "attention.masked_bias"],
        },
      ],
      heads: [[tensor("embed_out.weight", "!vocabulary", "residual")], ...heads.slice(1)],
      output: { axis: "residual", tie: true },
    },
  ],
});

const layersOf = (attention: Attention, ...norms: readonly Line[]): Block => ({
  at: "h.{i}",
  scope: "layer{i}",
  attention: [attention],
  lines: [...norms, ...fused("self_attention"), ...feedForward],
});

const body = (anchors: readonly string[], block: Block, ...lines: readonly Line[]): Style => ({
  anchors: ["word_embeddings.weight", "h.0.self_attention.query_key_value.weight", ...anchors],
  lines: [
    tensor("word_embeddings.weight", "!vocabulary", "residual"),
    ...lines,
    ...norm("ln_f", "residual"),
  ],
  blocks: [block],
  heads,
  output: { axis: "residual", tie: true },
});

const twoNorms = [
  ...norm("input_layernorm", "residual"),
  ...norm("post_attention_layernorm", "residual"),
];

export const bloom = templateOf({
  family: "bloom",
  covers: "BLOOM and BLOOMZ as Hugging Face stores them",
  modelTypes: ["bloom"],
  styles: [
    body(
      ["word_embeddings_layernorm.weight"],
      // Every head weighs distances by a slope of its own, so the order of heads is fixed.
      layersOf(attentionOf("self_attention", { fixedHeads: true }), ...twoNorms),
      ...norm("word_embeddings_layernorm", "residual"),
    ),
  ],
});

const ofBloom = ["word_embeddings_layernorm.weight"];

export const falcon = templateOf({
  family: "falcon",
  covers: "Falcon as Hugging Face stores it: both kinds of blocks, and those one after another",
  modelTypes: ["falcon", "RefinedWeb", "RefinedWebModel"],
  styles: [
    {
      // Attention and feed-forward one after another: as published with slopes, but a config may turn positions instead.
      ...body(
        ["h.0.post_attention_layernorm.weight"],
        layersOf(
          attentionOf("self_attention", { rotary: true, fixedHeads: "unless told" }),
          ...twoNorms,
        ),
      ),
      without: ofBloom,
    },
    {
      ...body(
        [],
        layersOf(
          attentionOf("self_attention", { rotary: true }),
          ...["input_layernorm", "ln_attn", "ln_mlp"].flatMap((name) =>
            optional(...norm(name, "residual")),
          ),
        ),
      ),
      without: ofBloom,
    },
  ],
});
