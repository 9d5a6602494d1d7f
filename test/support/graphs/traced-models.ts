// Whole networks as functions of named weights, in the layouts and names that model files use.

import { lax, nn, numpy as np } from "@jax-js/jax";
import {
  attend,
  batchNorm,
  causalMask,
  conv,
  dense,
  layerNorm,
  linear,
  mergeHeads,
  rmsNorm,
  rotate,
  splitHeads,
  type W,
} from "./traced-layers.ts";

export const perceptron = (w: W, x: np.Array): np.Array =>
  linear(w, "fc3", nn.relu(linear(w, "fc2", nn.relu(linear(w, "fc1", x)))));

/** Two convolutions, a max pool, a flattening, two linear layers. */
export function convolutional(w: W, x: np.Array): np.Array {
  const first = nn.relu(conv(w, "conv1", x));
  const pooled = lax.reduceWindow(first, np.max, [2, 2], [2, 2]);
  const second = nn.relu(conv(w, "conv2", pooled));
  const flat = second.reshape([x.shape[0], -1]);
  return linear(w, "fc2", nn.relu(linear(w, "fc1", flat)));
}

/** One GRU layer in the gate order of torch (reset, update, new), then a read-out of the last state. */
export function recurrent(w: W, x: np.Array): np.Array {
  const [batch, time, inputs] = x.shape;
  const hidden = w["rnn.weight_hh_l0"].shape[1];
  const steps = np.split(x, time, 1);
  let state = np.zeros([batch, hidden]);
  const gates = (part: string, value: np.Array) =>
    np.split(
      np.add(
        np.matmul(value, w[`rnn.weight_${part}_l0`].ref.transpose()),
        w[`rnn.bias_${part}_l0`].ref,
      ),
      3,
      1,
    );
  for (const step of steps) {
    const [r, z, n] = gates("ih", step.reshape([batch, inputs]));
    const [hr, hz, hn] = gates("hh", state.ref);
    const reset = nn.sigmoid(np.add(r, hr));
    const update = nn.sigmoid(np.add(z, hz));
    const fresh = np.tanh(np.add(n, np.multiply(reset, hn)));
    state = np.add(np.multiply(np.subtract(1, update.ref), fresh), np.multiply(update, state));
  }
  return linear(w, "fc", state);
}

/** GPT-2 with one-hot tokens [batch, time, vocabulary]; the head is the token embedding. */
export function gpt2(w: W, tokens: np.Array, heads: number, layers: number): np.Array {
  const [, time] = tokens.shape;
  let x = np.add(np.matmul(tokens, w["wte.weight"].ref), w["wpe.weight"].ref);
  for (let i = 0; i < layers; i++) {
    const at = `h.${i}`;
    const fused = dense(w, `${at}.attn.c_attn`, layerNorm(w, `${at}.ln_1`, x.ref));
    const [q, k, v] = np.split(fused, 3, -1).map((part) => splitHeads(part, heads));
    const mixed = mergeHeads(attend(q, k, v, causalMask(time)));
    x = np.add(x, dense(w, `${at}.attn.c_proj`, mixed));
    const inner = nn.gelu(dense(w, `${at}.mlp.c_fc`, layerNorm(w, `${at}.ln_2`, x.ref)));
    x = np.add(x, dense(w, `${at}.mlp.c_proj`, inner));
  }
  return np.matmul(layerNorm(w, "ln_f", x), w["wte.weight"].ref.transpose());
}

/** BERT with a masked-word head tied to the embedding. */
export function bert(
  w: W,
  tokens: np.Array,
  heads: number,
  layers: number,
  tap = (last: np.Array): np.Array => last,
): np.Array {
  const table = (name: string) => w[`bert.embeddings.${name}.weight`].ref;
  const words = np.matmul(tokens, table("word_embeddings"));
  const segment = np.sum(np.multiply(table("token_type_embeddings"), np.array([[1], [0]])), 0);
  const sum = np.add(np.add(words, table("position_embeddings")), segment);
  let x = layerNorm(w, "bert.embeddings.LayerNorm", sum);
  for (let i = 0; i < layers; i++) {
    const at = `bert.encoder.layer.${i}`;
    const [q, k, v] = ["query", "key", "value"].map((part) =>
      splitHeads(linear(w, `${at}.attention.self.${part}`, x.ref), heads),
    );
    const mixed = linear(w, `${at}.attention.output.dense`, mergeHeads(attend(q, k, v)));
    x = layerNorm(w, `${at}.attention.output.LayerNorm`, np.add(x, mixed));
    const inner = nn.gelu(linear(w, `${at}.intermediate.dense`, x.ref));
    x = layerNorm(w, `${at}.output.LayerNorm`, np.add(x, linear(w, `${at}.output.dense`, inner)));
  }
  const head = "cls.predictions";
  const moved = nn.gelu(linear(w, `${head}.transform.dense`, tap(x)));
  const scores = np.matmul(
    layerNorm(w, `${head}.transform.LayerNorm`, moved),
    table("word_embeddings").transpose(),
  );
  return np.add(scores, w[`${head}.bias`].ref);
}

