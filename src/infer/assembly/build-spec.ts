// The spec of a walked graph: leaves become axes, atoms become axis expressions.

import { frozenRecord } from "../../core/records.ts";
import {
  type AxisExpression,
  formatAxisExpression,
  interleavingOf,
  productOf,
  sumOf,
} from "../../symmetry/expression.ts";
import { sealSpec } from "../../symmetry/spec.ts";
import type { Axis, AxisScale, SymmetrySpec, TensorSpec, Wave } from "../../symmetry/types.ts";
import { type Atom, factorsOf, find, leavesOf } from "../index-sets/atoms.ts";
import { shapeOfValue, type Value } from "../walk/value.ts";

/** What a free leaf carries besides permutations. */
export interface LeafScale {
  readonly group: "permutation" | "general-linear";
  readonly scale?: AxisScale;
  /** Of phases: their frequency and wave, and the names of the tensors that are shifted. */
  readonly phase?: {
    readonly omega: number;
    readonly wave: Wave;
    readonly shifted: ReadonlySet<string>;
  };
  /** By which power of its scale or matrix the leaf transforms at its n-th place in a dimension of a weight. */
  readonly power: (weight: Value, dimension: number, place: number) => -1 | 0 | 1;
  /** Whether a dimension of a value changes with the scale part, wherever it has the leaf. */
  readonly carriedBy: (value: Value, dimension: number) => boolean;
}

/** Factors of a leaf: each is one number of either sign for every index. */
export interface LeafFactors {
  readonly count: number;
  /** Which factor stands at the n-th place of the leaf in a dimension of a weight, and whether it divides; null for none. */
  readonly at: (
    weight: Value,
    dimension: number,
    place: number,
  ) => { readonly factor: number; readonly power: -1 | 1 } | null;
  /** Whether a dimension of a value changes with one of them. */
  readonly carriedBy: (value: Value, dimension: number) => boolean;
}

export interface SpecSource {
  readonly weights: readonly Value[];
  readonly names: ReadonlyMap<Atom, string>;
  readonly parents: ReadonlyMap<Atom, Atom>;
  readonly scales: ReadonlyMap<Atom, LeafScale>;
  readonly factors: ReadonlyMap<Atom, LeafFactors>;
}

export function buildSpec(source: SpecSource): SymmetrySpec {
  const { weights, names, parents, scales } = source;
  const factors = namedFactors(source);
  const axes = [...names].map(([leaf, name]): [string, Axis] => {
    const parent = parents.get(leaf);
    const within = parent === undefined ? undefined : names.get(parent);
    const extra = scales.get(leaf);
    const axis: Axis = {
      size: leaf.size,
      group: leaf.fixed ? "fixed" : (extra?.group ?? "permutation"),
      ...(extra?.scale !== undefined && { scale: extra.scale }),
      ...(extra?.phase !== undefined && { omega: extra.phase.omega }),
      ...(extra?.phase?.wave === "cosine" && { wave: "cosine" }),
      ...(within !== undefined && { within }),
    };
    return [name, Object.freeze(axis)];
  });
  for (const [leaf, ofLeaf] of factors)
    for (const name of ofLeaf.names) {
      const factor: Axis = { size: 1, group: "general-linear", within: names.get(leaf) ?? "" };
      axes.push([name, Object.freeze(factor)]);
    }
  const shifts = new Map(
    [...scales].flatMap(([leaf, { phase }]) =>
      [...(phase?.shifted ?? [])].map((tensor) => [tensor, names.get(leaf) ?? ""] as const),
    ),
  );
  const shiftOf = (tensor: string) => {
    const shift = shifts.get(tensor);
    return shift === undefined ? {} : { shift };
  };
  const tensors = weights.map((value): [string, TensorSpec] => {
    const dims = value.dims.map((dim, dimension) => {
      const places = new Map<Atom, number>();
      const powersOf = (leaf: Atom): Powers => {
        const place = places.get(leaf) ?? 0;
        places.set(leaf, place + 1);
        const ofLeaf = factors.get(leaf);
        const found = ofLeaf?.at(value, dimension, place) ?? null;
        const factor = found && { name: ofLeaf?.names[found.factor] ?? "", power: found.power };
        return { exponent: scales.get(leaf)?.power(value, dimension, place) ?? 1, factor };
      };
      return expressionOf(dim, names, powersOf);
    });
    return [
      value.name,
      Object.freeze({
        shape: Object.freeze(shapeOfValue(value)),
        axes: Object.freeze(dims),
        ...shiftOf(value.name),
      }),
    ];
  });
  return sealSpec({ axes: frozenRecord(axes), tensors: frozenRecord(tensors) });
}

/** By which powers a leaf transforms at one place. */
interface Powers {
  readonly exponent: -1 | 0 | 1;
  readonly factor: { readonly name: string; readonly power: -1 | 1 } | null;
}

