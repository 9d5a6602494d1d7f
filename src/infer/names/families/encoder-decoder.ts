// T5 (Raffel et al. 2020) and Whisper (Radford et al. 2022) as Hugging Face stores them: an encoder, and a decoder that reads
// it. Both streams of T5 begin with one embedding and are one space; the bias of relative positions has one entry a head
// for all layers of a side, so that these layers share the order of heads.

import { templateOf } from "../read-table.ts";
import {
  type Attention,
  type Block,
  type Line,
  linear,
  norm,
  optional,
  tensor,
  together,
} from "../table.ts";

const attention = (at: string, from = "residual", name = ""): Line[] => {
  const of = name === "" ? "@" : `@${name}.`;
  return [
    ...linear(`${at}.q`, `${of}q`, "residual"),
    ...linear(`${at}.k`, `${of}k`, from),
    ...linear(`${at}.v`, `${of}v`, from),
    ...linear(`${at}.o`, "residual", `${of}o`),
  ];
};

/** Feed-forward of version 1.0 (one matrix in) and of 1.1 (a gate). */
const feedForward = (at: string): Line[] => [
  ...together(...linear(`${at}.wi`, ".ff", "residual")),
  ...together(
    ...linear(`${at}.wi_0`, ".ff", "residual"),
    ...linear(`${at}.wi_1`, ".ff", "residual"),
  ),
  ...linear(`${at}.wo`, "residual", ".ff"),
];

const side = (name: "encoder" | "decoder", headAxis: string): Block => {
  const bias = `${name}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`;
  const self: Attention = {
    name: "",
    query: ["layer.0.SelfAttention.q.weight", 0],
    perHead: [bias, 1],
    headAxis,
  };
  const cross: Attention = {
    name: "cross",
    query: ["layer.1.EncDecAttention.q.weight", 0],
    perHead: [bias, 1],
  };
  const isDecoder = name === "decoder";
  return {
    at: `${name}.block.{i}`,
    scope: `${name}{i}`,
    attention: isDecoder ? [self, cross] : [self],
    lines: [
      ...attention("layer.0.SelfAttention"),
      ...optional(tensor("layer.0.SelfAttention.relative_attention_bias.weight", "*", "@h")),
      ...norm("layer.0.layer_norm", "residual"),
      ...(isDecoder
        ? [
            ...attention("layer.1.EncDecAttention", "residual", "cross"),
            ...norm("layer.1.layer_norm", "residual"),
          ]
        : []),
      ...feedForward(`layer.${isDecoder ? 2 : 1}.DenseReluDense`),
      ...norm(`layer.${isDecoder ? 2 : 1}.layer_norm`, "residual"),
    ],
  };
};

const tables = [
  tensor("shared.weight", "!vocabulary", "residual"),
  tensor("encoder.embed_tokens.weight", "!vocabulary", "residual"),
];

const encoderBias = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";

export const t5 = templateOf({
  family: "t5",
  covers: "T5 1.0 and 1.1, its encoder alone, models built alike (mT5, Flan-T5)",
  modelTypes: ["t5", "mt5"],
  styles: [
    {
      anchors: [encoderBias, "decoder.block.0.layer.0.SelfAttention.q.weight"],
      lines: [
        ...optional(...tables, tensor("decoder.embed_tokens.weight", "!vocabulary", "residual")),
        ...norm("encoder.final_layer_norm", "residual"),
        ...norm("decoder.final_layer_norm", "residual"),
      ],
      blocks: [side("encoder", "encoder.head"), side("decoder", "decoder.head")],
      heads: [[tensor("lm_head.weight", "!vocabulary", "residual")]],
      output: { axis: "residual", tie: true },
    },
    {
      // The encoder alone gives out its stream, whatever the config of the whole says of ties.
      anchors: [encoderBias],
      lines: [...optional(...tables), ...norm("encoder.final_layer_norm", "residual")],
      blocks: [side("encoder", "encoder.head")],
      output: { axis: "residual" },
    },
  ],
});

const projections = (at: string, stream: string, from = stream, name = ""): Line[] => {
  const of = name === "" ? "@" : `@${name}.`;
  return [
    ...linear(`${at}.q_proj`, `${of}q`, stream),
    ...linear(`${at}.k_proj`, `${of}k`, from),
    ...linear(`${at}.v_proj`, `${of}v`, from),
    ...linear(`${at}.out_proj`, stream, `${of}o`),
    ...norm(`${at}_layer_norm`, stream),
  ];
};

const layer = (name: "encoder" | "decoder"): Block => ({
  at: `${name}.layers.{i}`,
  scope: `${name}{i}`,
  attention: [
    { name: "", query: ["self_attn.q_proj.weight", 0], side: name },
    ...(name === "decoder"
      ? [{ name: "cross", query: ["encoder_attn.q_proj.weight", 0] as const, side: name }]
      : []),
  ],
  lines: [
    ...projections("self_attn", name),
    ...(name === "decoder" ? projections("encoder_attn", name, "encoder", "cross") : []),
    ...linear("fc1", ".ff", name),
    ...linear("fc2", name, ".ff"),
    ...norm("final_layer_norm", name),
  ],
});

export const whisper = templateOf({
  family: "whisper",
  covers: "Whisper as Hugging Face stores it",
  modelTypes: ["whisper"],
  styles: [
    {
      anchors: ["encoder.conv1.weight", "decoder.layers.0.encoder_attn.q_proj.weight"],
      lines: [
        tensor("encoder.conv1.weight", "stem", "*", "*"),
        tensor("encoder.conv1.bias", "stem"),
        tensor("encoder.conv2.weight", "encoder", "stem", "*"),
        tensor("encoder.conv2.bias", "encoder"),
        tensor("encoder.embed_positions.weight", "*", "encoder"),
        ...norm("encoder.layer_norm", "encoder"),
        tensor("decoder.embed_tokens.weight", "!vocabulary", "decoder"),
        tensor("decoder.embed_positions.weight", "!position", "decoder"),
        ...norm("decoder.layer_norm", "decoder"),
      ],
      blocks: [layer("encoder"), layer("decoder")],
      heads: [[tensor("proj_out.weight", "!vocabulary", "decoder")]],
      output: { axis: "decoder", tie: true },
    },
  ],
});
