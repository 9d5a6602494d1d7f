// Recurrent networks in the layout of torch.nn (stacked gates, layers numbered l0, l1, ...) with one linear read-out. Only
// used when asked for: the names do not say what else may lie between.

import { type SpecBuilder, prefixBefore, type Template } from "../template.ts";

const anchor = "weight_hh_l0";

function read(builder: SpecBuilder, gates: number): void {
  const prefix = prefixBefore(builder.names, anchor) ?? "";
  let below: string | null = null;
  let layer = 0;
  for (; layer === 0 || builder.has(`${prefix}weight_hh_l${layer}`); layer++) {
    const recurrent = builder.shape(`${prefix}weight_hh_l${layer}`, 2);
    const input = builder.shape(`${prefix}weight_ih_l${layer}`, 2);
    if (recurrent === null || input === null) return;
    if (recurrent[0] !== gates * recurrent[1])
      return builder.problem(
        `tensor "${prefix}weight_hh_l${layer}": expected ${gates} gates of ${recurrent[1]} rows, got ${recurrent[0]} rows`,
        `${prefix}weight_hh_l${layer}`,
      );
    below ??= builder.axis("in", input[1], { group: "fixed" });
    const hidden = builder.axis(`h${layer}`, recurrent[1]);
    const stacked = gates === 1 ? hidden : `${gates} * ${hidden}`;
    builder.assign(`${prefix}weight_ih_l${layer}`, [stacked, below]);
    builder.assign(`${prefix}weight_hh_l${layer}`, [stacked, hidden]);
    for (const bias of ["bias_ih", "bias_hh"])
      builder.assignIf(`${prefix}${bias}_l${layer}`, [stacked]);
    below = hidden;
  }
  const last = `h${layer - 1}`;
  const heads = builder.names.filter(
    (name) =>
      name.endsWith(".weight") &&
      builder.peek(name)?.length === 2 &&
      !name.startsWith(`${prefix}weight`),
  );
  if (heads.length === 1) {
    const [head] = heads;
    const out = builder.axis("out", builder.peek(head)?.[0] ?? 1, { group: "fixed" });
    builder.assign(head, [out, last]);
    builder.assignIf(head.replace(/weight$/, "bias"), [out]);
  } else if (heads.length === 0) {
    builder.fix(last);
    builder.warn(`no read-out among the tensors: "${last}" is the model's output and fixed`);
  }
}

const family = (name: string, gates: number): Template => ({
  family: name,
  covers: `torch.nn.${name.toUpperCase()} in one direction with one linear read-out`,
  optIn: true,
  modelTypes: [],
  read: (builder) => read(builder, gates),
});

export const rnn: Template = family("rnn", 1);
export const gru: Template = family("gru", 3);
export const lstm: Template = family("lstm", 4);
