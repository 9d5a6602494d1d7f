// GPT-2 (Radford et al. 2019): fused query/key/value, weights [in, out] as Hugging Face stores them or [out, in] as nanoGPT
// does, told apart by the fused matrix. The token embedding is usually the output matrix too.

import { attentionAxes, settleHeadless, warnWithoutHeads } from "./attention.ts";
import { countLayers, type Desk, prefixBefore, type Template } from "./template.ts";

function read(desk: Desk): void {
  const prefix = prefixBefore(desk.names, "wte.weight") ?? "";
  const table = desk.shape(`${prefix}wte.weight`, 2);
  const places = desk.shape(`${prefix}wpe.weight`, 2);
  if (table === null || places === null) return;
  const d = desk.axis("residual", table[1]);
  const vocabulary = desk.axis("vocabulary", table[0], { group: "fixed" });
  desk.claim(`${prefix}wte.weight`, [vocabulary, d]);
  desk.claim(`${prefix}wpe.weight`, [desk.axis("position", places[0], { group: "fixed" }), d]);
  const layers = countLayers(desk.names, `${prefix}h.`);
  if (layers === 0) desk.problem(`no layer "${prefix}h.0" is among the tensors`);
  for (let i = 0; i < layers; i++) {
    const at = `${prefix}h.${i}`;
    const fused = desk.shape(`${at}.attn.c_attn.weight`, 2);
    if (fused === null) continue;
    const outputFirst = fused[0] === 3 * fused[1];
    const norm = (name: string) => readNorm(desk, `${at}.${name}`, d, outputFirst);
    const linear = (name: string, from: string, to: string) => {
      desk.claim(`${at}.${name}.weight`, outputFirst ? [to, from] : [from, to]);
      if (!outputFirst) desk.claim(`${at}.${name}.bias`, [to]);
      else desk.claimIf(`${at}.${name}.bias`, [to]);
    };
    const { q, k, v, o } = attentionAxes(desk, `h${i}`, { query: table[1] });
    const inner = desk.shape(`${at}.mlp.c_fc.weight`, 2);
    if (inner === null) continue;
    const ff = desk.axis(`h${i}.ff`, inner[outputFirst ? 0 : 1]);
    norm("ln_1");
    linear("attn.c_attn", d, `${q} + ${k} + ${v}`);
    linear("attn.c_proj", o, d);
    norm("ln_2");
    linear("mlp.c_fc", d, ff);
    linear("mlp.c_proj", ff, d);
    for (const buffer of ["attn.bias", "attn.masked_bias"]) desk.ignore(`${at}.${buffer}`);
  }
  readNorm(desk, `${prefix}ln_f`, d, !desk.has(`${prefix}ln_f.bias`));
  const head = `${prefix.replace(/transformer\.$/, "")}lm_head.weight`;
  if (!desk.claimIf(head, [vocabulary, d])) settleHeadless(desk, d, true);
  warnWithoutHeads(desk);
}

/** nanoGPT may leave the shift out. */
function readNorm(desk: Desk, name: string, d: string, mayLackBias: boolean): void {
  desk.claim(`${name}.weight`, [d]);
  if (!mayLackBias || desk.has(`${name}.bias`)) desk.claim(`${name}.bias`, [d]);
}

export const gpt2: Template = {
  family: "gpt2",
  covers: "GPT-2 and DistilGPT-2 as Hugging Face stores them (Conv1D), nanoGPT (Linear)",
  optIn: false,
  modelTypes: ["gpt2"],
  matches: (names) =>
    prefixBefore(names, "wte.weight") !== null &&
    prefixBefore(names, "h.0.attn.c_attn.weight") !== null,
  read,
};
