// OPT (Zhang et al. 2022) as Hugging Face stores it: learnt positions, separate projections, the token embedding usually is
// the output matrix. The smallest published model embeds words in a narrower space and projects them in and out.

import { templateOf } from "../read-table.ts";
import { type Block, linear, norm, optional, type Style, tensor } from "../table.ts";

const layers: Block = {
  at: "decoder.layers.{i}",
  scope: "layer{i}",
  attention: [{ name: "", query: ["self_attn.q_proj.weight", 0] }],
  lines: [
    ...optional(...norm("self_attn_layer_norm", "residual")),
    ...linear("self_attn.q_proj", "@q", "residual"),
    ...linear("self_attn.k_proj", "@k", "residual"),
    ...linear("self_attn.v_proj", "@v", "residual"),
    ...linear("self_attn.out_proj", "residual", "@o"),
    ...linear("fc1", ".ff", "residual"),
    ...linear("fc2", "residual", ".ff"),
    ...optional(...norm("final_layer_norm", "residual")),
  ],
};

const anchors = ["decoder.embed_positions.weight", "decoder.layers.0.self_attn.q_proj.weight"];
/** The names of BART are nearly these, with an encoder beside them or without. */
const ofBart = [
  "encoder.layers.0.self_attn.q_proj.weight",
  "decoder.layers.0.encoder_attn.q_proj.weight",
  "decoder.layernorm_embedding.weight",
];

/** `words` is the space of the embedding. */
const style = (words: string): Style => ({
  anchors,
  without: [...ofBart, ...(words === "residual" ? ["decoder.project_in.weight"] : [])],
  lines: [
    tensor("decoder.embed_tokens.weight", "!vocabulary", words),
    tensor("decoder.embed_positions.weight", "!position", "residual"),
    ...(words === "residual"
      ? []
      : [
          tensor("decoder.project_in.weight", "residual", words),
          tensor("decoder.project_out.weight", words, "residual"),
        ]),
    ...optional(...norm("decoder.final_layer_norm", "residual")),
  ],
  blocks: [layers],
  heads: [
    [tensor("lm_head.weight", "!vocabulary", words)],
    linear("score", "!score", words),
    linear("qa_outputs", "!qa_outputs", words),
  ],
  output: { axis: words, tie: true },
});

export const opt = templateOf({
  family: "opt",
  covers: "OPT as Hugging Face stores it",
  modelTypes: ["opt"],
  styles: [style("residual"), style("word")],
});
