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

export function schedulePlan(lowered: LoweredSpec, plan: Plan): Schedule {
  const steps: ReductionStep[] = [];
  const known = new Map<string, number>();
  const sizeOf = (tensor: number, dim: number) =>
    lowered.axes[lowered.tensors[tensor].dims[dim].axis].size;

  const add = (key: string, step: ReductionStep): number => {
    steps.push(step);
    known.set(key, steps.length - 1);
    return steps.length - 1;
  };
  /** The value of a tensor read through blocks; kept blocks appear in the order of their first dimension. */
  const valueOf = (tensor: number, reading: Reading): number => {
    const sorted = reading.toSorted((x, y) => x.dims[0] - y.dims[0]);
    const key = `${tensor}|${sorted.map(({ dims, kept }) => dims.join("=") + (kept ? "" : "!")).join()}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const reduced = sorted.filter(({ kept }) => !kept);
    if (reduced.length > 0) {
      // Undo the aggregation of the smallest block: its value is the smallest one this can be made from.
      const last = reduced.reduce((best, block) =>
        sizeOf(tensor, block.dims[0]) < sizeOf(tensor, best.dims[0]) ? block : best,
      );
      const before = sorted.map((block) => (block === last ? { ...block, kept: true } : block));
      const dim = before.filter(({ kept }) => kept).findIndex(({ dims }) => dims === last.dims);
      return add(key, { kind: "reduce", from: valueOf(tensor, before), dim });
    }
    const merged = sorted.findLast(({ dims }) => dims.length > 1);
    if (merged === undefined) return add(key, { kind: "input", tensor });
    const free = merged.dims[merged.dims.length - 1];
    const finer = [
      ...sorted.map((block) =>
        block === merged ? { ...block, dims: block.dims.slice(0, -1) } : block,
      ),
      { dims: [free], kept: true },
    ].toSorted((x, y) => x.dims[0] - y.dims[0]);
    const a = finer.findIndex(({ dims }) => dims[0] === merged.dims[0]);
    const b = finer.findIndex(({ dims }) => dims[0] === free);
    return add(key, { kind: "diagonal", from: valueOf(tensor, finer), a, b });
  };

  const features = plan.products.map((product) =>
    product.features.map(({ tensor, blocks }): FeatureUse => {
      const kept = blocks
        .filter(({ slot }) => slot !== null)
        .toSorted((x, y) => x.dims[0] - y.dims[0]);
      const value = valueOf(
        tensor,
        blocks.map(({ dims, slot }) => ({ dims, kept: slot !== null })),
      );
      return {
        value,
        order: product.slots.map((_, slot) => kept.findIndex((block) => block.slot === slot)),
      };
    }),
  );
  const targets: TargetUse[][] = lowered.tensors.map(() => []);
  const widths = plan.products.map((product, index) => {
    let column = 0;
    for (const pattern of product.targets) {
      targets[pattern.tensor].push({ product: index, column, pattern });
      column += lowered.tensors[pattern.tensor].fixedSize;
    }
    const input = product.features.reduce(
      (sum, { tensor }) => sum + lowered.tensors[tensor].fixedSize,
      0,
    );
    return { input, output: column };
  });
  return Object.freeze({ steps, features, targets, widths });
}