const plainPowers: Powers = { exponent: 1, factor: null };

/** Factors under the names of their leaves, numbered where a leaf has several. */
function namedFactors({ names, factors }: SpecSource) {
  const taken = new Set(names.values());
  return new Map(
    [...factors].flatMap(([leaf, ofLeaf]) => {
      const base = names.get(leaf);
      if (base === undefined) return [];
      const named = Array.from({ length: ofLeaf.count }, (_, i) => {
        let name = i === 0 ? `${base}.factor` : `${base}.factor_${i + 1}`;
        while (taken.has(name)) name += "_";
        taken.add(name);
        return name;
      });
      return [[leaf, { ...ofLeaf, names: named }] as const];
    }),
  );
}

/** How the atoms of computed values are read: with the leaves that tensors have. */
export interface ValueSource extends Omit<SpecSource, "weights"> {
  readonly rebuild: (atom: Atom) => Atom;
}

/**
 * The axes of every dimension of a computed value; null when it holds a moving leaf that no tensor has as a whole, when
 * signs of one of its axes are lost in it (a square has none), or when it has a factor that may be negative.
 */
export function axesOfValue(
  value: Value,
  { names, scales, factors, rebuild }: ValueSource,
): readonly AxisExpression[] | null {
  const dims = value.dims.map(rebuild);
  for (const [dimension, dim] of dims.entries()) {
    for (const leaf of leavesOf(dim)) {
      if (!leaf.fixed && !names.has(leaf)) return null;
      const scale = scales.get(leaf);
      const isSigned = scale?.scale === "sign" || scale?.scale === "phase";
      if (isSigned && !scale.carriedBy(value, dimension)) return null;
      if (factors.get(leaf)?.carriedBy(value, dimension) === true) return null;
    }
  }
  const kept = dims.every(({ size }, i) => size === value.dims[i].size);
  return kept ? dims.map((dim) => expressionOf(dim, names, () => plainPowers)) : null;
}

/** The expression of an atom; leaves without a name are plain sizes, and neighbouring plain sizes become one. */
function expressionOf(
  atom: Atom,
  names: ReadonlyMap<Atom, string>,
  powersOf: (leaf: Atom) => Powers,
): AxisExpression {
  const root = find(atom);
  if (root.parts === null) {
    const name = names.get(root);
    if (name === undefined) return { kind: "block", size: root.size };
    const { exponent, factor } = powersOf(root);
    const axis = (of: string, power: -1 | 0 | 1): AxisExpression => ({
      kind: "axis",
      name: of,
      inverse: power === -1,
      ...(power === 0 && { still: true }),
    });
    if (factor === null) return axis(name, exponent);
    return productOf([axis(name, exponent), axis(factor.name, factor.power)]);
  }
  if (root.parts.kind === "product")
    return mergeFactors(factorsOf(root).map((part) => expressionOf(part, names, powersOf)));
  const terms = root.parts.parts.map((part) => expressionOf(part, names, powersOf));
  return root.parts.kind === "sum" ? mergeTerms(terms) : mergeTurns(terms);
}

/** Turns of one expression are a product with a block: `h & h` is `h * 2`. */
function mergeTurns(terms: readonly AxisExpression[]): AxisExpression {
  const [first] = terms;
  const text = formatAxisExpression(first);
  return terms.every((term) => formatAxisExpression(term) === text)
    ? mergeFactors([first, { kind: "block", size: terms.length }])
    : interleavingOf(terms);
}

function mergeFactors(factors: readonly AxisExpression[]): AxisExpression {
  const merged: AxisExpression[] = [];
  for (const factor of factors) {
    const last = merged.at(-1);
    if (factor.kind === "block" && last?.kind === "block")
      merged[merged.length - 1] = { kind: "block", size: last.size * factor.size };
    else merged.push(factor);
  }
  return productOf(merged);
}

/** Equal neighbours become a multiple: `h + h + h` is `3 * h`. */
function mergeTerms(terms: readonly AxisExpression[]): AxisExpression {
  const flat = terms.flatMap((term) => (term.kind === "sum" ? term.terms : [term]));
  const runs: { expression: AxisExpression; text: string; count: number }[] = [];
  for (const expression of flat) {
    const last = runs.at(-1);
    if (expression.kind === "block" && last?.expression.kind === "block") {
      last.expression = { kind: "block", size: last.expression.size + expression.size };
      continue;
    }
    const text = expression.kind === "block" ? "" : formatAxisExpression(expression);
    if (last !== undefined && text !== "" && last.text === text) last.count++;
    else runs.push({ expression, text, count: 1 });
  }
  return sumOf(
    runs.map(({ expression, count }) =>
      count === 1 ? expression : productOf([{ kind: "block", size: count }, expression]),
    ),
  );
}
