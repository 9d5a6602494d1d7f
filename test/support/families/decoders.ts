// Decoders in the names of Hugging Face: gains of 1 + w and normalised queries (Gemma), parallel blocks (Phi 2), fused
// projections (Phi 3), experts (Mixtral), adapters.

import { nn, numpy as np } from "@jax-js/jax";
import {
  attend,
  causalMask,
  layerNorm,
  linear,
  mergeHeads,
  rmsNorm,
  rotate,
  splitHeads,
  type W,
} from "../graphs/traced-layers.ts";
import { gain, linearOf, listed, matrixOf, normOf, numbers } from "./tensors.ts";

const d = 12;
const size = 4;
const ff = 17;
const words = 11;
const layers = 2;

interface Counts {
  readonly heads: number;
  readonly groups: number;
}

const embeddings = (final = "model.norm") =>
  listed(matrixOf("model.embed_tokens", words, d), gain(final, d), matrixOf("lm_head", words, d));

/** [in x, name] -> heads that share keys and values stand side by side. */
const share = (y: np.Array, { heads, groups }: Counts) => np.repeat(y, heads / groups, 1);

/** RMS normalisation whose gain is 1 + w. */
function gemmaNorm(w: W, name: string, x: np.Array): np.Array {
  const scale = np.add(w[`${name}.weight`].ref, 1);
  return rmsNorm({ "n.weight": scale }, "n", x);
}

export const gemmaTensors = ({ heads, groups }: Counts) => [
  ...embeddings(),
  ...numbers(layers).flatMap((i) => {
    const at = `model.layers.${i}`;
    return listed(
      ...[
        "input_layernorm",
        "post_attention_layernorm",
        "pre_feedforward_layernorm",
        "post_feedforward_layernorm",
      ].map((name) => gain(`${at}.${name}`, d)),
      gain(`${at}.self_attn.q_norm`, size),
      gain(`${at}.self_attn.k_norm`, size),
      matrixOf(`${at}.self_attn.q_proj`, heads * size, d),
      matrixOf(`${at}.self_attn.k_proj`, groups * size, d),
      matrixOf(`${at}.self_attn.v_proj`, groups * size, d),
      matrixOf(`${at}.self_attn.o_proj`, d, heads * size),
      matrixOf(`${at}.mlp.gate_proj`, ff, d),
      matrixOf(`${at}.mlp.up_proj`, ff, d),
      matrixOf(`${at}.mlp.down_proj`, d, ff),
    );
  }),
];

/** Gemma 2 and 3 at once: norms around both parts, normalised queries and keys, soft caps of scores and outputs. */
export function gemma(w: W, tokens: np.Array, counts: Counts): np.Array {
  const capped = (x: np.Array) => np.multiply(np.tanh(np.multiply(x, 1 / 5)), 5);
  let x = np.multiply(np.matmul(tokens, w["model.embed_tokens.weight"].ref), Math.sqrt(d));
  for (const i of numbers(layers)) {
    const at = `model.layers.${i}`;
    const h = gemmaNorm(w, `${at}.input_layernorm`, x.ref);
    const project = (part: string, many: number) =>
      splitHeads(linear(w, `${at}.self_attn.${part}_proj`, h.ref), many);
    const q = rotate(gemmaNorm(w, `${at}.self_attn.q_norm`, project("q", counts.heads)));
    const k = rotate(gemmaNorm(w, `${at}.self_attn.k_norm`, project("k", counts.groups)));
    const v = share(project("v", counts.groups), counts);
    h.dispose();
    const mixed = mergeHeads(attend(q, share(k, counts), v, causalMask(tokens.shape[1])));
    const out = linear(w, `${at}.self_attn.o_proj`, mixed);
    x = np.add(x, gemmaNorm(w, `${at}.post_attention_layernorm`, out));
    const y = gemmaNorm(w, `${at}.pre_feedforward_layernorm`, x.ref);
    const gate = nn.gelu(linear(w, `${at}.mlp.gate_proj`, y.ref));
    const inner = np.multiply(gate, linear(w, `${at}.mlp.up_proj`, y));
    const down = linear(w, `${at}.mlp.down_proj`, inner);
    x = np.add(x, gemmaNorm(w, `${at}.post_feedforward_layernorm`, down));
  }
  return capped(linear(w, "lm_head", gemmaNorm(w, "model.norm", x)));
}

