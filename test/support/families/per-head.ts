// Decoders whose fused matrix holds queries, keys and values group by group (GPT-NeoX, BLOOM, Falcon), OPT, and one under the
// names of GGUF files.

import { nn, numpy as np } from "@jax-js/jax";
import type { NamedShape } from "../../../src/infer/names/template.ts";
import {
  attend,
  causalMask,
  layerNorm,
  linear,
  mergeHeads,
  rotate,
  splitHeads,
  type W,
} from "../graphs/traced-layers.ts";
import { llama } from "../graphs/traced-models.ts";
import { llamaTensors } from "../files/model-tensors.ts";
import { linearOf, listed, matrixOf, normOf, numbers } from "./tensors.ts";

const d = 12;
const size = 4;
const ff = 17;
const words = 11;
const layers = 2;

export interface PerHead {
  readonly heads: number;
  readonly groups: number;
  readonly embedding: string;
  readonly final: string;
  readonly head: string;
  readonly at: string;
  readonly attention: string;
  /** Norms in front of attention and feed-forward; the same name twice where both read one. */
  readonly norms: readonly [string, string];
  /** A norm behind the embedding. */
  readonly stem?: string;
  /** Both parts of a layer read the stream at once. */
  readonly parallel: boolean;
  /** Positions turn queries and keys, or every head weighs distances by a slope of its own. */
  readonly positions: "turned" | "slopes";
}

export const neox: PerHead = {
  heads: 3,
  groups: 3,
  embedding: "gpt_neox.embed_in",
  final: "gpt_neox.final_layer_norm",
  head: "embed_out",
  at: "gpt_neox.layers",
  attention: "attention",
  norms: ["input_layernorm", "post_attention_layernorm"],
  parallel: true,
  positions: "turned",
};

export const bloom: PerHead = {
  heads: 3,
  groups: 3,
  embedding: "transformer.word_embeddings",
  final: "transformer.ln_f",
  head: "lm_head",
  at: "transformer.h",
  attention: "self_attention",
  norms: ["input_layernorm", "post_attention_layernorm"],
  stem: "transformer.word_embeddings_layernorm",
  parallel: false,
  positions: "slopes",
};

const { stem: _, ...withoutStem } = bloom;

/** One key and value for all queries. */
export const falcon: PerHead = {
  ...withoutStem,
  groups: 1,
  norms: ["input_layernorm", "input_layernorm"],
  parallel: true,
  positions: "turned",
};

/** Groups of two queries that share a key and a value. */
export const groupedFalcon: PerHead = {
  ...falcon,
  heads: 6,
  groups: 3,
  norms: ["ln_attn", "ln_mlp"],
};

export function perHeadTensors(kind: PerHead): NamedShape[] {
  const { heads, groups, embedding, final, head, at, attention, norms, stem } = kind;
  return listed(
    matrixOf(embedding, words, d),
    ...(stem === undefined ? [] : [normOf(stem, d)]),
    normOf(final, d),
    matrixOf(head, words, d),
    ...numbers(layers).flatMap((i) => [
      ...[...new Set(norms)].map((name) => normOf(`${at}.${i}.${name}`, d)),
      linearOf(`${at}.${i}.${attention}.query_key_value`, (heads + 2 * groups) * size, d),
      linearOf(`${at}.${i}.${attention}.dense`, d, heads * size),
      linearOf(`${at}.${i}.mlp.dense_h_to_4h`, ff, d),
      linearOf(`${at}.${i}.mlp.dense_4h_to_h`, d, ff),
    ]),
  );
}

/** Scores of distances, [heads, time, time]: head h weighs them by 2^-h. */
const slopes = (heads: number, time: number): np.Array =>
  np
    .array(
      numbers(heads * time * time).map((i) => {
        const [from, to] = [Math.floor(i / time) % time, i % time];
        return (to - from) * 2 ** -Math.floor(i / (time * time));
      }),
    )
    .reshape([heads, time, time]);

