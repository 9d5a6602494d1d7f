// One way of scaling (positive factors, sign flips or matrices) followed through all facts: which places of free leaves
// can carry it and with which sign. Facts a way cannot pass set exponents to 0.

import { type Exponents, exponents } from "./exponents.ts";
import { type ExponentSum, settleSums, type Support } from "./settle.ts";
import { leavesBefore, type LeafPlace, type LeafPlaces } from "./places.ts";
import { sizeOf } from "../../core/shapes.ts";
import { type Fact, type PointwiseLaw, shapeOfValue, type Value } from "../walk/value.ts";

/**
 * `parity` is `sign` where a place and its inverse are not told apart. `partly positive` is `positive` where products of
 * values that both scale are looked into; `factor` is the same for factors of either sign, which pass what is linear only.
 */
export type Way = "positive" | "sign" | "parity" | "general-linear" | "partly positive" | "factor";

const isPositive = (way: Way): boolean => way === "positive" || way === "partly positive";

/** One solve: the exponents found so far, and the products that wait for more to be known. */
interface Solve {
  readonly way: Way;
  readonly places: LeafPlaces;
  readonly unknowns: Exponents;
  readonly products: Product[];
}

/** Exponents of `total` are the sums of those of the terms, each with its sign; waits until more is known. */
interface Product {
  readonly total: readonly LeafPlace[];
  readonly terms: readonly (readonly LeafPlace[])[];
  readonly signs: readonly (1 | -1)[];
}

interface Bound {
  readonly dim: number;
  readonly start: number;
}

type FactOf<K extends Fact["kind"]> = Extract<Fact, { kind: K }>;

/** Solves for the exponent with which every place of a leaf in every value scales when one axis is scaled in one way. */
export function followScaling(
  facts: readonly Fact[],
  places: LeafPlaces,
  way: Way,
  weights: readonly Value[],
): Exponents {
  const solve: Solve = { way, places, unknowns: exponents(), products: [] };
  for (const fact of facts) {
    if (fact.kind === "opaque") zero(solve, places.all(fact.value));
    else if (fact.kind === "pointwise") pointwise(solve, fact);
    else if (fact.kind === "contract") contract(solve, fact);
    else if (fact.kind === "regroup") link(solve, places.all(fact.from), places.all(fact.to));
    else if (fact.kind === "carry") carry(solve, fact);
  }
  const sums = sumsOf(solve.products);
  if (way === "partly positive" || way === "factor")
    settleSums(sums, solve.unknowns, () => supportOf(solve.unknowns, places, weights));
  else settle(sums, solve.unknowns);
  return solve.unknowns;
}

function zero({ unknowns }: Solve, list: readonly LeafPlace[]): void {
  for (const { unknown } of list) unknowns.zero(unknown);
}

/** Whether two lists hold the same leaves in the same order. */
const same = (a: readonly LeafPlace[], b: readonly LeafPlace[]): boolean =>
  a.length === b.length && a.every(({ leaf }, i) => leaf === b[i].leaf);

/** Exponents of a are `factor` times those of b; 0 where the leaves differ. */
function link(solve: Solve, a: readonly LeafPlace[], b: readonly LeafPlace[], factor = 1): void {
  if (same(a, b))
    for (const [i, { unknown }] of a.entries())
      solve.unknowns.link(unknown, b[i].unknown, solve.way === "parity" ? 1 : factor);
  else for (const list of [a, b]) zero(solve, list);
}

/** Paired dimensions scale alike; the others do not scale. */
function carry(solve: Solve, { from, to, pairs, options }: FactOf<"carry">): void {
  const { way, places } = solve;
  if (options.homogeneous === true && !isPositive(way))
    for (const value of [from, to]) zero(solve, places.all(value));
  const [used, filled] = [new Set(pairs.map(([i]) => i)), new Set(pairs.map(([, j]) => j))];
  for (const i of from.dims.keys()) if (!used.has(i)) zero(solve, places.at(from, i));
  for (const j of to.dims.keys()) if (!filled.has(j)) zero(solve, places.at(to, j));
  for (const [i, j] of pairs) {
    const a = places.at(from, i);
    const b = places.at(to, j);
    if (options.slice?.dim === i) link(solve, part(solve, a, from, options.slice, b.length), b);
    else if (options.place?.dim === j) link(solve, a, part(solve, b, to, options.place, a.length));
    else link(solve, a, b, 1 / (options.degree ?? 1));
  }
}

/** The places of a slice that begins at `start`; none, and all set to 0, where it cuts a leaf. */
function part(
  solve: Solve,
  list: readonly LeafPlace[],
  value: Value,
  { dim, start }: Bound,
  length: number,
): readonly LeafPlace[] {
  const first = Number.isNaN(start) ? null : leavesBefore(value.dims[dim], start);
  if (first !== null) return list.slice(first, first + length);
  zero(solve, list);
  return [];
}