export const olmoTensors = ({ heads, groups }: Counts) => [
  ...embeddings(),
  ...listed(
    gain("model.layers.0.post_attention_layernorm", d),
    gain("model.layers.0.post_feedforward_layernorm", d),
    gain("model.layers.0.self_attn.q_norm", heads * size),
    gain("model.layers.0.self_attn.k_norm", groups * size),
    matrixOf("model.layers.0.self_attn.q_proj", heads * size, d),
    matrixOf("model.layers.0.self_attn.k_proj", groups * size, d),
    matrixOf("model.layers.0.self_attn.v_proj", groups * size, d),
    matrixOf("model.layers.0.self_attn.o_proj", d, heads * size),
    matrixOf("model.layers.0.mlp.gate_proj", ff, d),
    matrixOf("model.layers.0.mlp.up_proj", ff, d),
    matrixOf("model.layers.0.mlp.down_proj", d, ff),
  ),
];

/** OLMo 2: norms behind both parts, queries and keys normalised over all heads together. */
export function olmo(w: W, tokens: np.Array, counts: Counts): np.Array {
  let x = np.matmul(tokens, w["model.embed_tokens.weight"].ref);
  const at = "model.layers.0";
  const project = (part: string) => linear(w, `${at}.self_attn.${part}_proj`, x.ref);
  const normed = (part: string, many: number) =>
    rotate(splitHeads(rmsNorm(w, `${at}.self_attn.${part}_norm`, project(part)), many));
  const q = normed("q", counts.heads);
  const k = share(normed("k", counts.groups), counts);
  const v = share(splitHeads(project("v"), counts.groups), counts);
  const out = linear(w, `${at}.self_attn.o_proj`, mergeHeads(attend(q, k, v)));
  x = np.add(x, rmsNorm(w, `${at}.post_attention_layernorm`, out));
  const gate = nn.silu(linear(w, `${at}.mlp.gate_proj`, x.ref));
  const inner = np.multiply(gate, linear(w, `${at}.mlp.up_proj`, x.ref));
  const down = linear(w, `${at}.mlp.down_proj`, inner);
  x = np.add(x, rmsNorm(w, `${at}.post_feedforward_layernorm`, down));
  return linear(w, "lm_head", rmsNorm(w, "model.norm", x));
}

export const phi3Tensors = ({ heads, groups }: Counts) => [
  ...embeddings(),
  ...numbers(layers).flatMap((i) => {
    const at = `model.layers.${i}`;
    return listed(
      gain(`${at}.input_layernorm`, d),
      gain(`${at}.post_attention_layernorm`, d),
      matrixOf(`${at}.self_attn.qkv_proj`, (heads + 2 * groups) * size, d),
      matrixOf(`${at}.self_attn.o_proj`, d, heads * size),
      matrixOf(`${at}.mlp.gate_up_proj`, 2 * ff, d),
      matrixOf(`${at}.mlp.down_proj`, d, ff),
    );
  }),
];

/** Phi 3: queries, keys and values in one matrix, gate and up in another. */
export function phi3(w: W, tokens: np.Array, counts: Counts): np.Array {
  const { heads, groups } = counts;
  let x = np.matmul(tokens, w["model.embed_tokens.weight"].ref);
  for (const i of numbers(layers)) {
    const at = `model.layers.${i}`;
    const fused = linear(w, `${at}.self_attn.qkv_proj`, rmsNorm(w, `${at}.input_layernorm`, x.ref));
    const [q, k, v] = np.split(fused, [heads * size, (heads + groups) * size], -1);
    const mixed = mergeHeads(
      attend(
        rotate(splitHeads(q, heads)),
        share(rotate(splitHeads(k, groups)), counts),
        share(splitHeads(v, groups), counts),
      ),
    );
    x = np.add(x, linear(w, `${at}.self_attn.o_proj`, mixed));
    const y = rmsNorm(w, `${at}.post_attention_layernorm`, x.ref);
    const [gate, up] = np.split(linear(w, `${at}.mlp.gate_up_proj`, y), 2, -1);
    x = np.add(x, linear(w, `${at}.mlp.down_proj`, np.multiply(up, nn.silu(gate))));
  }
  return linear(w, "lm_head", rmsNorm(w, "model.norm", x));
}

