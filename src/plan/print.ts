// A plan as text: one line per product with its carried axes, and what a layer over it costs.

import { visibleName } from "../core/visible.ts";
import type { LoweredSpec } from "../symmetry/lower.ts";
import { type Pattern, type Plan, slotEntries } from "./plan.ts";

/** A pattern in index notation: carried blocks as slot letters, free blocks as dots: `fc1.weight[a .]`, diagonals repeat a letter. */
function formatPattern(lowered: LoweredSpec, { tensor, blocks }: Pattern): string {
  const { dims, name } = lowered.tensors[tensor];
  const free = blocks.filter(({ slot }) => slot === null);
  const letters = dims.map((_, dim) => {
    const block = blocks.find((candidate) => candidate.dims.includes(dim));
    if (block === undefined) return "?";
    if (block.slot !== null) return String.fromCodePoint(97 + block.slot);
    return block.dims.length > 1 ? `.${free.indexOf(block)}` : ".";
  });
  return `${visibleName(name)}[${letters.join(" ")}]`;
}

export interface PrintPlanOptions {
  /** Also list every feature and target, in index notation. @default false */
  readonly details?: boolean;
}

/** All products of a plan, largest first. */
export function printPlan(
  lowered: LoweredSpec,
  plan: Plan,
  { details = false }: PrintPlanOptions = {},
): string {
  const lines = plan.products
    .toSorted((a, b) => slotEntries(b) - slotEntries(a))
    .flatMap((product) => {
      const carried =
        product.slots.map(({ axis }) => visibleName(lowered.axes[axis].name)).join(" x ") ||
        "scalars";
      const terms = product.features.length * product.targets.length;
      const line = `${carried} (${slotEntries(product)} rows): ${product.features.length} features -> ${product.targets.length} targets, ${terms} terms`;
      if (!details) return [line];
      const list = (patterns: readonly Pattern[]) =>
        patterns.map((pattern) => formatPattern(lowered, pattern)).join(", ");
      return [line, `  from ${list(product.features)}`, `  to   ${list(product.targets)}`];
    });
  return [`${plan.terms} terms in ${plan.products.length} products`, ...lines].join("\n");
}