/** Whether an element-wise operation lets such scalings of its inputs through at all. */
function passes(law: PointwiseLaw, way: Way): boolean {
  if (["homogeneous", "compare", "power"].includes(law)) return isPositive(way);
  if (law === "odd") return way === "sign" || way === "parity";
  return law === "choose" ? way !== "general-linear" : law !== "opaque";
}

/** Zeros scale like anything, where an operation adds, compares or chooses. */
const harmless = (law: PointwiseLaw, { entry }: Value): boolean =>
  entry === 0 && ["homogeneous", "linear", "choose", "compare"].includes(law);

/** Inputs scale as the output does; the exponents of factors add up. */
function pointwise(solve: Solve, { law, inputs, output, degree = 1 }: FactOf<"pointwise">): void {
  const { way, places } = solve;
  if (!passes(law, way)) {
    for (const value of [...inputs, output]) zero(solve, places.all(value));
    return;
  }
  const still = law === "choose" ? inputs[0] : law === "compare" ? output : null;
  if (still !== null) zero(solve, places.all(still));
  for (const j of output.dims.keys()) {
    const out = places.at(output, j);
    const lists = inputs.map((value) =>
      places.at(value, j - output.dims.length + value.dims.length),
    );
    if (out.length === 0 && output.origin !== "constant") {
      for (const list of lists) zero(solve, list);
      continue;
    }
    if (law === "compare") {
      if (!inputs.some((value) => harmless(law, value)))
        for (const list of lists.slice(1)) link(solve, lists[0], list);
      continue;
    }
    if (law !== "product" && law !== "quotient") {
      for (const [i, list] of lists.entries())
        if (inputs[i] !== still && (list.length > 0 || !harmless(law, inputs[i])))
          link(solve, list, out, 1 / degree);
      continue;
    }
    const signs = lists.map((_, i): 1 | -1 => (law === "quotient" && i > 0 ? -1 : 1));
    multiply(solve, out, lists, signs);
  }
}

/** The exponents of `total` are the sums of those of the lists. */
function multiply(
  solve: Solve,
  total: readonly LeafPlace[],
  lists: readonly (readonly LeafPlace[])[],
  signs: readonly (1 | -1)[],
): void {
  const { way, products } = solve;
  const moving = lists
    .map((list, i) => ({ list, sign: signs[i] }))
    .filter(({ list }) => list.length > 0);
  if (moving.length === 1 && (way !== "general-linear" || moving[0].sign === 1))
    link(solve, moving[0].list, total, moving[0].sign);
  else if (way === "general-linear" || moving.some(({ list }) => !same(list, total)))
    for (const list of [total, ...lists]) zero(solve, list);
  else
    products.push({
      total,
      terms: moving.map(({ list }) => list),
      signs: moving.map(({ sign }) => sign),
    });
}

/** Contracted dimensions scale inversely to each other; the others as they do in the output. */
function contract(solve: Solve, fact: FactOf<"contract">): void {
  const { places } = solve;
  const { left, right, output, contracted, leftOut, rightOut } = fact;
  for (const [i, j] of contracted) link(solve, places.at(left, i), places.at(right, j), -1);
  const [fromLeft, fromRight] = [
    new Map(leftOut.map(([i, o]) => [o, i])),
    new Map(rightOut.map(([i, o]) => [o, i])),
  ];
  for (const o of output.dims.keys()) {
    const [i, j] = [fromLeft.get(o), fromRight.get(o)];
    const lists = [
      i === undefined ? [] : places.at(left, i),
      j === undefined ? [] : places.at(right, j),
    ];
    multiply(solve, places.at(output, o), lists, [1, 1]);
  }
  const zeroOthers = (value: Value, named: readonly number[]) => {
    for (const i of value.dims.keys()) if (!named.includes(i)) zero(solve, places.at(value, i));
  };
  zeroOthers(left, [...contracted.map(([i]) => i), ...leftOut.map(([i]) => i)]);
  zeroOthers(right, [...contracted.map(([, j]) => j), ...rightOut.map(([i]) => i)]);
}

/** The sums of exponents that products stand for, place by place. */
function sumsOf(products: readonly Product[]): ExponentSum[] {
  return products.flatMap(({ total, terms, signs }) =>
    total.map((place, i) => ({
      total: place.unknown,
      terms: terms.map((list) => list[i].unknown),
      factors: signs,
    })),
  );
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
function supportOf(unknowns: Exponents, places: LeafPlaces, weights: readonly Value[]): Support {
  const found = new Map<number, number>();
  for (const value of weights) {
    const entries = sizeOf(shapeOfValue(value));
    for (const { unknown } of places.all(value)) {
      const [root] = unknowns.root(unknown);
      found.set(root, (found.get(root) ?? 0) + 1 + entries / 2 ** 50);
    }
  }
  return (root) => found.get(root) ?? 0;
}
