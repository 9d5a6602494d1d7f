// GPT-2 (Radford et al. 2019): fused query/key/value, weights [in, out] as Hugging Face stores them or [out, in] as nanoGPT
// does, told apart by the fused matrix. The token embedding is usually the output matrix too.

import { templateOf } from "../read-table.ts";
import { type Line, linear, linearIn, norm, type Style, tensor } from "../table.ts";

type Layer = (name: string, to: string, from: string) => Line[];

/** `rows` is the dimension of outputs of every matrix. */
const style = (layer: Layer, rows: 0 | 1): Style => ({
  anchors: ["wte.weight", "h.0.attn.c_attn.weight"],
  ...(rows === 0 && { tall: "h.0.attn.c_attn.weight" }),
  lines: [
    tensor("wte.weight", "!vocabulary", "residual"),
    tensor("wpe.weight", "!position", "residual"),
    ...norm("ln_f", "residual"),
  ],
  blocks: [
    {
      at: "h.{i}",
      scope: "h{i}",
      attention: [
        {
          name: "",
          query: ["attn.c_proj.weight", 1 - rows],
          fused: ["attn.c_attn.weight", rows],
        },
      ],
      lines: [
        ...norm("ln_1", "residual"),
        ...layer("attn.c_attn", "@qkv", "residual"),
        ...layer("attn.c_proj", "residual", "@o"),
        ...norm("ln_2", "residual"),
        ...layer("mlp.c_fc", ".ff", "residual"),
        ...layer("mlp.c_proj", "residual", ".ff"),
      ],
      ignore: ["attn.bias", "attn.masked_bias"],
    },
  ],
  heads: [
    [tensor("lm_head.weight", "!vocabulary", "residual")],
    linear("multiple_choice_head.summary", "!multiple_choice_head.summary", "residual"),
    linear("score", "!score", "residual"),
    linear("classifier", "!classifier", "residual"),
  ],
  output: { axis: "residual", tie: true },
});

export const gpt2 = templateOf({
  family: "gpt2",
  covers: "GPT-2 and DistilGPT-2 as Hugging Face stores them (Conv1D), nanoGPT (Linear)",
  modelTypes: ["gpt2"],
  styles: [style(linear, 0), style(linearIn, 1)],
});
