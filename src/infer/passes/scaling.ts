// One way of scaling (positive factors, sign flips or matrices) followed through all constraints: which places of free leaves
// can carry it and with which sign. What a way cannot pass sets exponents to 0.

import { bits, type Constraints, type Way } from "./constraints.ts";
import { type Exponents, exponents } from "./exponents.ts";
import { type ExponentSum, settleSums } from "./settle.ts";
import type { WeightPlaces } from "./weight-places.ts";

/** Solves for the exponent with which every unknown scales when one axis is scaled in one way. */
export function followScaling(
  { count, zeros, steps, sums }: Constraints,
  way: Way,
  weights: WeightPlaces,
): Exponents {
  const unknowns = exponents(count, zeros);
  const bit = bits[way];
  const { ways, from, to, factor } = steps;
  for (let i = 0; i < ways.length; i++) {
    if ((ways[i] & bit) === 0) continue;
    if (to[i] === -1) unknowns.zero(from[i]);
    else unknowns.link(from[i], to[i], factor[i]);
  }
  if (way === "general-linear") return unknowns;
  if (way === "partly positive" || way === "factor")
    settleSums(sums, unknowns, () => supportOf(unknowns, weights));
  else settle(sums, unknowns);
  return unknowns;
}

/** A product whose factors all but one have exponent 0 scales like that one; any other product is made to scale by nothing. */
function settle(sums: readonly ExponentSum[], unknowns: Exponents): void {
  let open = [...sums];
  for (let before = -1; open.length !== before && open.length > 0;) {
    before = open.length;
    open = open.filter(({ total, terms, factors }) => {
      const moving = terms.map((_, i) => i).filter((i) => !unknowns.isZero(terms[i]));
      if (moving.length > 1) return true;
      if (moving.length === 0) unknowns.zero(total);
      else unknowns.link(terms[moving[0]], total, factors[moving[0]]);
      return false;
    });
  }
  for (const { total, terms } of open)
    for (const unknown of [total, ...terms]) unknowns.zero(unknown);
  // Setting those to 0 may have turned earlier links into zeros as well, which union-find has already shared.
}

/** Weights with one root; of equally many, the root with more entries carries more. */
function supportOf(
  unknowns: Exponents,
  { unknownAt, weightAt, sizes }: WeightPlaces,
): (root: number) => number {
  const found = new Map<number, number>();
  for (let i = 0; i < unknownAt.length; i++) {
    const root = unknowns.root(unknownAt[i]);
    found.set(root, (found.get(root) ?? 0) + 1 + sizes[weightAt[i]] / 2 ** 50);
  }
  return (root) => found.get(root) ?? 0;
}
