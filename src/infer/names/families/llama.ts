// Llama (Touvron et al. 2023) and models built alike: RMS normalisation, rotated queries and keys, grouped queries, gated
// feed-forward; with mixtures of experts and normalised queries. A gain of 1 + w, as Gemma has it, moves like any other, soft
// caps act on every score alike.

import { templateOf } from "../read-table.ts";
import {
  type Block,
  type Line,
  linear,
  norm,
  optional,
  type Style,
  tensor,
  together,
} from "../table.ts";

/** Projections of one attention layer. */
interface Projections {
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly o: string;
}

const huggingFace: Projections = {
  q: "self_attn.q_proj",
  k: "self_attn.k_proj",
  v: "self_attn.v_proj",
  o: "self_attn.o_proj",
};

const first: Projections = {
  q: "attention.wq",
  k: "attention.wk",
  v: "attention.wv",
  o: "attention.wo",
};

const attentionLines = ({ q, k, v, o }: Projections): Line[] => [
  ...linear(q, "@q", "residual"),
  ...linear(k, "@k", "residual"),
  ...linear(v, "@v", "residual"),
  ...linear(o, "residual", "@o"),
];

const rotated = ({ q, k }: Projections): NonNullable<Block["attention"]> => [
  {
    name: "",
    query: [`${q}.weight`, 0],
    key: [`${k}.weight`, 0],
    rotary: true,
    norms: ["self_attn.q_norm", "self_attn.k_norm"],
  },
];

const gated = (gate: string, up: string, down: string, axis: string): Line[] => [
  ...linear(gate, axis, "residual"),
  ...linear(up, axis, "residual"),
  ...linear(down, "residual", axis),
];

/** Normalisations before and after both parts of a layer; no model has all. */
const layerNorms = [
  "input_layernorm",
  "post_attention_layernorm",
  "pre_feedforward_layernorm",
  "post_feedforward_layernorm",
].flatMap((name) => optional(...norm(name, "residual")));

const heads = [
  [
    tensor("lm_head.weight", "!vocabulary", "residual"),
    ...optional(tensor("lm_head.bias", "!vocabulary")),
  ],
  linear("score", "!score", "residual"),
  linear("classifier", "!classifier", "residual"),
  linear("qa_outputs", "!qa_outputs", "residual"),
];

const body = (anchor: string, block: Omit<Block, "at" | "scope">): Style => ({
  anchors: ["embed_tokens.weight", `layers.0.${anchor}.weight`],
  lines: [tensor("embed_tokens.weight", "!vocabulary", "residual"), ...norm("norm", "residual")],
  blocks: [{ at: "layers.{i}", scope: "layer{i}", ...block }],
  heads,
  lastNorm: "norm",
  output: { axis: "residual", tie: true },
});

/** A norm in front of attention and one in front of the feed-forward part; blocks with more norms put them behind. */
const behind = ["pre_feedforward_layernorm", "post_feedforward_layernorm"];
const preNorms: Block["gains"] = [
  {
    norm: "input_layernorm",
    readers: [huggingFace.q, huggingFace.k, huggingFace.v],
    without: behind,
  },
  {
    norm: "post_attention_layernorm",
    readers: ["mlp.gate_proj", "mlp.up_proj"],
    without: behind,
  },
];

const dense = body("mlp.gate_proj", {
  attention: rotated(huggingFace),
  lines: [
    ...layerNorms,
    ...attentionLines(huggingFace),
    ...gated("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", ".ff"),
  ],
  gated: [{ up: "mlp.up_proj", down: "mlp.down_proj" }],
  gains: preNorms,
});

const original: Style = {
  anchors: ["tok_embeddings.weight", "layers.0.attention.wq.weight"],
  lines: [tensor("tok_embeddings.weight", "!vocabulary", "residual"), ...norm("norm", "residual")],
  blocks: [
    {
      at: "layers.{i}",
      scope: "layer{i}",
      attention: rotated(first),
      lines: [
        ...norm("attention_norm", "residual"),
        ...attentionLines(first),
        ...norm("ffn_norm", "residual"),
        ...gated("feed_forward.w1", "feed_forward.w3", "feed_forward.w2", ".ff"),
      ],
      gated: [{ up: "feed_forward.w3", down: "feed_forward.w2" }],
    },
  ],
  heads: [[tensor("output.weight", "!vocabulary", "residual")]],
  output: { axis: "residual", tie: true },
  ignore: ["rope.freqs"],
};

