// Atoms: the index sets that dimensions are made of. Every dimension of every value is one atom; unifying two atoms
// makes them one (union-find), and an atom can be refined once into a row-major product, a concatenation or an
// interleaving of others.
// All state here is local to one inference and mutable; the result of inference is plain frozen data.

import { UnsupportedError } from "../../core/errors.ts";

/** An index set. Use `find` before reading anything but `size`. */
export interface Atom {
  readonly size: number;
  /** The atom this one was unified with. */
  alias: Atom | null;
  /** How it is made of others: `interleaved` takes one entry of every part in turn, and its parts are of one size. */
  parts: {
    readonly kind: "product" | "sum" | "interleaved";
    readonly parts: readonly Atom[];
  } | null;
  /** Everything below stays in place. On a refined atom it is a memo: all its leaves are fixed. */
  fixed: boolean;
  /** What fixed this leaf first. */
  because: string | null;
  /** What tied or split it: operations by name, each once, first ones only. */
  reasons: readonly string[];
}

type PartsKind = NonNullable<Atom["parts"]>["kind"];

const maxReasons = 12;
/** Concatenating an axis with itself again and again doubles its pieces each time; real networks have hundreds. */
export const maxPieces = 50_000;

/** The one atom of all dimensions of size 1: nothing to move. */
export const unit: Atom = Object.freeze({
  size: 1,
  alias: null,
  parts: null,
  fixed: true,
  because: null,
  reasons: [],
});

/** Most index sets are made and never tied: they share this list. */
const noReasons: readonly string[] = [];

export function newAtom(size: number): Atom {
  if (size === 1) return unit;
  return { size, alias: null, parts: null, fixed: false, because: null, reasons: noReasons };
}

/** The atom that stands for this one now. */
export function find(atom: Atom): Atom {
  let root = atom;
  while (root.alias !== null) root = root.alias;
  for (let at = atom; at.alias !== null;) {
    const next = at.alias;
    at.alias = root;
    at = next;
  }
  return root;
}

export function addReason(atom: Atom, reason: string): void {
  const { reasons } = atom;
  if (atom === unit || reasons.length >= maxReasons || reasons.includes(reason)) return;
  atom.reasons = [...reasons, reason];
}

/**
 * Row-major factors, outermost first, none of size 1. Factors may be sums.
 * @throws {UnsupportedError} beyond `maxPieces`, as `termsOf` and `leavesOf` do
 */
export function factorsOf(atom: Atom): Atom[] {
  const factors: Atom[] = [];
  const visit = (part: Atom): void => {
    const root = find(part);
    if (root.size === 1) return;
    if (root.parts?.kind === "product") for (const inner of root.parts.parts) visit(inner);
    else push(factors, root);
  };
  visit(atom);
  return factors;
}

/** Consecutive terms; an atom that is no concatenation is its own only term. */
export function termsOf(atom: Atom): Atom[] {
  const terms: Atom[] = [];
  const visit = (part: Atom): void => {
    const root = find(part);
    if (root.parts?.kind === "sum") {
      for (const inner of root.parts.parts) visit(inner);
      return;
    }
    if (root.parts === null) return push(terms, root);
    const [first = unit, ...rest] = factorsOf(root);
    if (rest.length === 0) return first === root ? push(terms, root) : visit(first);
    const outer = termsOf(first);
    if (outer.length === 1) return push(terms, root);
    for (const term of outer) visit(productOf([term, ...rest]));
  };
  visit(atom);
  return terms;
}

function push(list: Atom[], atom: Atom): void {
  list.push(atom);
  if (list.length > maxPieces)
    throw new UnsupportedError(`inferSpec: an axis falls into more than ${maxPieces} pieces`);
}

/** An atom for a row-major product. */
export function productOf(parts: readonly Atom[]): Atom {
  const factors = parts.flatMap(factorsOf);
  if (factors.length === 0) return unit;
  if (factors.length === 1) return factors[0];
  return compound(
    "product",
    factors,
    factors.reduce((size, factor) => size * factor.size, 1),
  );
}

/** An atom for a concatenation. */
export function sumOf(parts: readonly Atom[]): Atom {
  const terms = parts.map(find).filter(({ size }) => size > 0);
  if (terms.length === 1) return terms[0];
  return compound(
    "sum",
    terms,
    terms.reduce((size, term) => size + term.size, 0),
  );
}

/** An atom for parts of one size of which one entry each comes in turn. */
export function interleavingOf(parts: readonly Atom[]): Atom {
  const terms = parts.map(find);
  if (terms.length === 1) return terms[0];
  const [{ size }] = terms;
  if (size > 1) return compound("interleaved", terms, size * terms.length);
  const block = newAtom(terms.length);
  block.fixed = true;
  return block;
}

function compound(kind: PartsKind, parts: readonly Atom[], size: number): Atom {
  const fixed = parts.every((part) => part.fixed);
  return { size, alias: null, parts: { kind, parts }, fixed, because: null, reasons: noReasons };
}

/** Refines a leaf: from now on it is this product or sum. Pieces of a fixed atom are fixed. */
export function refine(leaf: Atom, kind: PartsKind, parts: readonly Atom[]): void {
  leaf.parts = { kind, parts };
  for (const part of parts) {
    for (const reason of leaf.reasons) addReason(part, reason);
    if (!leaf.fixed || part === unit) continue;
    part.fixed = true;
    part.because = leaf.because;
  }
}

/** Pins every leaf of an atom. */
export function fix(atom: Atom, reason: string): void {
  const pending = [atom];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const root = find(next);
    if (root.fixed) continue;
    root.fixed = true;
    if (root.parts === null) root.because = reason;
    else pending.push(...root.parts.parts);
  }
}

/** Whether every leaf of an atom is fixed. */
export function isFixed(atom: Atom): boolean {
  const root = find(atom);
  if (!root.fixed && root.parts !== null && root.parts.parts.every(isFixed)) root.fixed = true;
  return root.fixed;
}

/** Every leaf of an atom in order, repeats included; sizes of 1 left out. */
export function leavesOf(atom: Atom): Atom[] {
  const leaves: Atom[] = [];
  const visit = (part: Atom): void => {
    const root = find(part);
    if (root.size === 1) return;
    if (root.parts === null) push(leaves, root);
    else for (const inner of root.parts.parts) visit(inner);
  };
  visit(atom);
  return leaves;
}
