// Language models under the names of GGUF files (llama.cpp): `blk.0.attn_q.weight`. Files of all architectures share these
// names; what an architecture leaves out is missing. Fused queries, keys and values lie one after another, whatever the model
// they were converted from had. The header of a file tells heads and the kind of its positions.

import { templateOf } from "../read-table.ts";
import {
  type Attention,
  type Line,
  linear,
  norm,
  optional,
  type Style,
  tensor,
  together,
} from "../table.ts";

/** Every normalisation of the stream that some architecture has. */
const norms = [
  "attn_norm",
  "attn_norm_2",
  "ffn_norm",
  "post_attention_norm",
  "post_ffw_norm",
  "attn_output_norm",
  "layer_output_norm",
].flatMap((name) => optional(...norm(name, "residual")));

const feedForward: Line[] = [
  ...together(
    ...linear("ffn_gate", ".ff", "residual"),
    ...linear("ffn_up", ".ff", "residual"),
    ...linear("ffn_down", "residual", ".ff"),
  ),
];

/** One matrix in, or gate and up in one. */
const ungated: Line[] = [
  ...linear("ffn_down", "residual", ".ff"),
  ...linear("ffn_up", ".ff | 2 * .ff", "residual"),
];

/** Experts stored in one array each; their inner units move alike in all of them. */
const experts: Line[] = [
  ...together(
    tensor("ffn_gate_exps.weight", "*", ".expert", "residual"),
    tensor("ffn_up_exps.weight", "*", ".expert", "residual"),
    tensor("ffn_down_exps.weight", "*", "residual", ".expert"),
  ),
  ...together(
    tensor("ffn_gate_shexp.weight", ".shared", "residual"),
    tensor("ffn_up_shexp.weight", ".shared", "residual"),
    tensor("ffn_down_shexp.weight", "residual", ".shared"),
  ),
  ...optional(
    tensor("ffn_gate_inp.weight", "*", "residual"),
    tensor("ffn_gate_inp_shexp.weight", "**", "residual"),
  ),
];

const separate: Line[] = [
  ...linear("attn_q", "@q", "residual"),
  ...linear("attn_k", "@k", "residual"),
  ...linear("attn_v", "@v", "residual"),
  ...linear("attn_output", "residual", "@o"),
];

const fused: Line[] = [
  ...linear("attn_qkv", "@qkv", "residual"),
  ...linear("attn_output", "residual", "@o"),
];

const separateAttention: Attention = {
  name: "",
  query: ["attn_q.weight", 0],
  key: ["attn_k.weight", 0],
  norms: ["attn_q_norm", "attn_k_norm"],
};

const fusedAttention: Attention = {
  name: "",
  query: ["attn_output.weight", 1],
  fused: ["attn_qkv.weight", 0],
};

interface Kind {
  readonly anchors: readonly string[];
  readonly without?: readonly string[];
  readonly attention: Attention;
  readonly lines: readonly Line[];
}

const style = ({ anchors, without = [], attention, lines }: Kind): Style => ({
  anchors: ["token_embd.weight", ...anchors],
  without,
  lines: [
    tensor("token_embd.weight", "!vocabulary", "residual"),
    ...optional(
      tensor("position_embd.weight", "*", "residual"),
      tensor("token_types.weight", "*", "residual"),
    ),
    ...optional(...norm("token_embd_norm", "residual"), ...norm("output_norm", "residual")),
  ],
  blocks: [
    { at: "blk.{i}", scope: "layer{i}", attention: [attention], lines: [...norms, ...lines] },
  ],
  heads: [linear("output", "!vocabulary", "residual")],
  output: { axis: "residual", tie: true },
  ignore: ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"],
});

const [gate, separated, joined] = ["ffn_gate", "attn_q", "attn_qkv"].map(
  (name) => `blk.0.${name}.weight`,
);
const [router, positions] = ["blk.0.ffn_gate_inp.weight", "position_embd.weight"];

/** Positions that are added to the stream. */
const absolute = (attention: Attention): Attention => ({ ...attention, absolute: [positions] });
/** Positions that turn queries and keys, or slopes of every head: the header tells which. */
const turned = (attention: Attention): Attention => ({
  ...attention,
  rotary: true,
  fixedHeads: "unless told",
});

export const gguf = templateOf({
  family: "gguf",
  covers: "language models under the names of GGUF files: dense, gated, with experts, encoders",
  modelTypes:
    "llama gemma gemma2 gemma3 granite internlm2 olmo olmo2 stablelm qwen2 qwen3 qwen2moe qwen3moe olmoe command-r phi2 phi3 gpt2 starcoder starcoder2 gptneox falcon bloom mpt bert".split(
      " ",
    ),
  styles: [
    // Slopes and gates together are rare, but the names do not tell.
    style({
      anchors: [separated, gate],
      without: [router, positions],
      attention: { ...separateAttention, rotary: true },
      lines: [...separate, ...feedForward],
    }),
    style({
      anchors: [separated, router],
      without: [positions],
      attention: { ...separateAttention, rotary: true },
      lines: [...separate, ...feedForward, ...experts],
    }),
    style({
      anchors: [joined, positions],
      attention: absolute(fusedAttention),
      lines: [...fused, ...ungated],
    }),
    style({
      anchors: [separated, positions],
      attention: absolute(separateAttention),
      lines: [...separate, ...ungated],
    }),
    style({
      anchors: [joined],
      without: [positions, router],
      attention: turned(fusedAttention),
      lines: [...fused, ...ungated],
    }),
    style({
      anchors: [separated],
      without: [positions, gate, router],
      attention: turned(separateAttention),
      lines: [...separate, ...ungated],
    }),
  ],
});
