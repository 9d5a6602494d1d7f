// BART (Lewis et al. 2020), mBART and models built alike, as Hugging Face stores them: an encoder and a decoder that begin with
// one embedding, each normalised behind it, so both streams are one space. Models whose positions are computed (Marian,
// Pegasus, NLLB) have no such normalisation and are left out: what is not in the file cannot move.

import { templateOf } from "../read-table.ts";
import { type Block, type Line, linear, norm, optional, type Style, tensor } from "../table.ts";
import type { SpecBuilder } from "../template.ts";

const projections = (at: string, memory: string, name = ""): Line[] => {
  const of = name === "" ? "@" : `@${name}.`;
  return [
    ...linear(`${at}.q_proj`, `${of}q`, "residual"),
    ...linear(`${at}.k_proj`, `${of}k`, memory),
    ...linear(`${at}.v_proj`, `${of}v`, memory),
    ...linear(`${at}.out_proj`, "residual", `${of}o`),
    ...norm(`${at}_layer_norm`, "residual"),
  ];
};

/** The stream that cross-attention reads; "" where a layer has none. */
type Memory = "residual" | "*" | "";

const layer = (side: "encoder" | "decoder", memory: Memory): Block => ({
  at: `${side}.layers.{i}`,
  scope: `${side}{i}`,
  attention: [
    { name: "", query: ["self_attn.q_proj.weight", 0], side },
    ...(memory === ""
      ? []
      : [{ name: "cross", query: ["encoder_attn.q_proj.weight", 0] as const, side }]),
  ],
  lines: [
    ...projections("self_attn", "residual"),
    ...(memory === "" ? [] : projections("encoder_attn", memory, "cross")),
    ...linear("fc1", ".ff", "residual"),
    ...linear("fc2", "residual", ".ff"),
    ...norm("final_layer_norm", "residual"),
  ],
});

const side = (name: string): Line[] => [
  ...optional(tensor(`${name}.embed_tokens.weight`, "!vocabulary", "residual")),
  tensor(`${name}.embed_positions.weight`, "*", "residual"),
  ...norm(`${name}.layernorm_embedding`, "residual"),
  ...optional(...norm(`${name}.layer_norm`, "residual")),
];

const wordHead = [
  tensor("lm_head.weight", "!vocabulary", "residual"),
  ...optional(tensor("final_logits_bias", "1", "!vocabulary")),
];

/** Classes of a sentence: a layer with a hyperbolic tangent, then one that reads it. */
function readClasses(builder: SpecBuilder): boolean {
  const [first, last] = ["dense", "out_proj"].map((part) => `classification_head.${part}`);
  if (!builder.has(`${first}.weight`) || !builder.has(`${last}.weight`)) return false;
  const [size] = builder.shape(`${first}.weight`, 2) ?? [1];
  const [classes] = builder.shape(`${last}.weight`, 2) ?? [1];
  const hidden = builder.axis("classification_head", size, { scale: "sign" });
  builder.assign(`${first}.weight`, [hidden, "residual"]);
  builder.assignIf(`${first}.bias`, [hidden]);
  builder.assign(`${last}.weight`, [`${classes}`, `${hidden}^-1`]);
  builder.assignIf(`${last}.bias`, [`${classes}`]);
  return true;
}

const decoderAnchors = [
  "decoder.layernorm_embedding.weight",
  "decoder.layers.0.self_attn.q_proj.weight",
];

const completeStyle: Style = {
  anchors: ["encoder.layernorm_embedding.weight", ...decoderAnchors],
  lines: [
    ...optional(tensor("shared.weight", "!vocabulary", "residual")),
    ...side("encoder"),
    ...side("decoder"),
  ],
  blocks: [layer("encoder", ""), layer("decoder", "residual")],
  heads: [wordHead, linear("qa_outputs", "!qa_outputs", "residual")],
  // Without its head the output of the decoder leaves the network, tied or not.
  output: { axis: "residual", tie: true },
  more: readClasses,
};

const cross = "decoder.layers.0.encoder_attn.q_proj.weight";

/** A decoder alone, or one that reads an encoder of another kind, whose output is held still. */
const decoder = (memory: Memory): Style => ({
  anchors: memory === "" ? decoderAnchors : [...decoderAnchors, cross],
  without: ["encoder.layernorm_embedding.weight", ...(memory === "" ? [cross] : [])],
  lines: side("decoder"),
  blocks: [layer("decoder", memory)],
  heads: [wordHead],
  output: { axis: "residual", tie: true },
});

export const bart = templateOf({
  family: "bart",
  covers: "BART, mBART and PLBART as Hugging Face stores them, the small Blenderbot",
  modelTypes: ["bart", "mbart", "plbart", "blenderbot-small"],
  styles: [completeStyle, decoder("*"), decoder("")],
});
