// Llama (Touvron et al. 2023) and models built alike (Mistral, Qwen 2 and 3, Gemma 1): RMS normalisation, rotated queries and
// keys, grouped queries, gated feed-forward. Names of Hugging Face and of the original release.

import { attentionAxes, settleHeadless, warnWithoutHeads } from "./attention.ts";
import { countLayers, type Desk, prefixBefore, type Template } from "./template.ts";

interface Style {
  readonly table: string;
  readonly layers: string;
  readonly parts: Readonly<Record<"q" | "k" | "v" | "o" | "gate" | "up" | "down", string>>;
  readonly norms: readonly [attention: string, feedForward: string];
  readonly norm: string;
  readonly head: string;
}

const huggingFace: Style = {
  table: "embed_tokens.weight",
  layers: "layers.",
  parts: {
    q: "self_attn.q_proj",
    k: "self_attn.k_proj",
    v: "self_attn.v_proj",
    o: "self_attn.o_proj",
    gate: "mlp.gate_proj",
    up: "mlp.up_proj",
    down: "mlp.down_proj",
  },
  norms: ["input_layernorm", "post_attention_layernorm"],
  norm: "norm.weight",
  head: "lm_head.weight",
};

const original: Style = {
  table: "tok_embeddings.weight",
  layers: "layers.",
  parts: {
    q: "attention.wq",
    k: "attention.wk",
    v: "attention.wv",
    o: "attention.wo",
    gate: "feed_forward.w1",
    up: "feed_forward.w3",
    down: "feed_forward.w2",
  },
  norms: ["attention_norm", "ffn_norm"],
  norm: "norm.weight",
  head: "output.weight",
};

const styleOf = (names: Iterable<string>): Style | undefined => {
  const all = [...names];
  return [huggingFace, original].find(
    ({ table, layers, parts }) =>
      prefixBefore(all, table) !== null &&
      prefixBefore(all, `${layers}0.${parts.gate}.weight`) !== null,
  );
};

function read(desk: Desk): void {
  const style = styleOf(desk.names) ?? huggingFace;
  const prefix = prefixBefore(desk.names, style.table) ?? "";
  const table = desk.shape(prefix + style.table, 2);
  if (table === null) return;
  const d = desk.axis("residual", table[1]);
  const vocabulary = desk.axis("vocabulary", table[0], { group: "fixed" });
  desk.claim(prefix + style.table, [vocabulary, d]);
  const layers = countLayers(desk.names, prefix + style.layers);
  if (layers === 0) desk.problem(`no layer "${prefix}${style.layers}0" is among the tensors`);
  for (let i = 0; i < layers; i++) {
    const at = `${prefix}${style.layers}${i}`;
    const weight = (part: keyof Style["parts"]) => `${at}.${style.parts[part]}.weight`;
    const query = desk.shape(weight("q"), 2);
    const key = desk.shape(weight("k"), 2);
    const gate = desk.shape(weight("gate"), 2);
    if (query === null || key === null || gate === null) continue;
    const headSize = headSizeOf(desk, at);
    const axes = attentionAxes(desk, `layer${i}`, {
      query: query[0],
      keyValue: key[0],
      rotary: true,
      headSize,
    });
    const ff = desk.axis(`layer${i}.ff`, gate[0]);
    for (const [part, to, from] of [
      ["q", axes.q, d],
      ["k", axes.k, d],
      ["v", axes.v, d],
      ["o", d, axes.o],
      ["gate", ff, d],
      ["up", ff, d],
      ["down", d, ff],
    ] as const) {
      desk.claim(weight(part), [to, from]);
      desk.claimIf(`${at}.${style.parts[part]}.bias`, [to]);
    }
    for (const norm of style.norms) desk.claim(`${at}.${norm}.weight`, [d]);
    // One scale for every position inside a head, the same in all heads: rotation keeps those in place anyway.
    for (const norm of ["q_norm", "k_norm"])
      if (headSize !== undefined) desk.claimIf(`${at}.self_attn.${norm}.weight`, [`${headSize}`]);
    desk.ignore(`${at}.self_attn.rotary_emb.inv_freq`);
  }
  desk.claim(prefix + style.norm, [d]);
  desk.ignore("rope.freqs");
  if (!desk.claimIf(style.head, [vocabulary, d])) settleHeadless(desk, d, true);
  if (headSizeOf(desk, `${prefix}${style.layers}0`) === undefined) warnWithoutHeads(desk);
}

/** The size of a head, where normalised heads or a stored table of frequencies tell it. */
function headSizeOf(desk: Desk, layer: string): number | undefined {
  const norm = `${layer}.self_attn.q_norm.weight`;
  if (desk.has(norm)) {
    const [size] = desk.shape(norm, 1) ?? [];
    const projection = `${layer}.self_attn.q_proj.weight`;
    // As long as all queries together it may normalise over all heads, which is another model.
    return desk.has(projection) && desk.shape(projection, 2)?.[0] === size ? undefined : size;
  }
  const table = `${layer}.self_attn.rotary_emb.inv_freq`;
  const half = desk.has(table) ? desk.shape(table, 1)?.[0] : undefined;
  return half === undefined ? undefined : 2 * half;
}

export const llama: Template = {
  family: "llama",
  covers:
    "Llama, Mistral, Qwen 2 and 3, Gemma 1: names of Hugging Face and of the original release",
  optIn: false,
  modelTypes: ["llama", "mistral", "qwen2", "qwen3", "gemma", "granite"],
  matches: (names) => styleOf(names) !== undefined,
  read,
};