export const phi2Tensors = ({ heads }: Counts) =>
  listed(
    matrixOf("model.embed_tokens", words, d),
    normOf("model.final_layernorm", d),
    linearOf("lm_head", words, d),
    ...numbers(layers).flatMap((i) => [
      normOf(`model.layers.${i}.input_layernorm`, d),
      ...["q_proj", "k_proj", "v_proj"].map((part) =>
        linearOf(`model.layers.${i}.self_attn.${part}`, heads * size, d),
      ),
      linearOf(`model.layers.${i}.self_attn.dense`, d, heads * size),
      linearOf(`model.layers.${i}.mlp.fc1`, ff, d),
      linearOf(`model.layers.${i}.mlp.fc2`, d, ff),
    ]),
  );

/** Phi 2: attention and feed-forward read one normalised stream. */
export function phi2(w: W, tokens: np.Array, { heads }: Counts): np.Array {
  let x = np.matmul(tokens, w["model.embed_tokens.weight"].ref);
  for (const i of numbers(layers)) {
    const at = `model.layers.${i}`;
    const h = layerNorm(w, `${at}.input_layernorm`, x.ref);
    const [q, k, v] = ["q", "k", "v"].map((part) =>
      splitHeads(linear(w, `${at}.self_attn.${part}_proj`, h.ref), heads),
    );
    const mixed = linear(w, `${at}.self_attn.dense`, mergeHeads(attend(rotate(q), rotate(k), v)));
    const inner = linear(w, `${at}.mlp.fc2`, nn.gelu(linear(w, `${at}.mlp.fc1`, h)));
    x = np.add(x, np.add(mixed, inner));
  }
  return linear(w, "lm_head", layerNorm(w, "model.final_layernorm", x));
}

const experts = 3;

export const mixtralTensors = ({ heads, groups }: Counts) => [
  ...embeddings(),
  ...listed(
    gain("model.layers.0.input_layernorm", d),
    gain("model.layers.0.post_attention_layernorm", d),
    matrixOf("model.layers.0.self_attn.q_proj", heads * size, d),
    matrixOf("model.layers.0.self_attn.k_proj", groups * size, d),
    matrixOf("model.layers.0.self_attn.v_proj", groups * size, d),
    matrixOf("model.layers.0.self_attn.o_proj", d, heads * size),
    matrixOf("model.layers.0.block_sparse_moe.gate", experts, d),
    ...numbers(experts).flatMap((e) => [
      matrixOf(`model.layers.0.block_sparse_moe.experts.${e}.w1`, ff, d),
      matrixOf(`model.layers.0.block_sparse_moe.experts.${e}.w3`, ff, d),
      matrixOf(`model.layers.0.block_sparse_moe.experts.${e}.w2`, d, ff),
    ]),
  ),
];

/** Mixtral with all experts weighed: choosing the best of them changes no axis. */
export function mixtral(w: W, tokens: np.Array, counts: Counts): np.Array {
  let x = np.matmul(tokens, w["model.embed_tokens.weight"].ref);
  const at = "model.layers.0";
  const h = rmsNorm(w, `${at}.input_layernorm`, x.ref);
  const project = (part: string, many: number) =>
    splitHeads(linear(w, `${at}.self_attn.${part}_proj`, h.ref), many);
  const q = rotate(project("q", counts.heads));
  const k = share(rotate(project("k", counts.groups)), counts);
  const v = share(project("v", counts.groups), counts);
  h.dispose();
  x = np.add(x, linear(w, `${at}.self_attn.o_proj`, mergeHeads(attend(q, k, v))));
  const y = rmsNorm(w, `${at}.post_attention_layernorm`, x.ref);
  const shares = np.split(
    nn.softmax(linear(w, `${at}.block_sparse_moe.gate`, y.ref), -1),
    experts,
    -1,
  );
  for (const [e, part] of shares.entries()) {
    const name = `${at}.block_sparse_moe.experts.${e}`;
    const gate = nn.silu(linear(w, `${name}.w1`, y.ref));
    const down = linear(w, `${name}.w2`, np.multiply(gate, linear(w, `${name}.w3`, y.ref)));
    x = np.add(x, np.multiply(down, part));
  }
  y.dispose();
  return linear(w, "lm_head", rmsNorm(w, "model.norm", x));
}
