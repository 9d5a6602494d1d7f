// Decoders near GPT-2 as Hugging Face stores them: GPT-J (Wang and Komatsuzaki 2021) with parallel blocks, GPT-Neo (Black et al.
// 2021) with learnt positions, CodeGen (Nijkamp et al. 2022), whose heads are stored in four parts, and MPT (MosaicML 2023),
// whose heads weigh distances by slopes of their own.

import { templateOf } from "../read-table.ts";
import { type Attention, type Line, linear, norm, optional, type Style, tensor } from "../table.ts";

const heads: Line[][] = [
  [
    tensor("lm_head.weight", "!vocabulary", "residual"),
    ...optional(tensor("lm_head.bias", "!vocabulary")),
  ],
  linear("score", "!score", "residual"),
  linear("classifier", "!classifier", "residual"),
  linear("qa_outputs", "!qa_outputs", "residual"),
];

const words = tensor("wte.weight", "!vocabulary", "residual");

/** Attention and feed-forward read one norm and are added to the stream at once. */
const parallel = (anchor: string, attention: Attention, ...projections: Line[]): Style => ({
  anchors: ["wte.weight", `h.0.attn.${anchor}.weight`, "h.0.mlp.fc_in.weight"],
  lines: [words, ...norm("ln_f", "residual")],
  blocks: [
    {
      at: "h.{i}",
      scope: "layer{i}",
      attention: [attention],
      lines: [
        ...norm("ln_1", "residual"),
        ...projections,
        ...linear("attn.out_proj", "residual", "@o"),
        ...linear("mlp.fc_in", ".ff", "residual"),
        ...linear("mlp.fc_out", "residual", ".ff"),
      ],
      ignore: ["attn.bias", "attn.masked_bias", "attn.causal_mask"],
    },
  ],
  heads,
  output: { axis: "residual", tie: true },
});

export const gptJ = templateOf({
  family: "gpt-j",
  covers: "GPT-J as Hugging Face stores it",
  modelTypes: ["gptj"],
  styles: [
    parallel(
      "q_proj",
      { name: "", query: ["attn.q_proj.weight", 0], rotary: true },
      ...linear("attn.q_proj", "@q", "residual"),
      ...linear("attn.k_proj", "@k", "residual"),
      ...linear("attn.v_proj", "@v", "residual"),
    ),
  ],
});

export const codegen = templateOf({
  family: "codegen",
  covers: "CodeGen as Hugging Face stores it",
  modelTypes: ["codegen"],
  styles: [
    parallel(
      "qkv_proj",
      {
        name: "",
        query: ["attn.out_proj.weight", 1],
        fused: ["attn.qkv_proj.weight", 0],
        rotary: true,
        parts: 4,
      },
      ...linear("attn.qkv_proj", "@parted", "residual"),
    ),
  ],
});

export const gptNeo = templateOf({
  family: "gpt-neo",
  covers: "GPT-Neo as Hugging Face stores it",
  modelTypes: ["gpt_neo"],
  styles: [
    {
      anchors: ["wte.weight", "h.0.attn.attention.q_proj.weight"],
      lines: [words, tensor("wpe.weight", "!position", "residual"), ...norm("ln_f", "residual")],
      blocks: [
        {
          at: "h.{i}",
          scope: "layer{i}",
          attention: [{ name: "", query: ["attn.attention.q_proj.weight", 0] }],
          lines: [
            ...norm("ln_1", "residual"),
            ...linear("attn.attention.q_proj", "@q", "residual"),
            ...linear("attn.attention.k_proj", "@k", "residual"),
            ...linear("attn.attention.v_proj", "@v", "residual"),
            ...linear("attn.attention.out_proj", "residual", "@o"),
            ...norm("ln_2", "residual"),
            ...linear("mlp.c_fc", ".ff", "residual"),
            ...linear("mlp.c_proj", "residual", ".ff"),
          ],
          ignore: ["attn.attention.bias", "attn.attention.masked_bias"],
        },
      ],
      heads,
      output: { axis: "residual", tie: true },
    },
  ],
});

export const mpt = templateOf({
  family: "mpt",
  covers: "MPT as Hugging Face stores it",
  modelTypes: ["mpt"],
  styles: [
    {
      anchors: ["wte.weight", "blocks.0.attn.Wqkv.weight"],
      lines: [
        words,
        ...optional(tensor("wpe.weight", "!position", "residual")),
        ...norm("norm_f", "residual"),
      ],
      blocks: [
        {
          at: "blocks.{i}",
          scope: "layer{i}",
          attention: [
            {
              name: "",
              query: ["attn.out_proj.weight", 1],
              fused: ["attn.Wqkv.weight", 0],
              fixedHeads: true,
              clipped: "unless told",
            },
          ],
          lines: [
            ...norm("norm_1", "residual"),
            ...linear("attn.Wqkv", "@qkv", "residual"),
            ...linear("attn.out_proj", "residual", "@o"),
            ...norm("norm_2", "residual"),
            ...linear("ffn.up_proj", ".ff", "residual"),
            ...linear("ffn.down_proj", "residual", ".ff"),
          ],
        },
      ],
      heads,
      output: { axis: "residual", tie: true },
    },
  ],
});
