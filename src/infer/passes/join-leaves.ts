// Puts axes together again that a reshape split for nothing: when each of two leaves may move on its own inside every
// index of the other, the product of both is one axis that moves freely.

import {
  type Atom,
  factorsOf,
  find,
  interleavingOf,
  leavesOf,
  newAtom,
  productOf,
  sumOf,
} from "../index-sets/atoms.ts";
import type { LeafFactors, LeafScale } from "../assembly/build-spec.ts";
import type { Dependence } from "./dependence.ts";
import type { Value } from "../walk/value.ts";

export interface Merged {
  readonly weights: readonly Value[];
  readonly parents: ReadonlyMap<Atom, Atom>;
  readonly scales: ReadonlyMap<Atom, LeafScale>;
  readonly factors: ReadonlyMap<Atom, LeafFactors>;
}

export interface Rebuilt extends Merged {
  /** Another atom of the same graph with the pairs replaced, where they stand together. */
  readonly rebuild: (atom: Atom) => Atom;
}

/** The same weights, parents and scales with mergeable pairs replaced by one leaf each. */
export function mergeLeaves(source: Merged, dependence: Dependence): Rebuilt {
  const { weights, parents, scales, factors } = source;
  const next = adjacentPairs(weights);
  const children = new Map<Atom, Atom[]>();
  for (const [leaf, parent] of parents)
    children.set(parent, [...(children.get(parent) ?? []), leaf]);
  const joined = new Map<Atom, { readonly inner: Atom; readonly leaf: Atom }>();
  const used = new Set<Atom>();
  for (const [outer, inner] of next) {
    const mutual =
      dependence.get(outer)?.has(inner) === true && dependence.get(inner)?.has(outer) === true;
    const alone = (children.get(outer) ?? []).every((child) => child === inner);
    if (!mutual || !alone || used.has(outer) || used.has(inner) || outer === inner) continue;
    if (
      scales.get(inner)?.group === "general-linear" ||
      scales.get(outer)?.group === "general-linear"
    )
      continue;
    const leaf = newAtom(outer.size * inner.size);
    leaf.reasons = inner.reasons;
    joined.set(outer, { inner, leaf });
    used.add(outer).add(inner);
  }
  if (joined.size === 0) return { ...source, rebuild: find };

  const originals = new Map<Value, Value>();
  const rebuilt = weights.map((value): Value => {
    const changed: Value = { ...value, dims: value.dims.map((dim) => rebuild(dim, joined)) };
    originals.set(changed, value);
    return changed;
  });
  const standsFor = new Map([...joined.values()].map(({ inner, leaf }) => [inner, leaf]));
  const newParents = new Map<Atom, Atom>();
  for (const [leaf, parent] of parents) {
    if (standsFor.has(leaf)) continue;
    const merged = joined.get(leaf)?.leaf ?? leaf;
    newParents.set(merged, standsFor.get(parent) ?? parent);
  }
  const original = (weight: Value): Value => originals.get(weight) ?? weight;
  const newScales = new Map(
    [...scales].map(([leaf, scale]): [Atom, LeafScale] => {
      const power: LeafScale["power"] = (weight, ...place) =>
        scale.power(original(weight), ...place);
      return [standsFor.get(leaf) ?? leaf, { ...scale, power }];
    }),
  );
  const newFactors = new Map(
    [...factors].map(([leaf, ofLeaf]): [Atom, LeafFactors] => {
      const at: LeafFactors["at"] = (weight, ...place) => ofLeaf.at(original(weight), ...place);
      return [standsFor.get(leaf) ?? leaf, { ...ofLeaf, at }];
    }),
  );
  return {
    weights: rebuilt,
    parents: newParents,
    scales: newScales,
    factors: newFactors,
    rebuild: (atom) => rebuild(atom, joined),
  };
}

/** Outer leaf -> inner leaf, for free leaves that stand next to each other in every product that has either. */
function adjacentPairs(weights: readonly Value[]): Map<Atom, Atom> {
  const next = new Map<Atom, Atom>();
  const barred = new Set<Atom>();
  const follows = new Map<Atom, (Atom | undefined)[]>();
  const visit = (atom: Atom): void => {
    const root = find(atom);
    if (root.parts !== null && root.parts.kind !== "product") {
      for (const part of root.parts.parts) visit(part);
      return;
    }
    const factors = factorsOf(root);
    for (const [i, factor] of factors.entries()) {
      if (factor.parts !== null) visit(factor);
      const after = factors.at(i + 1);
      if (factor.parts !== null) continue;
      const known = next.get(factor) ?? after;
      const unusable = after === undefined || after.parts !== null || factor.fixed || after.fixed;
      if (unusable || known !== after) barred.add(factor);
      else next.set(factor, after);
      follows.set(factor, [...(follows.get(factor) ?? []), i === 0 ? undefined : factors[i - 1]]);
    }
  };
  for (const { dims } of weights) for (const dim of dims) visit(dim);
  for (const leaf of barred) next.delete(leaf);
  for (const [outer, inner] of next) {
    if ((follows.get(inner) ?? []).some((before) => before !== outer)) next.delete(outer);
  }
  return next;
}

function rebuild(
  atom: Atom,
  joined: ReadonlyMap<Atom, { readonly inner: Atom; readonly leaf: Atom }>,
): Atom {
  const root = find(atom);
  if (!leavesOf(root).some((leaf) => joined.has(leaf))) return root;
  if (root.parts?.kind === "sum")
    return sumOf(root.parts.parts.map((part) => rebuild(part, joined)));
  if (root.parts?.kind === "interleaved")
    return interleavingOf(root.parts.parts.map((part) => rebuild(part, joined)));
  const factors: Atom[] = [];
  let skip: Atom | null = null;
  for (const factor of factorsOf(root)) {
    if (factor === skip) {
      skip = null;
      continue;
    }
    const merged = joined.get(factor);
    factors.push(merged?.leaf ?? (factor.parts === null ? factor : rebuild(factor, joined)));
    skip = merged?.inner ?? null;
  }
  return productOf(factors);
}
