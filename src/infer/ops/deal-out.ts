// The heart of a reshape: the factors of the input's dimensions are dealt out again to the output's, splitting a factor
// in two where a boundary falls inside it. Where no boundary fits, what is involved is fixed.

import { type Atom, factorsOf, newAtom, productOf } from "../index-sets/atoms.ts";
import { fixedAtom, type NodeContext } from "../walk/context.ts";
import { splitInner } from "../index-sets/refine.ts";

/** Dimensions of the given sizes made of these atoms in order; runs that have no boundary in common stay in place. */
export function dealOut(
  context: NodeContext,
  from: readonly Atom[],
  sizes: readonly number[],
): Atom[] {
  if (sizes.includes(0)) return sizes.map((size) => newAtom(size));
  const factors = from.flatMap(factorsOf);
  const dims: Atom[] = [];
  let low = 0;
  let atom = 0;
  while (dims.length < sizes.length) {
    let left = 1;
    let right = 1;
    let end = low;
    let last = atom;
    // The shortest run of sizes and the run of factors with the same number of entries.
    do {
      if (left <= right && end < sizes.length) left *= sizes[end++];
      else if (last < factors.length) right *= factors[last++].size;
      else break;
    } while (left !== right);
    dims.push(...dealRun(context, factors.slice(atom, last), sizes.slice(low, end)));
    low = end;
    atom = last;
  }
  return dims;
}

function dealRun(context: NodeContext, from: readonly Atom[], sizes: readonly number[]): Atom[] {
  if (sizes.length === 1) return [productOf(from)];
  const factors = from.flatMap(factorsOf);
  const dims: Atom[] = [];
  for (let at = sizes.length - 1; at >= 0; at--) {
    let rest = sizes[at];
    const inner: Atom[] = [];
    while (rest > 1) {
      const factor = factors.pop();
      if (factor === undefined) return giveUp(context, from, sizes);
      if (rest % factor.size === 0) {
        inner.unshift(factor);
        rest /= factor.size;
        continue;
      }
      const split = splitInner(factor, rest, context.label);
      if (split === null) return giveUp(context, from, sizes);
      inner.unshift(split[1]);
      factors.push(...factorsOf(split[0]));
      rest = 1;
    }
    dims.unshift(productOf(inner));
  }
  return dims;
}

function giveUp(context: NodeContext, from: readonly Atom[], sizes: readonly number[]): Atom[] {
  for (const atom of from) context.fix(atom, "its boundaries do not fit the axes");
  return sizes.map((size) => fixedAtom(size, context.label));
}
