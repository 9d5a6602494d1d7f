// BERT (Devlin et al. 2018) and RoBERTa as Hugging Face stores them, with the heads for masked words, next sentences,
// classification, tokens and answers. A masked-word head reads the word embedding, so its space is the residual one.

import { attentionAxes, settleHeadless, warnWithoutHeads } from "./attention.ts";
import { countLayers, type Desk, prefixBefore, type Template } from "./template.ts";

const anchor = "embeddings.word_embeddings.weight";

function read(desk: Desk): void {
  const prefix = prefixBefore(desk.names, anchor) ?? "";
  const table = desk.shape(prefix + anchor, 2);
  if (table === null) return;
  const d = desk.axis("residual", table[1]);
  const vocabulary = desk.axis("vocabulary", table[0], { group: "fixed" });
  const norm = (name: string) => {
    const [scale, shift] = desk.has(`${name}.gamma`) ? ["gamma", "beta"] : ["weight", "bias"];
    desk.claim(`${name}.${scale}`, [d]);
    desk.claim(`${name}.${shift}`, [d]);
  };
  const linear = (name: string, to: string, from: string) => {
    desk.claim(`${name}.weight`, [to, from]);
    desk.claim(`${name}.bias`, [to]);
  };
  desk.claim(prefix + anchor, [vocabulary, d]);
  for (const [name, rows] of [
    ["position_embeddings", "position"],
    ["token_type_embeddings", "segment"],
  ]) {
    const found = desk.shape(`${prefix}embeddings.${name}.weight`, 2);
    if (found === null) continue;
    const axis = desk.axis(rows, found[0], { group: "fixed" });
    desk.claim(`${prefix}embeddings.${name}.weight`, [axis, d]);
  }
  norm(`${prefix}embeddings.LayerNorm`);
  for (const buffer of ["position_ids", "token_type_ids"])
    desk.ignore(`${prefix}embeddings.${buffer}`);
  const layers = countLayers(desk.names, `${prefix}encoder.layer.`);
  if (layers === 0) desk.problem(`no layer "${prefix}encoder.layer.0" is among the tensors`);
  for (let i = 0; i < layers; i++) {
    const at = `${prefix}encoder.layer.${i}`;
    const { q, k, v, o } = attentionAxes(desk, `layer${i}`, { query: table[1] });
    for (const [name, axis] of [
      ["query", q],
      ["key", k],
      ["value", v],
    ])
      linear(`${at}.attention.self.${name}`, axis, d);
    linear(`${at}.attention.output.dense`, d, o);
    norm(`${at}.attention.output.LayerNorm`);
    const inner = desk.shape(`${at}.intermediate.dense.weight`, 2);
    if (inner === null) continue;
    const ff = desk.axis(`layer${i}.ff`, inner[0]);
    linear(`${at}.intermediate.dense`, ff, d);
    linear(`${at}.output.dense`, d, ff);
    norm(`${at}.output.LayerNorm`);
  }
  readHeads(desk, prefix, d, vocabulary, linear, norm);
  warnWithoutHeads(desk);
}

function readHeads(
  desk: Desk,
  prefix: string,
  d: string,
  vocabulary: string,
  linear: (name: string, to: string, from: string) => void,
  norm: (name: string) => void,
): void {
  const outputs = (name: string) =>
    desk.axis(name, desk.shape(`${name}.weight`, 2)?.[0] ?? 1, { group: "fixed" });
  let read = false;
  for (const [dense, layerNorm, decoder, biases] of [
    [
      "cls.predictions.transform.dense",
      "cls.predictions.transform.LayerNorm",
      "cls.predictions.decoder",
      ["cls.predictions.bias", "cls.predictions.decoder.bias"],
    ],
    [
      "lm_head.dense",
      "lm_head.layer_norm",
      "lm_head.decoder",
      ["lm_head.bias", "lm_head.decoder.bias"],
    ],
  ] as const) {
    if (!desk.has(`${dense}.weight`)) continue;
    read = true;
    linear(dense, d, d);
    norm(layerNorm);
    desk.claimIf(`${decoder}.weight`, [vocabulary, d]);
    for (const bias of biases) desk.claimIf(bias, [vocabulary]);
  }
  const dense = `${prefix}pooler.dense`;
  const heads = ["cls.seq_relationship", "classifier", "qa_outputs"].filter((name) =>
    desk.has(`${name}.weight`),
  );
  const pooler = desk.has(`${dense}.weight`) ? desk.shape(`${dense}.weight`, 2) : null;
  if (pooler !== null) {
    // A classifier beside a pooler reads the pooled vector or, in files of older versions, every token: moving both
    // spaces alike is a symmetry either way.
    const unsure = heads.includes("classifier");
    const pooled = unsure ? d : desk.axis("pooled", pooler[0], { scale: "sign" });
    linear(dense, pooled, d);
    if (unsure)
      desk.warn(
        `"classifier" may read the pooled vector or the tokens: both spaces are moved together`,
      );
    if (heads.includes("cls.seq_relationship"))
      linear("cls.seq_relationship", outputs("cls.seq_relationship"), unsure ? d : `${pooled}^-1`);
    else if (!unsure) desk.fix(pooled);
  }
  for (const name of heads) if (name !== "cls.seq_relationship") linear(name, outputs(name), d);
  // RoBERTa classifies from the first token, without a pooler.
  if (desk.has("classifier.dense.weight") && desk.has("classifier.out_proj.weight")) {
    const [size] = desk.shape("classifier.dense.weight", 2) ?? [1];
    const hidden = desk.axis("classifier.hidden", size, { scale: "sign" });
    linear("classifier.dense", hidden, d);
    linear("classifier.out_proj", outputs("classifier.out_proj"), `${hidden}^-1`);
    read = true;
  }
  if (!read && heads.length === 0) settleHeadless(desk, d, false);
}

export const bert: Template = {
  family: "bert",
  covers: "BERT and RoBERTa as Hugging Face stores them, with the usual heads",
  optIn: false,
  modelTypes: ["bert", "roberta", "xlm-roberta", "camembert"],
  matches: (names) =>
    prefixBefore(names, anchor) !== null &&
    prefixBefore(names, "encoder.layer.0.attention.self.query.weight") !== null,
  read,
};
