// Recurrent networks in the layout of torch.nn (stacked gates, layers numbered l0, l1, ...) with one linear read-out. Only
// used when asked for: the names do not say what else may lie between.

import { type Desk, prefixBefore, type Template } from "../template.ts";

const anchor = "weight_hh_l0";

function read(desk: Desk, gates: number): void {
  const prefix = prefixBefore(desk.names, anchor) ?? "";
  let below: string | null = null;
  let layer = 0;
  for (; layer === 0 || desk.has(`${prefix}weight_hh_l${layer}`); layer++) {
    const recurrent = desk.shape(`${prefix}weight_hh_l${layer}`, 2);
    const input = desk.shape(`${prefix}weight_ih_l${layer}`, 2);
    if (recurrent === null || input === null) return;
    if (recurrent[0] !== gates * recurrent[1])
      return desk.problem(
        `tensor "${prefix}weight_hh_l${layer}": expected ${gates} gates of ${recurrent[1]} rows, got ${recurrent[0]} rows`,
        `${prefix}weight_hh_l${layer}`,
      );
    below ??= desk.axis("in", input[1], { group: "fixed" });
    const hidden = desk.axis(`h${layer}`, recurrent[1]);
    const stacked = gates === 1 ? hidden : `${gates} * ${hidden}`;
    desk.claim(`${prefix}weight_ih_l${layer}`, [stacked, below]);
    desk.claim(`${prefix}weight_hh_l${layer}`, [stacked, hidden]);
    for (const bias of ["bias_ih", "bias_hh"])
      desk.claimIf(`${prefix}${bias}_l${layer}`, [stacked]);
    below = hidden;
  }
  const last = `h${layer - 1}`;
  const heads = desk.names.filter(
    (name) =>
      name.endsWith(".weight") &&
      desk.peek(name)?.length === 2 &&
      !name.startsWith(`${prefix}weight`),
  );
  if (heads.length === 1) {
    const [head] = heads;
    const out = desk.axis("out", desk.peek(head)?.[0] ?? 1, { group: "fixed" });
    desk.claim(head, [out, last]);
    desk.claimIf(head.replace(/weight$/, "bias"), [out]);
  } else if (heads.length === 0) {
    desk.fix(last);
    desk.warn(`no read-out among the tensors: "${last}" is the model's output and fixed`);
  }
}

const family = (name: string, gates: number): Template => ({
  family: name,
  covers: `torch.nn.${name.toUpperCase()} in one direction with one linear read-out`,
  optIn: true,
  modelTypes: [],
  matches: () => false,
  read: (desk) => read(desk, gates),
});

export const rnn: Template = family("rnn", 1);
export const gru: Template = family("gru", 3);
export const lstm: Template = family("lstm", 4);
