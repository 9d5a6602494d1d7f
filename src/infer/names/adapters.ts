// What may stand beside any weight of any family: low-rank adapters, scales of number formats, masks of pruning. Its axes
// follow from those of the weight.

import { axesIn, type Reading } from "./spec-builder.ts";
import { keyStyles } from "./adapter-keys.ts";
import { isFactor } from "../../symmetry/types.ts";
import type { SpecBuilder } from "./template.ts";

/**
 * Both matrices of an adapter, as libraries name them behind the name of the layer, with the dot. Beside the network an
 * adapter has the name that PEFT gives it unless told otherwise.
 */
const lowRank = keyStyles.flatMap(({ endings: { down = [], up = [] }, embedding }) =>
  embedding ? [] : down.map((ending, i) => [ending, up[i]].map(named) as [string, string]),
);

function named(ending: string): string {
  return ending.replace("{adapter}", "default");
}

/** Scales of one row each, or of the whole tensor, behind the name of the weight. */
const scales = ["_scale", "_scales", ".scale", ".SCB"] as const;

/** The dimensions of a weight. */
interface Layer {
  readonly to: { readonly text: string; readonly size: number };
  readonly from: { readonly text: string; readonly size: number };
}

/** Assigns axes to adapters and scales of the weights that a template has assigned. */
export function readBeside(builder: SpecBuilder, { axes, assigned }: Reading): void {
  for (const [name, texts] of Array.from(assigned)) {
    if (!name.endsWith(".weight") || texts.length !== 2) continue;
    const layer = name.slice(0, -"weight".length);
    const shape = builder.peek(name) ?? [];
    const bias = assigned.get(`${layer}bias`);
    const isReversed = bias !== undefined && bias[0] !== texts[0]; // [from, to], as Conv1D has it
    const [to, from] = (isReversed ? [1, 0] : [0, 1]).map((at) => ({
      text: texts[at],
      size: shape[at],
    }));
    for (const pair of lowRank) readAdapter(builder, layer.slice(0, -1), pair, { to, from });
    for (const scale of scales) {
      const scaleTensor = builder.peek(name + scale);
      if (scaleTensor === undefined || scaleTensor[0] !== shape[0] || scaleTensor.length > 2)
        continue;
      if (scaleTensor.length === 2 && scaleTensor[1] !== 1) continue;
      // A factor would have to be stored in the scales, whose number format is not known.
      for (const axis of axesIn(texts)) if (isFactorIn(axes, axis)) builder.fix(axis);
      if (axesIn(texts).some((axis) => axes.get(axis)?.group === "general-linear")) continue;
      builder.assign(name + scale, scaleTensor.length === 1 ? [texts[0]] : [texts[0], "1"]);
    }
  }
}

const isFactorIn = (axes: Reading["axes"], name: string): boolean => {
  const axis = axes.get(name);
  return axis !== undefined && isFactor(axis);
};

/** W + B A: any invertible matrix may stand between B and A. */
function readAdapter(
  builder: SpecBuilder,
  layer: string,
  [down, up]: readonly [string, string],
  { to, from }: Layer,
): void {
  const [a, b] = [builder.peek(layer + down), builder.peek(layer + up)];
  if (a?.length !== 2 || b?.length !== 2 || a[0] !== b[1]) return;
  if (a[1] !== from.size || b[0] !== to.size) return;
  const rank = builder.axis(`${layer.replaceAll(/[^\w.:/[\]-]/g, "_")}.rank`, a[0], {
    group: "general-linear",
  });
  builder.assign(layer + down, [`${rank}^-1`, from.text]);
  builder.assign(layer + up, [to.text, rank]);
}