export const llama = templateOf({
  family: "llama",
  covers:
    "Llama, Mistral, Qwen 2 and 3, Gemma 1 to 3, OLMo 2: names of Hugging Face and of the original release",
  modelTypes: [
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3_text",
    "granite",
    "olmo2",
    "stablelm",
    "cohere",
  ],
  plainGains: ["llama", "mistral", "qwen2", "qwen3", "granite"],
  styles: [dense, original],
});

/** Experts that a router weighs, each with an inner axis of its own; layers without them are dense. */
const experts = (at: string, gate: string, up: string, down: string): Block => ({
  at,
  scope: "layer{i}.expert{j}",
  optional: true,
  lines: gated(gate, up, down, ".ff"),
  gated: [{ up, down }],
});

export const mixtral = templateOf({
  family: "mixtral",
  covers: "mixtures of experts: Mixtral, Qwen 2 and 3 with experts, OLMoE",
  modelTypes: ["mixtral", "qwen2_moe", "qwen3_moe", "olmoe"],
  styles: [
    body("block_sparse_moe.gate", {
      attention: rotated(huggingFace),
      lines: [
        ...layerNorms,
        ...attentionLines(huggingFace),
        tensor("block_sparse_moe.gate.weight", "*", "residual"),
      ],
      blocks: [experts("block_sparse_moe.experts.{j}", "w1", "w3", "w2")],
    }),
    body("mlp.gate", {
      attention: rotated(huggingFace),
      lines: [
        ...layerNorms,
        ...attentionLines(huggingFace),
        ...optional(tensor("mlp.gate.weight", "*", "residual")),
        ...together(...gated("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", ".ff")),
        ...together(
          ...gated(
            "mlp.shared_expert.gate_proj",
            "mlp.shared_expert.up_proj",
            "mlp.shared_expert.down_proj",
            ".shared",
          ),
        ),
        ...optional(tensor("mlp.shared_expert_gate.weight", "1", "residual")),
      ],
      gated: [
        { up: "mlp.up_proj", down: "mlp.down_proj" },
        { up: "mlp.shared_expert.up_proj", down: "mlp.shared_expert.down_proj" },
      ],
      blocks: [experts("mlp.experts.{j}", "gate_proj", "up_proj", "down_proj")],
    }),
  ],
});

const phi3 = body("self_attn.qkv_proj", {
  attention: [
    {
      name: "",
      query: ["self_attn.o_proj.weight", 1],
      fused: ["self_attn.qkv_proj.weight", 0],
      rotary: true,
    },
  ],
  lines: [
    ...layerNorms,
    ...linear("self_attn.qkv_proj", "@qkv", "residual"),
    ...linear("self_attn.o_proj", "residual", "@o"),
    ...linear("mlp.gate_up_proj", "2 * .ff", "residual"),
    ...linear("mlp.down_proj", "residual", ".ff"),
  ],
});

const parallel = { ...huggingFace, o: "self_attn.dense" };

/** Attention and feed-forward read the same normalised stream and are added to it at once. */
const phi2: Style = {
  ...body("mlp.fc1", {
    attention: [
      {
        name: "",
        query: [`${parallel.q}.weight`, 0],
        key: [`${parallel.k}.weight`, 0],
        rotary: true,
      },
    ],
    lines: [
      ...layerNorms,
      ...attentionLines(parallel),
      ...linear("mlp.fc1", ".ff", "residual"),
      ...linear("mlp.fc2", "residual", ".ff"),
    ],
  }),
  lines: [
    tensor("embed_tokens.weight", "!vocabulary", "residual"),
    ...norm("final_layernorm", "residual"),
  ],
};

export const phi = templateOf({
  family: "phi",
  covers: "Phi 1 and 2 (parallel blocks) and Phi 3 (fused projections)",
  modelTypes: ["phi", "phi3"],
  styles: [phi3, phi2],
});
