// Vision Transformers (Dosovitskiy et al. 2021): names of Hugging Face, timm (fused qkv) and torchvision. The image patches
// and their positions are inputs, so only the residual, head and feed-forward axes move.

import { attentionAxes, settleHeadless, warnWithoutHeads } from "./attention.ts";
import { countLayers, type Desk, prefixBefore, type Template } from "./template.ts";

interface Style {
  readonly patch: string;
  /** The table of positions; a file without it places its patches in some other way. */
  readonly positions: string;
  /** Single vectors beside the patches, with two leading dimensions as well. */
  readonly tables: readonly string[];
  readonly layers: string;
  readonly norms: readonly string[];
  /** Query, key and value one by one, or one fused name; then [weight, bias] suffixes. */
  readonly projections: readonly string[];
  readonly suffixes: readonly [weight: string, bias: string];
  readonly out: string;
  readonly feedForward: readonly (readonly [up: string, down: string])[];
  readonly finalNorms: readonly string[];
  readonly head: string;
}

const plain = [".weight", ".bias"] as const;

const styles: readonly Style[] = [
  {
    patch: "embeddings.patch_embeddings.projection",
    positions: "embeddings.position_embeddings",
    tables: ["embeddings.cls_token", "embeddings.distillation_token"],
    layers: "encoder.layer.",
    norms: ["layernorm_before", "layernorm_after"],
    projections: ["query", "key", "value"].map((part) => `attention.attention.${part}`),
    suffixes: plain,
    out: "attention.output.dense",
    feedForward: [["intermediate.dense", "output.dense"]],
    finalNorms: ["layernorm"],
    head: "classifier",
  },
  {
    patch: "patch_embed.proj",
    positions: "pos_embed",
    tables: ["cls_token", "dist_token", "reg_token"],
    layers: "blocks.",
    norms: ["norm1", "norm2"],
    projections: ["attn.qkv"],
    suffixes: plain,
    out: "attn.proj",
    feedForward: [["mlp.fc1", "mlp.fc2"]],
    finalNorms: ["norm", "norm_pre", "fc_norm"],
    head: "head",
  },
  {
    patch: "conv_proj",
    positions: "encoder.pos_embedding",
    tables: ["class_token"],
    layers: "encoder.layers.encoder_layer_",
    norms: ["ln_1", "ln_2"],
    projections: ["self_attention.in_proj"],
    suffixes: ["_weight", "_bias"],
    out: "self_attention.out_proj",
    feedForward: [
      ["mlp.linear_1", "mlp.linear_2"],
      ["mlp.0", "mlp.3"],
    ],
    finalNorms: ["encoder.ln"],
    head: "heads.head",
  },
];

const styleOf = (names: Iterable<string>): Style | undefined => {
  const all = [...names];
  return styles.find(
    ({ patch, layers, norms }) =>
      prefixBefore(all, `${patch}.weight`) !== null &&
      prefixBefore(all, `${layers}0.${norms[0]}.weight`) !== null,
  );
};

function read(desk: Desk): void {
  const style = styleOf(desk.names) ?? styles[0];
  const prefix = prefixBefore(desk.names, `${style.patch}.weight`) ?? "";
  const patch = desk.shape(`${prefix}${style.patch}.weight`, 4);
  if (patch === null) return;
  const d = desk.axis("residual", patch[0]);
  const channels = desk.axis("channel", patch[1], { group: "fixed" });
  desk.claim(`${prefix}${style.patch}.weight`, [d, channels, `${patch[2]}`, `${patch[3]}`]);
  desk.claimIf(`${prefix}${style.patch}.bias`, [d]);
  for (const name of [style.positions, ...style.tables]) {
    if (name !== style.positions && !desk.has(prefix + name)) continue;
    const shape = desk.shape(prefix + name, 3);
    if (shape !== null) desk.claim(prefix + name, [`${shape[0]}`, `${shape[1]}`, d]);
  }
  const layers = countLayers(desk.names, prefix + style.layers);
  for (let i = 0; i < layers; i++) readLayer(desk, style, `${prefix}${style.layers}${i}`, i, d);
  const norms = style.finalNorms.filter((name) => desk.has(`${prefix}${name}.weight`));
  if (norms.length === 0)
    desk.problem("no normalisation after the last layer is among the tensors");
  for (const name of norms) for (const part of plain) desk.claim(prefix + name + part, [d]);
  readHead(desk, style, prefix, d);
  warnWithoutHeads(desk);
}

function readLayer(desk: Desk, style: Style, at: string, i: number, d: string): void {
  const [weight, bias] = style.suffixes;
  const fused = style.projections.length === 1;
  const rows = desk.shape(`${at}.${style.projections[0]}${weight}`, 2)?.[0];
  const pair = style.feedForward.find(([up]) => desk.has(`${at}.${up}.weight`));
  const inner = pair && desk.shape(`${at}.${pair[0]}.weight`, 2);
  if (rows === undefined) return;
  if (fused && rows % 3 !== 0)
    return desk.problem(
      `layer "${at}" has ${rows} rows of queries, keys and values, not a multiple of 3`,
    );
  if (pair === undefined || !inner)
    return desk.problem(`layer "${at}" has no feed-forward tensor "${style.feedForward[0][0]}"`);
  const { q, k, v, o } = attentionAxes(desk, `layer${i}`, { query: fused ? rows / 3 : rows });
  const outputs = fused ? [`${q} + ${k} + ${v}`] : [q, k, v];
  const linear = (name: string, to: string, from: string, [w, b]: readonly string[] = plain) => {
    desk.claim(name + w, [to, from]);
    desk.claimIf(name + b, [to]);
  };
  for (const [part, name] of style.projections.entries())
    linear(`${at}.${name}`, outputs[part], d, [weight, bias]);
  linear(`${at}.${style.out}`, d, o);
  const ff = desk.axis(`layer${i}.ff`, inner[0]);
  linear(`${at}.${pair[0]}`, ff, d);
  linear(`${at}.${pair[1]}`, d, ff);
  for (const norm of style.norms) for (const part of plain) desk.claim(`${at}.${norm}${part}`, [d]);
  for (const scale of ["ls1.gamma", "ls2.gamma"]) desk.claimIf(`${at}.${scale}`, [d]);
}

function readHead(desk: Desk, style: Style, prefix: string, d: string): void {
  const heads = [...new Set([style.head, prefix + style.head, `${prefix}head_dist`])].filter(
    (name) => desk.has(`${name}.weight`),
  );
  for (const name of heads) {
    const [size] = desk.shape(`${name}.weight`, 2) ?? [1];
    const classes = desk.axis("class", size, { group: "fixed" });
    desk.claim(`${name}.weight`, [classes, d]);
    desk.claimIf(`${name}.bias`, [classes]);
  }
  if (heads.length > 0) return;
  settleHeadless(desk, d, false);
  const pooler = `${prefix}pooler.dense`;
  if (!desk.has(`${pooler}.weight`)) return;
  const [size] = desk.shape(`${pooler}.weight`, 2) ?? [1];
  const pooled = desk.axis("pooled", size, { group: "fixed" });
  desk.claim(`${pooler}.weight`, [pooled, d]);
  desk.claim(`${pooler}.bias`, [pooled]);
}

export const vit: Template = {
  family: "vit",
  covers: "ViT and DeiT: names of Hugging Face, timm (fused qkv) and torchvision",
  optIn: false,
  modelTypes: ["vit", "deit"],
  matches: (names) => styleOf(names) !== undefined,
  read,
};
