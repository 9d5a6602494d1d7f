// Tensor names and shapes of small models of every family, as their files list them.

import type { NamedShape } from "../../../src/infer/names/template.ts";

type Entry = readonly [name: string, ...shape: number[]];

const list = (entries: readonly Entry[]): NamedShape[] =>
  entries.map(([name, ...shape]) => ({ name, shape }));

const norm = (name: string, size: number): Entry[] => [
  [`${name}.weight`, size],
  [`${name}.bias`, size],
];

/** A weight [out, in] with its bias. */
const linear = (name: string, to: number, from: number): Entry[] => [
  [`${name}.weight`, to, from],
  [`${name}.bias`, to],
];

/** The same in the layout of Conv1D. */
const conv1d = (name: string, to: number, from: number): Entry[] => [
  [`${name}.weight`, from, to],
  [`${name}.bias`, to],
];

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

export const gpt2Tensors = (layers = 2, d = 12, ff = 17, prefix = ""): NamedShape[] =>
  list([
    [`${prefix}wte.weight`, 11, d],
    [`${prefix}wpe.weight`, 5, d],
    ...range(layers).flatMap((i): Entry[] => [
      ...norm(`${prefix}h.${i}.ln_1`, d),
      ...conv1d(`${prefix}h.${i}.attn.c_attn`, 3 * d, d),
      ...conv1d(`${prefix}h.${i}.attn.c_proj`, d, d),
      ...norm(`${prefix}h.${i}.ln_2`, d),
      ...conv1d(`${prefix}h.${i}.mlp.c_fc`, ff, d),
      ...conv1d(`${prefix}h.${i}.mlp.c_proj`, d, ff),
    ]),
    ...norm(`${prefix}ln_f`, d),
  ]);

export const bertTensors = (layers = 2, d = 12, ff = 17): NamedShape[] =>
  list([
    ["bert.embeddings.word_embeddings.weight", 11, d],
    ["bert.embeddings.position_embeddings.weight", 5, d],
    ["bert.embeddings.token_type_embeddings.weight", 2, d],
    ...norm("bert.embeddings.LayerNorm", d),
    ...range(layers).flatMap((i): Entry[] => {
      const at = `bert.encoder.layer.${i}`;
      return [
        ...["query", "key", "value"].flatMap((part) =>
          linear(`${at}.attention.self.${part}`, d, d),
        ),
        ...linear(`${at}.attention.output.dense`, d, d),
        ...norm(`${at}.attention.output.LayerNorm`, d),
        ...linear(`${at}.intermediate.dense`, ff, d),
        ...linear(`${at}.output.dense`, d, ff),
        ...norm(`${at}.output.LayerNorm`, d),
      ];
    }),
    ["cls.predictions.bias", 11],
    ...linear("cls.predictions.transform.dense", d, d),
    ...norm("cls.predictions.transform.LayerNorm", d),
  ]);

export const llamaTensors = (layers = 2, d = 12, heads = 6, groups = 3, size = 4): NamedShape[] =>
  list([
    ["model.embed_tokens.weight", 11, d],
    ...range(layers).flatMap((i): Entry[] => {
      const at = `model.layers.${i}`;
      return [
        [`${at}.input_layernorm.weight`, d],
        [`${at}.self_attn.q_proj.weight`, heads * size, d],
        [`${at}.self_attn.k_proj.weight`, groups * size, d],
        [`${at}.self_attn.v_proj.weight`, groups * size, d],
        [`${at}.self_attn.o_proj.weight`, d, heads * size],
        [`${at}.post_attention_layernorm.weight`, d],
        [`${at}.mlp.gate_proj.weight`, 17, d],
        [`${at}.mlp.up_proj.weight`, 17, d],
        [`${at}.mlp.down_proj.weight`, d, 17],
      ];
    }),
    ["model.norm.weight", d],
    ["lm_head.weight", 11, d],
  ]);

export const vitTensors = (layers = 2, d = 12, ff = 17): NamedShape[] =>
  list([
    ["cls_token", 1, 1, d],
    ["pos_embed", 1, 5, d],
    ["patch_embed.proj.weight", d, 3, 4, 4],
    ["patch_embed.proj.bias", d],
    ...range(layers).flatMap((i): Entry[] => [
      ...norm(`blocks.${i}.norm1`, d),
      ...linear(`blocks.${i}.attn.qkv`, 3 * d, d),
      ...linear(`blocks.${i}.attn.proj`, d, d),
      ...norm(`blocks.${i}.norm2`, d),
      ...linear(`blocks.${i}.mlp.fc1`, ff, d),
      ...linear(`blocks.${i}.mlp.fc2`, d, ff),
    ]),
    ...norm("norm", d),
    ...linear("head", 5, d),
  ]);

const batchNorm = (name: string, size: number): Entry[] => [
  ...norm(name, size),
  [`${name}.running_mean`, size],
  [`${name}.running_var`, size],
];

/** Three bottleneck blocks, of which the first and the last have a shortcut convolution. */
export const resnetTensors = (groups = 1): NamedShape[] =>
  list([
    ["conv1.weight", 6, 3, 3, 3],
    ...batchNorm("bn1", 6),
    ...(
      [
        ["layer1.0", 6, 8, 9],
        ["layer1.1", 9, 8, 9],
        ["layer2.0", 9, 10, 14],
      ] as const
    ).flatMap(([at, from, inner, to]): Entry[] => [
      [`${at}.conv1.weight`, inner, from, 1, 1],
      ...batchNorm(`${at}.bn1`, inner),
      [`${at}.conv2.weight`, inner, inner / groups, 3, 3],
      ...batchNorm(`${at}.bn2`, inner),
      [`${at}.conv3.weight`, to, inner, 1, 1],
      ...batchNorm(`${at}.bn3`, to),
      ...(from === to
        ? []
        : ([
            [`${at}.downsample.0.weight`, to, from, 1, 1],
            ...batchNorm(`${at}.downsample.1`, to),
          ] as Entry[])),
    ]),
    ...linear("fc", 5, 14),
  ]);

export const mlpTensors = list([
  ...linear("fc1", 11, 7),
  ...linear("fc2", 13, 11),
  ...linear("fc3", 5, 13),
]);

export const cnnTensors = list([
  ["conv1.weight", 6, 3, 3, 3],
  ["conv1.bias", 6],
  ["conv2.weight", 9, 6, 3, 3],
  ["conv2.bias", 9],
  ...linear("fc1", 10, 9 * 16),
  ...linear("fc2", 5, 10),
]);

export const gruTensors = list([
  ["rnn.weight_ih_l0", 21, 6],
  ["rnn.weight_hh_l0", 21, 7],
  ["rnn.bias_ih_l0", 21],
  ["rnn.bias_hh_l0", 21],
  ...linear("fc", 4, 7),
]);