/** Llama: grouped queries, rotated by half. */
export function llama(
  w: W,
  tokens: np.Array,
  heads: number,
  groups: number,
  layers: number,
): np.Array {
  let x = np.matmul(tokens, w["model.embed_tokens.weight"].ref);
  for (let i = 0; i < layers; i++) {
    const at = `model.layers.${i}`;
    const h = rmsNorm(w, `${at}.input_layernorm`, x.ref);
    const project = (part: string, many: number) =>
      splitHeads(linear(w, `${at}.self_attn.${part}_proj`, h.ref), many);
    const share = (y: np.Array) => np.repeat(y, heads / groups, 1);
    const q = rotate(project("q", heads));
    const k = share(rotate(project("k", groups)));
    const v = share(project("v", groups));
    h.dispose();
    x = np.add(x, linear(w, `${at}.self_attn.o_proj`, mergeHeads(attend(q, k, v))));
    const y = rmsNorm(w, `${at}.post_attention_layernorm`, x.ref);
    const gate = nn.silu(linear(w, `${at}.mlp.gate_proj`, y.ref));
    const up = linear(w, `${at}.mlp.up_proj`, y);
    x = np.add(x, linear(w, `${at}.mlp.down_proj`, np.multiply(gate, up)));
  }
  return linear(w, "lm_head", rmsNorm(w, "model.norm", x));
}

/** ViT in the names of timm: fused qkv, a class token. */
export function vit(w: W, image: np.Array, heads: number, layers: number): np.Array {
  const [batch] = image.shape;
  const kernel = w["patch_embed.proj.weight"];
  const patch = kernel.shape[2];
  const cut = lax.convGeneralDilated(image, kernel.ref, [patch, patch], "VALID");
  const d = cut.shape[1];
  const bias = w["patch_embed.proj.bias"].ref.reshape([1, d, 1, 1]);
  const tokens = np.add(cut, bias).reshape([batch, d, -1]).transpose([0, 2, 1]);
  const first = np.broadcastTo(w["cls_token"].ref, [batch, 1, d]);
  let x = np.add(np.concatenate([first, tokens], 1), w["pos_embed"].ref);
  const time = x.shape[1];
  for (let i = 0; i < layers; i++) {
    const at = `blocks.${i}`;
    const size = d / heads;
    const fused = linear(w, `${at}.attn.qkv`, layerNorm(w, `${at}.norm1`, x.ref));
    const parts = np.split(
      fused.reshape([batch, time, 3, heads, size]).transpose([2, 0, 3, 1, 4]),
      3,
      0,
    );
    const [q, k, v] = parts.map((part) => part.reshape([batch, heads, time, size]));
    x = np.add(x, linear(w, `${at}.attn.proj`, mergeHeads(attend(q, k, v))));
    const inner = nn.gelu(linear(w, `${at}.mlp.fc1`, layerNorm(w, `${at}.norm2`, x.ref)));
    x = np.add(x, linear(w, `${at}.mlp.fc2`, inner));
  }
  const classToken = x.slice([], 0, []);
  return linear(w, "head", layerNorm(w, "norm", classToken));
}

/** Two stages of bottleneck blocks in the names of torchvision; `groups` splits the middle convolution. */
export function resnet(w: W, image: np.Array, groups: number): np.Array {
  const step = (conv1: string, norm: string, x: np.Array, stride = 1, many = 1) =>
    batchNorm(w, norm, conv(w, conv1, x, stride, many));
  let x = nn.relu(step("conv1", "bn1", image));
  for (const at of ["layer1.0", "layer1.1", "layer2.0"]) {
    const stride = at === "layer2.0" ? 2 : 1;
    const first = nn.relu(step(`${at}.conv1`, `${at}.bn1`, x.ref));
    const second = nn.relu(step(`${at}.conv2`, `${at}.bn2`, first, stride, groups));
    const third = step(`${at}.conv3`, `${at}.bn3`, second);
    const shortcut =
      w[`${at}.downsample.0.weight`] === undefined
        ? x
        : step(`${at}.downsample.0`, `${at}.downsample.1`, x, stride);
    x = nn.relu(np.add(third, shortcut));
  }
  return linear(w, "fc", np.mean(x, [2, 3]));
}
