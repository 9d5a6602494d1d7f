// T5, Whisper, CLIP and DINOv2 in the names of Hugging Face, EVA in those of timm.

import { lax, nn, numpy as np } from "@jax-js/jax";
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
const heads = 3;
const ff = 17;
const words = 11;
const time = 5;

const t5Attention = (at: string) =>
  [
    ...["q", "k", "v"].map((part) => matrixOf(`${at}.${part}`, heads * size, d)),
    matrixOf(`${at}.o`, d, heads * size),
  ].flat();

export const t5Tensors = listed(
  matrixOf("shared", words, d),
  gain("encoder.final_layer_norm", d),
  gain("decoder.final_layer_norm", d),
  ...numbers(2).flatMap((i) => [
    t5Attention(`encoder.block.${i}.layer.0.SelfAttention`),
    gain(`encoder.block.${i}.layer.0.layer_norm`, d),
    matrixOf(`encoder.block.${i}.layer.1.DenseReluDense.wi`, ff, d),
    matrixOf(`encoder.block.${i}.layer.1.DenseReluDense.wo`, d, ff),
    gain(`encoder.block.${i}.layer.1.layer_norm`, d),
    t5Attention(`decoder.block.${i}.layer.0.SelfAttention`),
    gain(`decoder.block.${i}.layer.0.layer_norm`, d),
    t5Attention(`decoder.block.${i}.layer.1.EncDecAttention`),
    gain(`decoder.block.${i}.layer.1.layer_norm`, d),
    matrixOf(`decoder.block.${i}.layer.2.DenseReluDense.wi_0`, ff, d),
    matrixOf(`decoder.block.${i}.layer.2.DenseReluDense.wi_1`, ff, d),
    matrixOf(`decoder.block.${i}.layer.2.DenseReluDense.wo`, d, ff),
    gain(`decoder.block.${i}.layer.2.layer_norm`, d),
  ]),
  matrixOf("encoder.block.0.layer.0.SelfAttention.relative_attention_bias", 4, heads),
  matrixOf("decoder.block.0.layer.0.SelfAttention.relative_attention_bias", 4, heads),
);

/** Scores of relative positions [heads, time, time], which the first layer of a side holds for all of them. */
function relativeBias(w: W, side: string, many: number): np.Array {
  const name = `${side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`;
  const buckets = Array.from({ length: many * many }, (_, i) =>
    Math.min(3, Math.abs((i % many) - Math.floor(i / many))),
  );
  const oneHot = buckets.flatMap((bucket) => numbers(4).map((at) => (at === bucket ? 1 : 0)));
  const picked = np.matmul(np.array(oneHot).reshape([many * many, 4]), w[name].ref);
  return picked.transpose().reshape([1, heads, many, many]);
}

/** T5 with a decoder of version 1.1; one embedding for both sides and the output. */
export function t5(w: W, tokens: np.Array): np.Array {
  const many = tokens.shape[1];
  const embed = () => np.matmul(tokens.ref, w["shared.weight"].ref);
  const attention = (at: string, x: np.Array, from: np.Array, bias?: np.Array) => {
    const project = (part: string, y: np.Array) => splitHeads(linear(w, `${at}.${part}`, y), heads);
    const q = np.multiply(project("q", x), Math.sqrt(size)); // T5 does not scale its scores
    const k = project("k", from.ref);
    return linear(w, `${at}.o`, mergeHeads(attend(q, k, project("v", from), bias)));
  };
  const bias = (side: string) => relativeBias(w, side, many);
  let x = embed();
  for (const i of numbers(2)) {
    const at = `encoder.block.${i}`;
    const h = rmsNorm(w, `${at}.layer.0.layer_norm`, x.ref);
    x = np.add(x, attention(`${at}.layer.0.SelfAttention`, h.ref, h, bias("encoder")));
    const y = rmsNorm(w, `${at}.layer.1.layer_norm`, x.ref);
    const inner = nn.gelu(linear(w, `${at}.layer.1.DenseReluDense.wi`, y));
    x = np.add(x, linear(w, `${at}.layer.1.DenseReluDense.wo`, inner));
  }
  const memory = rmsNorm(w, "encoder.final_layer_norm", x);
  let z = embed();
  tokens.dispose();
  for (const i of numbers(2)) {
    const at = `decoder.block.${i}`;
    const h = rmsNorm(w, `${at}.layer.0.layer_norm`, z.ref);
    z = np.add(z, attention(`${at}.layer.0.SelfAttention`, h.ref, h, bias("decoder")));
    const c = rmsNorm(w, `${at}.layer.1.layer_norm`, z.ref);
    z = np.add(z, attention(`${at}.layer.1.EncDecAttention`, c, memory.ref));
    const y = rmsNorm(w, `${at}.layer.2.layer_norm`, z.ref);
    const gate = nn.gelu(linear(w, `${at}.layer.2.DenseReluDense.wi_0`, y.ref));
    const inner = np.multiply(gate, linear(w, `${at}.layer.2.DenseReluDense.wi_1`, y));
    z = np.add(z, linear(w, `${at}.layer.2.DenseReluDense.wo`, inner));
  }
  memory.dispose();
  return np.matmul(rmsNorm(w, "decoder.final_layer_norm", z), w["shared.weight"].ref.transpose());
}

