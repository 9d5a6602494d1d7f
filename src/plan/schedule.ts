// The schedule of a plan: which reductions to compute from which, so that every intermediate is made once and each step
// reads the smallest array that will do; and where every product's output columns go. Still plain data, no arrays.

import type { LoweredSpec } from "../symmetry/lower.ts";
import type { Pattern, Plan } from "./plan.ts";

/** How one value is made. Dimensions count from 0 without batch and channels. */
export type ReductionStep =
  | { readonly kind: "input"; readonly tensor: number }
  /** Keeps entries where dimensions `a` < `b` agree; the result stands at `a`. */
  | { readonly kind: "diagonal"; readonly from: number; readonly a: number; readonly b: number }
  /** Aggregates one dimension away. */
  | { readonly kind: "reduce"; readonly from: number; readonly dim: number };

/** A value joining a product: its dimensions reordered to the product's slots. */
export interface FeatureUse {
  readonly value: number;
  readonly order: readonly number[];
}

/** A block of a product's output columns written into a tensor. */
export interface TargetUse {
  readonly product: number;
  /** First output column, in units of one output channel. */
  readonly column: number;
  readonly pattern: Pattern;
}

/** Which reductions a plan computes from which, and where the columns of its products go. */
export interface Schedule {
  readonly steps: readonly ReductionStep[];
  /** Per product: its features in order. */
  readonly features: readonly (readonly FeatureUse[])[];
  /** Per tensor: everything that is placed into it. */
  readonly targets: readonly (readonly TargetUse[])[];
  /** Per product: input and output columns per channel (fixed sizes counted). */
  readonly widths: readonly { readonly input: number; readonly output: number }[];
}

/** A block on the way down: its tensor dimensions, and whether it has been aggregated away. */
type Reading = readonly { readonly dims: readonly number[]; readonly kept: boolean }[];

/** The order in which a plan's values are made, and where its products read and write. */
export function schedulePlan(lowered: LoweredSpec, plan: Plan): Schedule {
  const { steps, valueOf } = reductionSteps(lowered);
  const features = plan.products.map(({ features: patterns, slots }) =>
    patterns.map(({ tensor, blocks }): FeatureUse => {
      const kept = blocks.filter(({ slot }) => slot !== null).toSorted(byFirstDim);
      const value = valueOf(
        tensor,
        blocks.map(({ dims, slot }) => ({ dims, kept: slot !== null })),
      );
      const order = slots.map((_, slot) => kept.findIndex((block) => block.slot === slot));
      return { value, order };
    }),
  );
  return Object.freeze({ steps, features, ...placeColumns(lowered, plan) });
}

const byFirstDim = (x: { dims: readonly number[] }, y: { dims: readonly number[] }): number =>
  x.dims[0] - y.dims[0];

/** Where every product's output columns go, and how wide products are. */
function placeColumns(
  { tensors }: LoweredSpec,
  { products }: Plan,
): Pick<Schedule, "targets" | "widths"> {
  const targets: TargetUse[][] = tensors.map(() => []);
  const widths = products.map((product, index) => {
    let column = 0;
    for (const pattern of product.targets) {
      targets[pattern.tensor].push({ product: index, column, pattern });
      column += tensors[pattern.tensor].fixedSize;
    }
    const input = product.features.reduce((sum, { tensor }) => sum + tensors[tensor].fixedSize, 0);
    return { input, output: column };
  });
  return { targets, widths };
}

/** Steps that grow as values are asked for; each value is made once. */
function reductionSteps({ axes, tensors }: LoweredSpec): {
  readonly steps: readonly ReductionStep[];
  /** The value of a tensor read through blocks; kept blocks appear in the order of their first dimension. */
  readonly valueOf: (tensor: number, reading: Reading) => number;
} {
  const steps: ReductionStep[] = [];
  const known = new Map<string, number>();
  /** The step that makes a value from a larger one. */
  const stepOf = (tensor: number, sorted: Reading): ReductionStep => {
    const reduced = sorted.filter(({ kept }) => !kept);
    if (reduced.length > 0) {
      const sizeOf = (dim: number) => axes[tensors[tensor].dims[dim].axis].size;
      const { before, dim } = withoutReduction(sorted, reduced, sizeOf);
      return { kind: "reduce", from: valueOf(tensor, before), dim };
    }
    const merged = sorted.findLast(({ dims }) => dims.length > 1);
    if (merged === undefined) return { kind: "input", tensor };
    const { before, a, b } = withoutDiagonal(sorted, merged);
    return { kind: "diagonal", from: valueOf(tensor, before), a, b };
  };
  const valueOf = (tensor: number, reading: Reading): number => {
    const sorted = reading.toSorted(byFirstDim);
    const key = `${tensor}|${sorted.map(({ dims, kept }) => dims.join("=") + (kept ? "" : "!")).join()}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const step = stepOf(tensor, sorted); // makes what it reads first
    known.set(key, steps.length);
    return steps.push(step) - 1;
  };
  return { steps, valueOf };
}

/** The reading before its smallest block was aggregated away (the smallest value this can be made from), and where it stood. */
function withoutReduction(
  sorted: Reading,
  reduced: Reading,
  sizeOf: (dim: number) => number,
): { readonly before: Reading; readonly dim: number } {
  const last = reduced.reduce((best, block) =>
    sizeOf(block.dims[0]) < sizeOf(best.dims[0]) ? block : best,
  );
  const before = sorted.map((block) => (block === last ? { ...block, kept: true } : block));
  const dim = before.filter(({ kept }) => kept).findIndex(({ dims }) => dims === last.dims);
  return { before, dim };
}

/** The reading before the last dimension of a block was joined to it, and where both stood. */
function withoutDiagonal(
  sorted: Reading,
  merged: Reading[number],
): { readonly before: Reading; readonly a: number; readonly b: number } {
  const free = merged.dims[merged.dims.length - 1];
  const shorter = { ...merged, dims: merged.dims.slice(0, -1) };
  const before = [
    ...sorted.map((block) => (block === merged ? shorter : block)),
    { dims: [free], kept: true },
  ].toSorted(byFirstDim);
  const place = (dim: number) => before.findIndex(({ dims }) => dims[0] === dim);
  return { before, a: place(merged.dims[0]), b: place(free) };
}
