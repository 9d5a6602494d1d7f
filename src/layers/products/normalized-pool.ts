// Pooling of tensors that scales act on (Monomial-NFN, Tran et al. 2024): over its channels every entry is divided by its
// norm where positive factors act, and loses its sign where signs do; then permutations are averaged away.

import { numpy as np } from "@jax-js/jax";
import type { NormalizedTensor } from "../../kernels/stack.ts";
import { averageMiddle } from "./derive.ts";
import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";
import { isRead } from "../../symmetry/formula.ts";

/** Entries whose squares add up to less are read as 0: their direction would be noise. */
const tiny = 1e-24;

export interface NormalizedPool {
  /** Values per network and channel. */
  readonly width: number;
  /** Which tensors are pooled, and what is taken out of them. */
  readonly tensors: readonly NormalizedTensor[];
  /** Arrays of all tensors that are read -> [batch, width * channels], or nothing where no tensor qualifies. @consumes */
  apply(inputs: readonly np.Array[]): np.Array[];
}

type Charge = { readonly positive: boolean; readonly sign: boolean; readonly linear: boolean };

function chargeOf({ axes }: LoweredSpec, { dims }: AtomicTensor): Charge {
  const scales = dims.map(({ axis, still }) => (still ? null : axes[axis].scale));
  return {
    positive: scales.includes("positive"),
    sign: scales.includes("sign"),
    linear: dims.some(({ axis }) => axes[axis].group === "general-linear"),
  };
}

/** x / |x| with the norm over the last dimension; 0 where x is. @consumes */
export function divideByNorm(x: np.Array): np.Array {
  const squares = np.sum(np.multiply(x.ref, x.ref), x.ndim - 1, { keepdims: true });
  const large = np.greater(squares.ref, tiny);
  const safe = np.where(large.ref, squares, 1);
  const inverse = np.where(large, np.reciprocal(np.sqrt(safe)), 0);
  return np.multiply(x, inverse);
}

/** Over tensors of the spec (not derived ones) with scale parts and without general-linear axes. */
export function normalizedPool(lowered: LoweredSpec): NormalizedPool {
  const read = lowered.tensors.filter(isRead);
  const qualified = read.flatMap((tensor, place) => {
    const charge = chargeOf(lowered, tensor);
    const fits = !charge.linear && (charge.positive || charge.sign);
    return fits && tensor.role !== "feature" ? [{ tensor, place, charge }] : [];
  });
  return {
    width: qualified.reduce((sum, { tensor }) => sum + tensor.fixedSize, 0),
    tensors: qualified.map(({ tensor, charge: { positive, sign } }) => ({
      tensor: tensor.id,
      positive,
      sign,
    })),
    apply: (inputs) => {
      const pooled = qualified.map(({ place, charge }) => {
        const x = inputs[place].ref;
        const scaleFree = charge.positive ? divideByNorm(x) : x;
        const free = charge.sign ? np.abs(scaleFree) : scaleFree;
        return averageMiddle(free); // [batch, fixed * channels]
      });
      for (const input of inputs) input.dispose();
      return pooled.length === 0 ? [] : [np.concatenate(pooled, 1)];
    },
  };
}
