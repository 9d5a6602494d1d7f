// Refinement: cutting atoms at a position, splitting off an inner factor, and unifying two atoms by their common
// refinement. Where two ways of taking an index set apart have no common refinement, everything in them is fixed,
// which is always sound. Every step makes atoms smaller, so all of it ends.

import {
  addReason,
  type Atom,
  factorsOf,
  find,
  fix,
  interleavingOf,
  isFixed,
  leavesOf,
  newAtom,
  productOf,
  refine,
  sumOf,
  termsOf,
  unit,
} from "./atoms.ts";

/** More pieces than any layout needs; beyond this (a rotation by one of a huge axis) the axis is fixed. */
const maxPieces = 8192;

/** Makes `position` a boundary between terms of the atom. */
export function cutAt(atom: Atom, position: number, reason: string): void {
  const root = find(atom);
  if (position <= 0 || position >= root.size) return;
  if (root.parts === null) {
    addReason(root, reason);
    refine(root, "sum", [newAtom(position), newAtom(root.size - position)]);
    return;
  }
  if (root.parts.kind === "sum") {
    let start = 0;
    for (const part of root.parts.parts) {
      if (position < start + part.size) return cutAt(part, position - start, reason);
      start += part.size;
      if (position === start) return;
    }
    return;
  }
  if (root.parts.kind === "interleaved")
    return cutInterleaved(root, root.parts.parts, position, reason);
  const [first, ...rest] = factorsOf(root);
  const inner = productOf(rest);
  const quotient = Math.floor(position / inner.size);
  const remainder = position % inner.size;
  cutAt(first, quotient, reason);
  if (remainder === 0) return;
  cutAt(first, quotient + 1, reason);
  cutAt(inner, remainder, reason);
}

/**
 * An interleaving becomes what is before the position and what is behind it; where the position falls between two entries
 * that were dealt together, these stand apart.
 */
function cutInterleaved(
  root: Atom,
  parts: readonly Atom[],
  position: number,
  reason: string,
): void {
  const row = Math.floor(position / parts.length);
  const size = root.size / parts.length;
  const isWhole = position % parts.length === 0;
  const rows = (start: number, end: number): Atom[] =>
    parts.map((part) => segmentOf(part, start, end, reason));
  const between = isWhole ? [] : rows(row, row + 1);
  const behind = isWhole ? row : row + 1;
  root.parts = {
    kind: "sum",
    parts: [
      ...(row > 0 ? [interleavingOf(rows(0, row))] : []),
      ...between,
      ...(behind < size ? [interleavingOf(rows(behind, size))] : []),
    ],
  };
}

/** The atom of the entries from `start` to `end`, cutting where needed. */
export function segmentOf(atom: Atom, start: number, end: number, reason: string): Atom {
  if (start === 0 && end === atom.size) return find(atom);
  cutAt(atom, start, reason);
  cutAt(atom, end, reason);
  const inside: Atom[] = [];
  let at = 0;
  for (const term of termsOf(atom)) {
    if (at >= start && at < end) inside.push(term);
    at += term.size;
  }
  return inside.length === 0 ? newAtom(0) : sumOf(inside);
}

/** The atom as outer * inner with an inner factor of this size, or null when it cannot be taken apart so. */
export function splitInner(
  atom: Atom,
  size: number,
  reason: string,
): readonly [outer: Atom, inner: Atom] | null {
  const root = find(atom);
  if (size === 1) return [root, unit];
  if (size === root.size) return [unit, root];
  if (size === 0 || root.size % size !== 0) return null;
  if (root.parts === null) {
    const pieces = [newAtom(root.size / size), newAtom(size)] as const;
    addReason(root, reason);
    refine(root, "product", pieces);
    return pieces;
  }
  const { kind, parts } = root.parts;
  const split =
    kind === "product"
      ? splitProduct(factorsOf(root), size, reason)
      : kind === "sum"
        ? splitSum(root, size, reason)
        : splitInterleaved(root, parts, size, reason);
  return split ?? splitFixed(root, size, reason);
}

/** An atom whose pieces do not fit stays in place, and so do the two factors that stand for it from here on. */
function splitFixed(root: Atom, size: number, reason: string): readonly [Atom, Atom] {
  if (!isFixed(root)) fix(root, `${reason} (sizes factor differently)`);
  const pieces = [newAtom(root.size / size), newAtom(size)] as const;
  for (const piece of pieces) fix(piece, reason);
  return pieces;
}

function splitProduct(factors: readonly Atom[], size: number, reason: string) {
  const inner: Atom[] = [];
  let rest = size;
  for (let i = factors.length - 1; i >= 0; i--) {
    if (rest === 1) return [productOf(factors.slice(0, i + 1)), productOf(inner)] as const;
    if (rest % factors[i].size === 0) {
      inner.unshift(factors[i]);
      rest /= factors[i].size;
      continue;
    }
    const split = splitInner(factors[i], rest, reason);
    if (split === null) return null;
    return [
      productOf([...factors.slice(0, i), split[0]]),
      productOf([split[1], ...inner]),
    ] as const;
  }
  return [unit, productOf(inner)] as const;
}