const whisperAttention = (at: string) =>
  [
    linearOf(`${at}.q_proj`, d, d),
    matrixOf(`${at}.k_proj`, d, d),
    linearOf(`${at}.v_proj`, d, d),
    linearOf(`${at}.out_proj`, d, d),
    normOf(`${at}_layer_norm`, d),
  ].flat();

const feedForward = (at: string) =>
  [
    linearOf(`${at}.fc1`, ff, d),
    linearOf(`${at}.fc2`, d, ff),
    normOf(`${at}.final_layer_norm`, d),
  ].flat();

export const whisperTensors = listed(
  ["model.encoder.conv1.weight", d + 1, 6, 3],
  ["model.encoder.conv1.bias", d + 1],
  ["model.encoder.conv2.weight", d, d + 1, 3],
  ["model.encoder.conv2.bias", d],
  matrixOf("model.encoder.embed_positions", time, d),
  normOf("model.encoder.layer_norm", d),
  whisperAttention("model.encoder.layers.0.self_attn"),
  feedForward("model.encoder.layers.0"),
  matrixOf("model.decoder.embed_tokens", words, d),
  matrixOf("model.decoder.embed_positions", time, d),
  normOf("model.decoder.layer_norm", d),
  whisperAttention("model.decoder.layers.0.self_attn"),
  whisperAttention("model.decoder.layers.0.encoder_attn"),
  feedForward("model.decoder.layers.0"),
);

/** Whisper over [1, 6 + words, time]: six channels of sound, then one-hot tokens. */
export function whisper(w: W, input: np.Array): np.Array {
  const [sound, tokens] = np.split(input, [6], 1);
  const conv = (name: string, x: np.Array) =>
    nn.gelu(
      np.add(
        lax.convGeneralDilated(x, w[`${name}.weight`].ref, [1], "SAME"),
        w[`${name}.bias`].ref.reshape([1, -1, 1]),
      ),
    );
  const attention = (at: string, x: np.Array, from: np.Array, mask?: np.Array) => {
    const project = (part: string, y: np.Array) =>
      splitHeads(linear(w, `${at}.${part}_proj`, y), heads);
    const [q, k, v] = [project("q", x), project("k", from.ref), project("v", from)];
    return linear(w, `${at}.out_proj`, mergeHeads(attend(q, k, v, mask)));
  };
  const mlp = (at: string, x: np.Array) =>
    linear(
      w,
      `${at}.fc2`,
      nn.gelu(linear(w, `${at}.fc1`, layerNorm(w, `${at}.final_layer_norm`, x))),
    );
  const stem = conv("model.encoder.conv2", conv("model.encoder.conv1", sound)).transpose([0, 2, 1]);
  let x = np.add(stem, w["model.encoder.embed_positions.weight"].ref);
  const first = "model.encoder.layers.0";
  const h = layerNorm(w, `${first}.self_attn_layer_norm`, x.ref);
  x = np.add(x, attention(`${first}.self_attn`, h.ref, h));
  x = np.add(x, mlp(first, x.ref));
  const memory = layerNorm(w, "model.encoder.layer_norm", x);
  const table = w["model.decoder.embed_tokens.weight"];
  const embedded = np.matmul(tokens.transpose([0, 2, 1]), table.ref);
  let z = np.add(embedded, w["model.decoder.embed_positions.weight"].ref);
  const second = "model.decoder.layers.0";
  const s = layerNorm(w, `${second}.self_attn_layer_norm`, z.ref);
  z = np.add(z, attention(`${second}.self_attn`, s.ref, s, causalMask(time)));
  const c = layerNorm(w, `${second}.encoder_attn_layer_norm`, z.ref);
  z = np.add(z, attention(`${second}.encoder_attn`, c, memory));
  z = np.add(z, mlp(second, z.ref));
  return np.matmul(layerNorm(w, "model.decoder.layer_norm", z), table.ref.transpose());
}

