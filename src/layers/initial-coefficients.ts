// How an equivariant layer's coefficients start. An output sums many features: its own entry and, far more of them, means
// over rows, columns and whole tensors. `fan-in` gives every one of them the same variance, as published, which leaves
// little to the entry itself; `balanced` shares the variance equally between the products first.

import { numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../core/random.ts";
import type { ExecutablePlan } from "../plan/plan-spec.ts";
import type { SharedCoefficients } from "../plan/sharing.ts";
import { type LayerParams, normalArray } from "./layer.ts";

export const initKinds = ["balanced", "fan-in"] as const;

/**
 * Variance of the initial coefficients of an output. `fan-in`: gain / (features that feed it), the published rule;
 * `balanced`: gain / (products that feed it * features of the product), so that entries, rows, columns and whole tensors
 * start with equal weight however many tensors there are.
 */
export type InitKind = (typeof initKinds)[number];

/** Shape and standard deviation of initial coefficients. */
export interface InitOptions {
  readonly inputChannels: number;
  readonly outputChannels: number;
  readonly gain: number;
  readonly init: InitKind;
}

/** Per product and fixed place of its output columns (one channel): the variance of the coefficients in that column. */
function columnVariances(
  { lowered, plan, schedule }: ExecutablePlan,
  { inputChannels, gain, init }: InitOptions,
): number[][] {
  const inputs = schedule.widths.map(({ input }) => input * inputChannels);
  /** What the variance of a coefficient is divided by, in tensor `t` and product `p`. */
  const divisor = (t: number, p: number): number =>
    init === "balanced"
      ? schedule.targets[t].length * inputs[p]
      : schedule.targets[t].reduce((sum, { product }) => sum + inputs[product], 0);
  return plan.products.map(({ targets }, p) =>
    targets.flatMap(({ tensor }) =>
      Array.from({ length: lowered.tensors[tensor].fixedSize }, () => gain / divisor(tensor, p)),
    ),
  );
}

/** Fresh normal coefficients: `mix<p>` [rows, columns] for every product. */
export function initialCoefficients(
  executable: ExecutablePlan,
  options: InitOptions,
  seed: number,
): LayerParams {
  const { inputChannels, outputChannels } = options;
  const entries = columnVariances(executable, options).map((variances, p) => {
    const deviations = variances.flatMap((variance) =>
      Array.from({ length: outputChannels }, () => Math.sqrt(variance)),
    );
    const shape = [executable.schedule.widths[p].input * inputChannels, deviations.length];
    return [`mix${p}`, normalArray(deriveSeed(seed, "mix", p), shape, deviations)];
  });
  return Object.fromEntries(entries) as LayerParams;
}

/** Fresh normal shared coefficients [blocks, inputs, outputs]: each block has the mean variance of all its places. */
export function initialShared(
  executable: ExecutablePlan,
  { count, indices }: SharedCoefficients,
  options: InitOptions,
  seed: number,
): np.Array {
  const sums = new Float64Array(count);
  const places = new Float64Array(count);
  for (const [p, variances] of columnVariances(executable, options).entries()) {
    for (const [place, block] of indices[p].entries()) {
      sums[block] += variances[place % variances.length];
      places[block]++;
    }
  }
  const shape = [count, options.inputChannels, options.outputChannels];
  const deviations = Float32Array.from(sums, (sum, block) => Math.sqrt(sum / places[block]));
  const normal = normalArray(deriveSeed(seed, "shared"), shape, 1);
  return np.multiply(normal, np.array(deviations).reshape([count, 1, 1]));
}