/** A concatenation has an inner factor when all its terms do; the inner factors become one. */
function splitSum(root: Atom, size: number, reason: string): readonly [Atom, Atom] | null {
  const terms = termsOf(root);
  if (terms.some((term) => term.size % size !== 0)) return null;
  const outers: Atom[] = [];
  let inner: Atom | null = null;
  for (const term of terms) {
    const split = splitInner(term, size, reason);
    if (split === null) return null;
    outers.push(split[0]);
    if (inner === null) inner = split[1];
    else unify(inner, split[1], reason);
  }
  const pieces = [sumOf(outers), inner ?? unit] as const;
  const now = find(root);
  if (now.parts?.kind === "sum") now.parts = { kind: "product", parts: pieces };
  return pieces;
}

/** An inner factor of an interleaving has whole turns; the outer factors of its parts become one. */
function splitInterleaved(
  root: Atom,
  parts: readonly Atom[],
  size: number,
  reason: string,
): readonly [Atom, Atom] | null {
  if (size % parts.length !== 0) return null;
  const inners: Atom[] = [];
  let outer: Atom | null = null;
  for (const part of parts) {
    const split = splitInner(part, size / parts.length, reason);
    if (split === null) return null;
    inners.push(split[1]);
    if (outer === null) [outer] = split;
    else unify(outer, split[0], reason);
  }
  const pieces = [outer ?? unit, interleavingOf(inners)] as const;
  const now = find(root);
  if (now.parts?.kind === "interleaved") now.parts = { kind: "product", parts: pieces };
  return pieces;
}

/** Makes two atoms of one size the same index set: what moves one moves the other alike. */
export function unify(first: Atom, second: Atom, reason: string): void {
  const a = find(first);
  const b = find(second);
  if (a === b || a.size === 1) return;
  if ((a.parts !== null || b.parts !== null) && isFixed(a) && isFixed(b)) return;
  if (a.parts === null) link(a, b, reason);
  else if (b.parts === null) link(b, a, reason);
  else if (a.parts.kind === "product" && b.parts.kind === "product") alignFactors(a, b, reason);
  else if (a.parts.kind === "interleaved") alignInterleaved(a, b, reason);
  else if (b.parts.kind === "interleaved") alignInterleaved(b, a, reason);
  else alignTerms(a, b, reason);
  if (a.fixed !== b.fixed) fix(a.fixed ? b : a, causeOf(a.fixed ? a : b) ?? reason);
}

/** What fixed the first leaf of an atom. */
function causeOf(atom: Atom): string | null {
  return leavesOf(atom).find(({ because }) => because !== null)?.because ?? null;
}

function link(leaf: Atom, other: Atom, reason: string): void {
  leaf.alias = other;
  for (const earlier of leaf.reasons) addReason(other, earlier);
  addReason(other, reason);
  if (leaf.fixed) fix(other, leaf.because ?? reason);
}

function fixBoth(a: Atom, b: Atom, reason: string): void {
  fix(a, `${reason} (sizes factor differently)`);
  fix(b, `${reason} (sizes factor differently)`);
}

function alignFactors(a: Atom, b: Atom, reason: string): void {
  const left = factorsOf(a);
  const right = factorsOf(b);
  for (;;) {
    const x = popFactor(left);
    const y = popFactor(right);
    if (x === undefined || y === undefined) return;
    const common = gcd(x.size, y.size);
    const xs = common > 1 ? splitInner(x, common, reason) : null;
    const ys = common > 1 ? splitInner(y, common, reason) : null;
    if (xs === null || ys === null)
      return fixBoth(productOf([...left, x]), productOf([...right, y]), reason);
    unify(xs[1], ys[1], reason);
    if (xs[0] !== unit) left.push(xs[0]);
    if (ys[0] !== unit) right.push(ys[0]);
  }
}

/** Turn by turn with another interleaving, factor by factor with a product, term by term with a concatenation. */
function alignInterleaved(interleaved: Atom, other: Atom, reason: string): void {
  const { parts } = interleaved;
  if (parts === null || other.parts === null) return;
  if (other.parts.kind === "sum") return alignTerms(interleaved, other, reason);
  if (other.parts.kind === "interleaved") {
    if (parts.parts.length !== other.parts.parts.length) return fixBoth(interleaved, other, reason);
    for (const [i, part] of parts.parts.entries()) unify(part, other.parts.parts[i], reason);
    return;
  }
  const factors = factorsOf(other);
  if (factors.length === 1) return unify(interleaved, factors[0], reason);
  const split = splitInner(interleaved, factors.at(-1)?.size ?? 1, reason);
  if (split === null) return fixBoth(interleaved, other, reason);
  unify(productOf(split), other, reason);
}

/** The innermost factor left, taken apart as far as it is by now. */
function popFactor(factors: Atom[]): Atom | undefined {
  const last = factors.pop();
  if (last === undefined) return undefined;
  factors.push(...factorsOf(last));
  return factors.pop();
}

function alignTerms(a: Atom, b: Atom, reason: string): void {
  const left = termsOf(a).reverse();
  const right = termsOf(b).reverse();
  for (let step = 0; ; step++) {
    const x = popTerm(left);
    const y = popTerm(right);
    if (x === undefined || y === undefined) return;
    if (step > maxPieces) return fixBoth(a, b, reason);
    if (x.size === y.size) {
      unify(x, y, reason);
    } else if (x.size < y.size) {
      cutAt(y, x.size, reason);
      right.push(y);
      left.push(x);
    } else {
      cutAt(x, y.size, reason);
      left.push(x);
      right.push(y);
    }
  }
}

function popTerm(terms: Atom[]): Atom | undefined {
  const last = terms.pop();
  if (last === undefined) return undefined;
  terms.push(...termsOf(last).reverse());
  return terms.pop();
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