const clipLayer = (at: string) =>
  [
    ...["q_proj", "k_proj", "v_proj", "out_proj"].map((part) =>
      linearOf(`${at}.self_attn.${part}`, d, d),
    ),
    normOf(`${at}.layer_norm1`, d),
    normOf(`${at}.layer_norm2`, d),
    linearOf(`${at}.mlp.fc1`, ff, d),
    linearOf(`${at}.mlp.fc2`, d, ff),
  ].flat();

export const clipTensors = listed(
  ["logit_scale"],
  matrixOf("text_model.embeddings.token_embedding", words, d),
  matrixOf("text_model.embeddings.position_embedding", time, d),
  clipLayer("text_model.encoder.layers.0"),
  normOf("text_model.final_layer_norm", d),
  matrixOf("text_projection", 7, d),
  ["vision_model.embeddings.class_embedding", d],
  ["vision_model.embeddings.patch_embedding.weight", d, 3, 4, 4],
  matrixOf("vision_model.embeddings.position_embedding", 5, d),
  normOf("vision_model.pre_layrnorm", d),
  clipLayer("vision_model.encoder.layers.0"),
  normOf("vision_model.post_layernorm", d),
  matrixOf("visual_projection", 7, d),
);

function clipEncoder(w: W, at: string, stream: np.Array): np.Array {
  const h = layerNorm(w, `${at}.layer_norm1`, stream.ref);
  const [q, k, v] = ["q", "k", "v"].map((part) =>
    splitHeads(linear(w, `${at}.self_attn.${part}_proj`, h.ref), heads),
  );
  h.dispose();
  const x = np.add(stream, linear(w, `${at}.self_attn.out_proj`, mergeHeads(attend(q, k, v))));
  const inner = nn.gelu(linear(w, `${at}.mlp.fc1`, layerNorm(w, `${at}.layer_norm2`, x.ref)));
  return np.add(x, linear(w, `${at}.mlp.fc2`, inner));
}

/** CLIP: one-hot tokens and an image that is made of them; both embeddings side by side. */
export function clip(w: W, tokens: np.Array): np.Array {
  const part = tokens.ref.slice([], [0, 1], [0, 8]).reshape([2, 1, 1, 8]);
  const channels = np.array([1, -2, 3]).reshape([1, 3, 1, 1]);
  const rows = np.array(numbers(8).map((at) => 1 + at / 3)).reshape([1, 1, 8, 1]);
  const image = np.multiply(np.multiply(part, channels), rows);
  const embedded = np.matmul(tokens, w["text_model.embeddings.token_embedding.weight"].ref);
  const start = np.add(embedded, w["text_model.embeddings.position_embedding.weight"].ref);
  const text = clipEncoder(w, "text_model.encoder.layers.0", start);
  const last = layerNorm(w, "text_model.final_layer_norm", text).slice([], time - 1, []);
  const kernel = w["vision_model.embeddings.patch_embedding.weight"];
  const cut = lax.convGeneralDilated(image, kernel.ref, [4, 4], "VALID");
  const patches = cut.reshape([2, d, -1]).transpose([0, 2, 1]);
  const own = w["vision_model.embeddings.class_embedding"].ref.reshape([1, 1, d]);
  const all = np.concatenate([np.broadcastTo(own, [2, 1, d]), patches], 1);
  const placed = np.add(all, w["vision_model.embeddings.position_embedding.weight"].ref);
  const seen = layerNorm(w, "vision_model.pre_layrnorm", placed);
  const vision = clipEncoder(w, "vision_model.encoder.layers.0", seen).slice([], 0, []);
  const normal = layerNorm(w, "vision_model.post_layernorm", vision);
  const scale = np.exp(w["logit_scale"].ref);
  const both = np.concatenate(
    [linear(w, "text_projection", last), linear(w, "visual_projection", normal)],
    0,
  );
  return np.multiply(both, scale);
}

const patchesOf = (w: W, name: string, image: np.Array): np.Array => {
  const kernel = w[`${name}.weight`];
  const cut = lax.convGeneralDilated(image, kernel.ref, [4, 4], "VALID");
  const biased = np.add(cut, w[`${name}.bias`].ref.reshape([1, d, 1, 1]));
  return biased.reshape([2, d, -1]).transpose([0, 2, 1]);
};

