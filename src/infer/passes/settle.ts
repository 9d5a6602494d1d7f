// Products of values that may scale both: the exponent of the product is the sum of theirs. What such sums leave open is
// chosen, so that one scale per index is left and as many weights as possible carry it.

import type { Exponents } from "./exponents.ts";

/** The exponent of `total` is the sum of those of the terms, each times its factor. */
export interface ExponentSum {
  readonly total: number;
  readonly terms: readonly number[];
  readonly factors: readonly number[];
}

/** Exponents that stand for nothing but themselves, with what they are multiplied by; they add up to 0. */
type Condition = ReadonlyMap<number, number>;

const isZero = (x: number) => Math.abs(x) < 1e-9;

/** How much a root carries: weights, then their entries. */
export type Support = (root: number) => number;

function conditionOf({ total, terms, factors }: ExponentSum, unknowns: Exponents): Condition {
  const found = new Map<number, number>();
  const add = (unknown: number, factor: number) => {
    if (unknowns.isZero(unknown)) return;
    const root = unknowns.root(unknown);
    const sum = (found.get(root) ?? 0) + factor * unknowns.factor(unknown);
    if (isZero(sum)) found.delete(root);
    else found.set(root, sum);
  };
  for (const [i, term] of terms.entries()) add(term, -factors[i]);
  add(total, 1);
  return found;
}

/** Uses up the conditions that tell one exponent from another; the others are left. */
function useUp(open: readonly ExponentSum[], unknowns: Exponents): ExponentSum[] {
  let left = [...open];
  for (let before = -1; left.length !== before;) {
    before = left.length;
    left = left.filter((sum) => {
      const [first, second, third] = conditionOf(sum, unknowns);
      if (third !== undefined) return true;
      if (second !== undefined) unknowns.link(first[0], second[0], -second[1] / first[1]);
      else if (first !== undefined) unknowns.zero(first[0]);
      return false;
    });
  }
  return left;
}

/**
 * Makes all sums hold. Where more than two exponents of a sum are open, the one that carries least is set to 0.
 * @param supportNow - what every root carries, as the links are at that moment
 */
export function settleSums(
  sums: readonly ExponentSum[],
  unknowns: Exponents,
  supportNow: () => Support,
): void {
  for (let open = useUp(sums, unknowns); open.length > 0; open = useUp(open, unknowns)) {
    const support = supportNow();
    for (const sum of open) {
      const roots = [...conditionOf(sum, unknowns).keys()];
      if (roots.length <= 2) continue;
      unknowns.zero(
        roots.reduce((smallest, root) => (support(root) < support(smallest) ? root : smallest)),
      );
    }
  }
}
