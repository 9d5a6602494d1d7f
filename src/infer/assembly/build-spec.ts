// The spec of a walked graph: leaves become axes, atoms become axis expressions.

import { frozenRecord } from "../../core/records.ts";
import {
  type AxisExpression,
  formatAxisExpression,
  productOf,
  sumOf,
} from "../../symmetry/expression.ts";
import { sealSpec } from "../../symmetry/spec.ts";
import type { Axis, SymmetrySpec, TensorSpec } from "../../symmetry/types.ts";
import { type Atom, factorsOf, find, leavesOf } from "../index-sets/atoms.ts";
import { shapeOfValue, type Value } from "../walk/value.ts";

/** What a free leaf carries besides permutations. */
export interface LeafScale {
  readonly group: "permutation" | "general-linear";
  readonly scale?: "sign" | "positive";
  /** By which power of its scale or matrix the leaf transforms at its n-th place in a dimension of a weight. */
  readonly power: (weight: Value, dimension: number, place: number) => -1 | 0 | 1;
  /** Whether a dimension of a value changes with the scale part, wherever it has the leaf. */
  readonly carriedBy: (value: Value, dimension: number) => boolean;
}

export interface SpecSource {
  readonly weights: readonly Value[];
  readonly names: ReadonlyMap<Atom, string>;
  readonly parents: ReadonlyMap<Atom, Atom>;
  readonly scales: ReadonlyMap<Atom, LeafScale>;
}

export function buildSpec({ weights, names, parents, scales }: SpecSource): SymmetrySpec {
  const axes = [...names].map(([leaf, name]): [string, Axis] => {
    const parent = parents.get(leaf);
    const within = parent === undefined ? undefined : names.get(parent);
    const extra = scales.get(leaf);
    const axis: Axis = {
      size: leaf.size,
      group: leaf.fixed ? "fixed" : (extra?.group ?? "permutation"),
      ...(extra?.scale !== undefined && { scale: extra.scale }),
      ...(within !== undefined && { within }),
    };
    return [name, Object.freeze(axis)];
  });
  const tensors = weights.map((value): [string, TensorSpec] => {
    const dims = value.dims.map((dim, dimension) => {
      const places = new Map<Atom, number>();
      const powerOf = (leaf: Atom) => {
        const place = places.get(leaf) ?? 0;
        places.set(leaf, place + 1);
        return scales.get(leaf)?.power(value, dimension, place) ?? 1;
      };
      return expressionOf(dim, names, powerOf);
    });
    return [
      value.name,
      Object.freeze({ shape: Object.freeze(shapeOfValue(value)), axes: Object.freeze(dims) }),
    ];
  });
  return sealSpec({ axes: frozenRecord(axes), tensors: frozenRecord(tensors) });
}

/** How the atoms of computed values are read: with the leaves that tensors have. */
export interface ValueSource extends Omit<SpecSource, "weights"> {
  readonly rebuild: (atom: Atom) => Atom;
}

/**
 * The axes of every dimension of a computed value; null when it holds a moving leaf that no tensor has as a whole, or
 * when signs of one of its axes are lost in it (a square has none).
 */
export function axesOfValue(
  value: Value,
  { names, scales, rebuild }: ValueSource,
): readonly AxisExpression[] | null {
  const dims = value.dims.map(rebuild);
  for (const [dimension, dim] of dims.entries()) {
    for (const leaf of leavesOf(dim)) {
      if (!leaf.fixed && !names.has(leaf)) return null;
      const scale = scales.get(leaf);
      if (scale?.scale === "sign" && !scale.carriedBy(value, dimension)) return null;
    }
  }
  const kept = dims.every(({ size }, i) => size === value.dims[i].size);
  return kept ? dims.map((dim) => expressionOf(dim, names, () => 1)) : null;
}

/** The expression of an atom; leaves without a name are plain sizes, and neighbouring plain sizes become one. */
function expressionOf(
  atom: Atom,
  names: ReadonlyMap<Atom, string>,
  powerOf: (leaf: Atom) => -1 | 0 | 1,
): AxisExpression {
  const root = find(atom);
  if (root.parts === null) {
    const name = names.get(root);
    if (name === undefined) return { kind: "block", size: root.size };
    const power = powerOf(root);
    return { kind: "axis", name, inverse: power === -1, ...(power === 0 && { still: true }) };
  }
  if (root.parts.kind === "product")
    return mergeFactors(factorsOf(root).map((part) => expressionOf(part, names, powerOf)));
  return mergeTerms(root.parts.parts.map((part) => expressionOf(part, names, powerOf)));
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