export function perHead(w: W, tokens: np.Array, kind: PerHead): np.Array {
  const { heads, groups, embedding, final, head, stem, norms, parallel, positions } = kind;
  const [batch, time] = tokens.shape;
  const shared = heads / groups;
  let x = np.matmul(tokens, w[`${embedding}.weight`].ref);
  if (stem !== undefined) x = layerNorm(w, stem, x);
  for (const i of numbers(layers)) {
    const at = `${kind.at}.${i}`;
    const own = linear(
      w,
      `${at}.${kind.attention}.query_key_value`,
      layerNorm(w, `${at}.${norms[0]}`, x.ref),
    ).reshape([batch, time, groups, shared + 2, size]);
    const [q, k, v] = np
      .split(own, [shared, shared + 1], 3)
      .map((part) => splitHeads(part.reshape([batch, time, -1]), part.shape[2] * part.shape[3]));
    const turn = (y: np.Array) => (positions === "turned" ? rotate(y) : y);
    const mask =
      positions === "turned" ? causalMask(time) : np.add(causalMask(time), slopes(heads, time));
    const many = (y: np.Array) => np.repeat(y, shared, 1);
    const mixed = linear(
      w,
      `${at}.${kind.attention}.dense`,
      mergeHeads(attend(turn(q), many(turn(k)), many(v), mask)),
    );
    const feed = (y: np.Array) => {
      const inner = nn.gelu(
        linear(w, `${at}.mlp.dense_h_to_4h`, layerNorm(w, `${at}.${norms[1]}`, y)),
      );
      return linear(w, `${at}.mlp.dense_4h_to_h`, inner);
    };
    if (parallel) x = np.add(np.add(x.ref, mixed), feed(x));
    else {
      x = np.add(x, mixed);
      x = np.add(x.ref, feed(x));
    }
  }
  return linear(w, head, layerNorm(w, final, x));
}

const narrow = 9;

/** OPT whose words are narrower than its stream. */
export const optTensors = listed(
  matrixOf("model.decoder.embed_tokens", words, narrow),
  matrixOf("model.decoder.embed_positions", 5, d),
  matrixOf("model.decoder.project_in", d, narrow),
  matrixOf("model.decoder.project_out", narrow, d),
  ...numbers(layers).flatMap((i) => {
    const at = `model.decoder.layers.${i}`;
    return [
      ...["q_proj", "k_proj", "v_proj", "out_proj"].map((part) =>
        linearOf(`${at}.self_attn.${part}`, d, d),
      ),
      normOf(`${at}.self_attn_layer_norm`, d),
      linearOf(`${at}.fc1`, ff, d),
      linearOf(`${at}.fc2`, d, ff),
      normOf(`${at}.final_layer_norm`, d),
    ];
  }),
);

/** The function of `optTensors`: norms behind both parts of a layer, the embedding is the output matrix. */
export function opt(w: W, tokens: np.Array): np.Array {
  const table = w["model.decoder.embed_tokens.weight"];
  let x = np.add(
    linear(w, "model.decoder.project_in", np.matmul(tokens, table.ref)),
    w["model.decoder.embed_positions.weight"].ref,
  );
  for (const i of numbers(layers)) {
    const at = `model.decoder.layers.${i}`;
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((part) =>
      splitHeads(linear(w, `${at}.self_attn.${part}`, x.ref), d / size),
    );
    const mixed = mergeHeads(attend(q, k, v, causalMask(5)));
    x = np.add(x, linear(w, `${at}.self_attn.out_proj`, mixed));
    x = layerNorm(w, `${at}.self_attn_layer_norm`, x);
    const inner = nn.gelu(linear(w, `${at}.fc1`, x.ref));
    x = layerNorm(w, `${at}.final_layer_norm`, np.add(x, linear(w, `${at}.fc2`, inner)));
  }
  return np.matmul(linear(w, "model.decoder.project_out", x), table.ref.transpose());
}

const ggufNames: readonly (readonly [RegExp, string])[] = [
  [/^model\.embed_tokens\./, "token_embd."],
  [/^model\.norm\./, "output_norm."],
  [/^lm_head\./, "output."],
  [/^model\.layers\.(\d+)\./, "blk.$1."],
  [/\.input_layernorm\./, ".attn_norm."],
  [/\.post_attention_layernorm\./, ".ffn_norm."],
  [/\.self_attn\.o_proj\./, ".attn_output."],
  [/\.self_attn\.([qkv])_proj\./, ".attn_$1."],
  [/\.mlp\.(gate|up|down)_proj\./, ".ffn_$1."],
];

const inGguf = (name: string): string =>
  ggufNames.reduce((text, [from, to]) => text.replace(from, to), name);

/** Llama under the names of GGUF files. */
export const ggufTensors = llamaTensors().map(({ name, shape }) => ({ name: inGguf(name), shape }));

export const ggufLlama = (w: W, tokens: np.Array): np.Array => {
  const own = llamaTensors().map(({ name }) => [name, w[inGguf(name)]] as const);
  return llama(Object.fromEntries(own), tokens, 6, 3, 2);
};
