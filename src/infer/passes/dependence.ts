// Which leaves may be permuted on their own inside every index of which other leaves (`within`). A leaf may depend on
// another only if every value that has the one has the other beside it, unambiguously, and no operation combines
// entries across the other while keeping the one. Everything starts allowed and operations take it away.

import { UnsupportedError } from "../../core/errors.ts";
import { type Atom, find, maxPieces } from "../index-sets/atoms.ts";
import type { Fact, Value } from "../walk/value.ts";

export type Dependence = ReadonlyMap<Atom, ReadonlySet<Atom>>;

/** One leaf in a dimension, with the leaves that multiply it there. */
interface Occurrence {
  readonly leaf: Atom;
  readonly outer: ReadonlySet<Atom>;
  readonly beside: ReadonlySet<Atom>;
}

interface Summary {
  readonly occurrences: readonly Occurrence[];
  /** Leaves present at every index. */
  readonly always: ReadonlySet<Atom>;
  /** How often a leaf occurs at most. */
  readonly counts: ReadonlyMap<Atom, number>;
}

const none: ReadonlySet<Atom> = new Set();

/** The greatest dependence that all values and facts allow. */
export function dependenceOf(weights: Iterable<Value>, facts: readonly Fact[]): Dependence {
  const allowed = new Map<Atom, Set<Atom>>();
  const cache = new Map<Atom, Summary>();
  const summary = (dim: Atom) => summarise(find(dim), cache);
  const seen = new Set<Value>();
  const look = (value: Value) => {
    if (
      seen.has(value) ||
      value.origin === "constant" ||
      value.stack !== null ||
      value.picked !== null ||
      value.joined !== null
    )
      return;
    seen.add(value);
    restrict(value.dims.map(summary), allowed);
  };
  for (const value of weights) look(value);
  for (const fact of facts) for (const value of valuesOf(fact)) look(value);

  const drop = (leaf: Atom, outer: Atom) => allowed.get(leaf)?.delete(outer);
  /** Entries along some dimensions are combined: what survives cannot depend on what is gone. */
  const consume = (value: Value, gone: readonly number[]) => {
    if (value.stack !== null || gone.length === 0) return;
    const lost = new Set<Atom>();
    for (const i of gone) for (const leaf of summary(value.dims[i]).counts.keys()) lost.add(leaf);
    if (lost.size === 0) return;
    for (const [i, dim] of value.dims.entries()) {
      if (gone.includes(i)) continue;
      for (const { leaf, outer } of summary(dim).occurrences) {
        for (const other of allowed.get(leaf) ?? none)
          if (lost.has(other) && !outer.has(other)) drop(leaf, other);
      }
    }
  };
  for (const fact of facts) {
    if (fact.kind === "mix") consume(fact.value, fact.dims);
    else if (fact.kind === "carry") consume(fact.from, missing(fact.from, fact.pairs));
    else if (fact.kind === "regroup") {
      const counts = countsOf(fact.from.dims.map(summary));
      for (const [other, count] of counts)
        if (count > 1) for (const leaf of counts.keys()) drop(leaf, other);
    } else if (fact.kind === "contract") {
      consume(fact.left, missing(fact.left, fact.leftOut));
      consume(fact.right, missing(fact.right, fact.rightOut));
      const outputs = new Set(fact.rightOut.map(([, to]) => to));
      const batch = fact.leftOut.filter(([, to]) => outputs.has(to)).map(([from]) => from);
      const summed = fact.contracted.map(([from]) => from);
      const shared = new Set(
        [...batch, ...summed].flatMap((i) => [...summary(fact.left.dims[i]).counts.keys()]),
      );
      for (const i of summed) {
        for (const { leaf } of summary(fact.left.dims[i]).occurrences) {
          for (const other of allowed.get(leaf) ?? none) if (!shared.has(other)) drop(leaf, other);
        }
      }
    }
  }
  return allowed;
}

function valuesOf(fact: Fact): readonly Value[] {
  switch (fact.kind) {
    case "pointwise":
      return [...fact.inputs, fact.output];
    case "contract":
      return [fact.left, fact.right, fact.output];
    case "mix":
    case "opaque":
      return [fact.value];
    default:
      return [fact.from, fact.to];
  }
}

/** Dimensions that no pair mentions. */
function missing({ dims }: Value, pairs: readonly (readonly [number, number])[]): number[] {
  const gone: number[] = [];
  for (let i = 0; i < dims.length; i++) if (!pairs.some(([from]) => from === i)) gone.push(i);
  return gone;
}

function countsOf(dims: readonly Summary[]): Map<Atom, number> {
  const total = new Map<Atom, number>();
  for (const { counts } of dims)
    for (const [leaf, count] of counts) total.set(leaf, (total.get(leaf) ?? 0) + count);
  return total;
}