export const dinoTensors = listed(
  ["embeddings.cls_token", 1, 1, d],
  ["embeddings.mask_token", 1, d],
  ["embeddings.position_embeddings", 1, 5, d],
  ["embeddings.patch_embeddings.projection.weight", d, 3, 4, 4],
  ["embeddings.patch_embeddings.projection.bias", d],
  normOf("encoder.layer.0.norm1", d),
  ...["query", "key", "value"].map((part) =>
    linearOf(`encoder.layer.0.attention.attention.${part}`, d, d),
  ),
  linearOf("encoder.layer.0.attention.output.dense", d, d),
  ["encoder.layer.0.layer_scale1.lambda1", d],
  normOf("encoder.layer.0.norm2", d),
  linearOf("encoder.layer.0.mlp.weights_in", 2 * ff, d),
  linearOf("encoder.layer.0.mlp.weights_out", d, ff),
  ["encoder.layer.0.layer_scale2.lambda1", d],
  normOf("layernorm", d),
);

/** DINOv2 with gated feed-forward; its stream is its output, and mask tokens stand for some patches. */
export function dino(w: W, image: np.Array): np.Array {
  const own = np.broadcastTo(w["embeddings.cls_token"].ref, [2, 1, d]);
  const patches = patchesOf(w, "embeddings.patch_embeddings.projection", image);
  const hidden = np.multiply(w["embeddings.mask_token"].ref.reshape([1, 1, d]), 0.5);
  const all = np.concatenate([own, np.add(patches, hidden)], 1);
  let x = np.add(all, w["embeddings.position_embeddings"].ref);
  const at = "encoder.layer.0";
  const h = layerNorm(w, `${at}.norm1`, x.ref);
  const [q, k, v] = ["query", "key", "value"].map((part) =>
    splitHeads(linear(w, `${at}.attention.attention.${part}`, h.ref), heads),
  );
  h.dispose();
  const mixed = linear(w, `${at}.attention.output.dense`, mergeHeads(attend(q, k, v)));
  x = np.add(x, np.multiply(mixed, w[`${at}.layer_scale1.lambda1`].ref));
  const y = layerNorm(w, `${at}.norm2`, x.ref);
  const [gate, up] = np.split(linear(w, `${at}.mlp.weights_in`, y), 2, -1);
  const inner = linear(w, `${at}.mlp.weights_out`, np.multiply(nn.silu(gate), up));
  x = np.add(x, np.multiply(inner, w[`${at}.layer_scale2.lambda1`].ref));
  return layerNorm(w, "layernorm", x);
}

export const evaTensors = listed(
  ["cls_token", 1, 1, d],
  ["pos_embed", 1, 5, d],
  ["patch_embed.proj.weight", d, 3, 4, 4],
  ["patch_embed.proj.bias", d],
  normOf("blocks.0.norm1", d),
  ["blocks.0.attn.q_bias", d],
  ["blocks.0.attn.v_bias", d],
  ["blocks.0.attn.qkv.weight", 3 * d, d],
  linearOf("blocks.0.attn.proj", d, d),
  normOf("blocks.0.norm2", d),
  linearOf("blocks.0.mlp.fc1", ff, d),
  linearOf("blocks.0.mlp.fc2", d, ff),
  normOf("norm", d),
  linearOf("head", 5, d),
);

/** EVA 02: biases of queries and values alone, queries and keys turned by their positions. */
export function eva(w: W, image: np.Array): np.Array {
  const own = np.broadcastTo(w["cls_token"].ref, [2, 1, d]);
  const all = np.concatenate([own, patchesOf(w, "patch_embed.proj", image)], 1);
  let x = np.add(all, w["pos_embed"].ref);
  const at = "blocks.0";
  const fused = linear(w, `${at}.attn.qkv`, layerNorm(w, `${at}.norm1`, x.ref));
  const [q, k, v] = np.split(fused, 3, -1);
  const rows = (part: np.Array, bias?: np.Array) =>
    splitHeads(bias === undefined ? part : np.add(part, bias), heads);
  const [qs, vs] = [rows(q, w[`${at}.attn.q_bias`].ref), rows(v, w[`${at}.attn.v_bias`].ref)];
  const mixed = mergeHeads(attend(rotate(qs), rotate(rows(k)), vs));
  x = np.add(x, linear(w, `${at}.attn.proj`, mixed));
  const y = layerNorm(w, `${at}.norm2`, x.ref);
  x = np.add(x, linear(w, `${at}.mlp.fc2`, nn.gelu(linear(w, `${at}.mlp.fc1`, y))));
  return linear(w, "head", layerNorm(w, "norm", x.slice([], 0, [])));
}
