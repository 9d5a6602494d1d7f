// A plan as text: one line per product with its carried axes, and what a layer over it costs.

import { visibleName } from "../core/visible.ts";
import type { AtomicTensor, LoweredSpec } from "../symmetry/lower.ts";
import { powerOf } from "../symmetry/parts.ts";
import type { LeftOut } from "./products/chain-operands.ts";
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

/** How much of a plan is printed. */
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
  const derived = lowered.tensors.filter(({ formula }) => formula !== undefined);
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
  const after = derived.length === 0 ? [] : [printDerived(lowered)];
  return [`${plan.terms} terms in ${plan.products.length} products`, ...lines, ...after].join("\n");
}

/** How a derived tensor is made: `fc2.weight~forward [h2 | 3] = contract fc2.weight, fc1.weight over h1`. */
function formatDerived(lowered: LoweredSpec, tensor: AtomicTensor): string[] {
  const { formula, name, dims, fixedSize, role } = tensor;
  if (formula === undefined) return [];
  const axis = (dim: AtomicTensor["dims"][number]) =>
    lowered.axes[dim.axis].name + ["^-1", "^0", ""][1 + powerOf(dim)];
  const fixed = fixedSize === 1 ? "" : `${dims.length > 0 ? " " : ""}| ${fixedSize}`;
  const operands = formula.operands.map((id) => lowered.tensors[id].name).join(", ");
  const first = lowered.tensors[formula.operands[0]];
  const over = (places: readonly number[]) =>
    places.length === 0 ? "" : ` over ${places.map((dim) => axis(first.dims[dim])).join(", ")}`;
  const detail = {
    reduce: () => (formula.op === "reduce" ? over(formula.dims) : ""),
    map: () =>
      formula.op === "map"
        ? ` ${formula.from} -> ${formula.to} ${formula.matrix}${formula.trained ? "" : ", frozen"}`
        : "",
    sum: () => "",
    contract: () => (formula.op === "contract" ? over(formula.summed.map(([dim]) => dim)) : ""),
    outer: () => "",
    gate: () => (formula.op === "gate" ? ` ${formula.function}` : ""),
  }[formula.op]();
  const mark = role === "internal" ? "  (" : "  ";
  const close = role === "internal" ? ")" : "";
  return [
    `${mark}${name} [${dims.map(axis).join(" ")}${fixed}] = ${formula.op} ${operands}${detail}${close}`,
  ];
}

/** All derived tensors, those that only others are made of in brackets, and what was left out and why. */
export function printDerived(
  lowered: LoweredSpec & { readonly leftOut?: readonly LeftOut[] },
): string {
  const derived = lowered.tensors.filter(({ formula }) => formula !== undefined);
  const features = derived.filter(({ role }) => role === "feature").length;
  const lines = derived.flatMap((tensor) => formatDerived(lowered, tensor));
  const left = (lowered.leftOut ?? []).map(({ name, reason }) => `  left out: ${name} (${reason})`);
  return [`${features} derived tensors`, ...lines, ...left].join("\n");
}