/** A value allows a leaf to depend on another that stands beside it: in the same product, or once in another dimension. */
function restrict(dims: readonly Summary[], allowed: Map<Atom, Set<Atom>>): void {
  /** Nothing more can be taken from it. */
  const settled = (leaf: Atom) => leaf.fixed || allowed.get(leaf)?.size === 0;
  const isSettled = ({ leaf }: Occurrence) => settled(leaf);
  if (dims.every(({ occurrences }) => occurrences.every(isSettled))) return;
  const total = countsOf(dims);
  for (const [i, { occurrences }] of dims.entries()) {
    for (const { leaf, outer, beside } of occurrences) {
      if (settled(leaf)) continue;
      const here = new Set(outer);
      for (const other of beside) if (total.get(other) === 1) here.add(other);
      for (const [j, { always }] of dims.entries()) {
        if (i !== j) for (const other of always) if (total.get(other) === 1) here.add(other);
      }
      here.delete(leaf);
      const earlier = allowed.get(leaf);
      if (earlier === undefined) allowed.set(leaf, here);
      else for (const other of earlier) if (!here.has(other)) earlier.delete(other);
    }
  }
}

function summarise(root: Atom, cache: Map<Atom, Summary>): Summary {
  const known = cache.get(root);
  if (known !== undefined) return known;
  const made = computeSummary(root, cache);
  cache.set(root, made);
  return made;
}

function computeSummary(root: Atom, cache: Map<Atom, Summary>): Summary {
  if (root.size === 1) return { occurrences: [], always: none, counts: new Map() };
  if (root.parts === null) {
    const members = new Set([root]);
    return {
      occurrences: [{ leaf: root, outer: none, beside: none }],
      always: members,
      counts: new Map([[root, 1]]),
    };
  }
  const children = root.parts.parts.map((part) => summarise(find(part), cache));
  const counts = new Map<Atom, number>();
  if (root.parts.kind !== "product") {
    for (const child of children) {
      for (const [leaf, count] of child.counts)
        counts.set(leaf, Math.max(count, counts.get(leaf) ?? 0));
    }
    const [first, ...rest] = children;
    const always = new Set(
      [...first.always].filter((leaf) => rest.every((child) => child.always.has(leaf))),
    );
    const occurrences = children.flatMap((child) => child.occurrences);
    if (occurrences.length > maxPieces)
      throw new UnsupportedError(`inferSpec: an axis falls into more than ${maxPieces} pieces`);
    return { occurrences, always, counts };
  }
  for (const child of children) {
    for (const [leaf, count] of child.counts) counts.set(leaf, count + (counts.get(leaf) ?? 0));
  }
  const union = (list: readonly Summary[]) => new Set(list.flatMap(({ always }) => [...always]));
  const occurrences = children.flatMap((child, i) => {
    const before = union(children.slice(0, i));
    const after = union(children.slice(i + 1));
    return child.occurrences.map(({ leaf, outer, beside }): Occurrence => ({
      leaf,
      outer: new Set([...outer, ...before].filter((other) => counts.get(other) === 1)),
      beside: new Set([...beside, ...before, ...after]),
    }));
  });
  return { occurrences, always: union(children), counts };
}

/**
 * At most one enclosing leaf for each leaf, such that the whole chain of enclosing leaves is allowed; of two leaves that
 * allow each other, the one that comes first in `order` encloses.
 */
export function chooseParents(order: readonly Atom[], dependence: Dependence): Map<Atom, Atom> {
  const rank = new Map(order.map((leaf, i) => [leaf, i]));
  const parents = new Map<Atom, Atom>();
  const chain = (leaf: Atom): Atom[] => {
    const parent = parents.get(leaf);
    return parent === undefined ? [] : [parent, ...chain(parent)];
  };
  const done = new Set<Atom>();
  const visit = (leaf: Atom, path: readonly Atom[]): void => {
    if (done.has(leaf) || path.includes(leaf)) return;
    const allowed = dependence.get(leaf) ?? none;
    let best = 1;
    for (const other of allowed) {
      if (!rank.has(other) || path.includes(other)) continue;
      const mutual = dependence.get(other)?.has(leaf) === true;
      if (mutual && (rank.get(other) ?? 0) > (rank.get(leaf) ?? 0)) continue;
      visit(other, [...path, leaf]);
      const enclosing = [other, ...chain(other)];
      if (enclosing.includes(leaf) || !enclosing.every((one) => allowed.has(one))) continue;
      const instances = enclosing.reduce((count, { size }) => count * size, 1);
      if (instances <= best) continue;
      best = instances;
      parents.set(leaf, other);
    }
    done.add(leaf);
  };
  for (const leaf of order) if (!leaf.fixed) visit(leaf, []);
  return parents;
}
