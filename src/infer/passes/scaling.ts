// One way of scaling (positive factors, sign flips or matrices) followed through all facts: which places of free leaves
// can carry it and with which sign. Facts a way cannot pass set exponents to 0.

import { type Exponents, exponents } from "./exponents.ts";
import { type ExponentSum, settleSums, type Support } from "./settle.ts";
import {
  leavesBefore,
  type LeafPlaces,
  noPlaces,
  slicePlaces,
  type ValuePlaces,
} from "./places.ts";
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
  readonly unknowns: Exponents;
  readonly products: Product[];
}

/** Exponents of `total` are the sums of those of the terms, each with its sign; waits until more is known. */
interface Product {
  readonly total: LeafPlaces;
  readonly terms: readonly LeafPlaces[];
  readonly signs: readonly (1 | -1)[];
}

interface Bound {
  readonly dim: number;
  readonly start: number;
}

type FactOf<K extends Fact["kind"]> = Extract<Fact, { kind: K }>;
type Placed<K extends PlacedFact["kind"]> = Extract<PlacedFact, { kind: K }>;

/** A fact with the places of its values, looked up once for all ways. */
export type PlacedFact =
  | { readonly kind: "opaque"; readonly of: ValuePlaces }
  | { readonly kind: "regroup"; readonly from: ValuePlaces; readonly to: ValuePlaces }
  | {
      readonly kind: "pointwise";
      readonly fact: FactOf<"pointwise">;
      readonly inputs: readonly ValuePlaces[];
      readonly output: ValuePlaces;
    }
  | {
      readonly kind: "contract";
      readonly fact: FactOf<"contract">;
      readonly left: ValuePlaces;
      readonly right: ValuePlaces;
      readonly output: ValuePlaces;
    }
  | {
      readonly kind: "carry";
      readonly fact: FactOf<"carry">;
      readonly from: ValuePlaces;
      readonly to: ValuePlaces;
    };

/** Facts that say something about a place. */
export function placedFacts(
  facts: readonly Fact[],
  places: (value: Value) => ValuePlaces,
): PlacedFact[] {
  const placed: PlacedFact[] = [];
  const moves = ({ all }: ValuePlaces) => all.leaves.length > 0;
  for (const fact of facts) {
    if (fact.kind === "opaque") {
      const of = places(fact.value);
      if (moves(of)) placed.push({ kind: "opaque", of });
    } else if (fact.kind === "regroup" || fact.kind === "carry") {
      const [from, to] = [places(fact.from), places(fact.to)];
      if (!moves(from) && !moves(to)) continue;
      if (fact.kind === "carry") placed.push({ kind: "carry", fact, from, to });
      else placed.push({ kind: "regroup", from, to });
    } else if (fact.kind === "pointwise") {
      const [inputs, output] = [fact.inputs.map(places), places(fact.output)];
      if (moves(output) || inputs.some(moves))
        placed.push({ kind: "pointwise", fact, inputs, output });
    } else if (fact.kind === "contract") {
      const [left, right, output] = [fact.left, fact.right, fact.output].map(places);
      if (moves(left) || moves(right) || moves(output))
        placed.push({ kind: "contract", fact, left, right, output });
    }
  }
  return placed;
}

/** Solves for the exponent with which every place of a leaf in every value scales when one axis is scaled in one way. */
export function followScaling(
  facts: readonly PlacedFact[],
  places: (value: Value) => ValuePlaces,
  way: Way,
  weights: readonly Value[],
): Exponents {
  const solve: Solve = { way, unknowns: exponents(), products: [] };
  for (const fact of facts) {
    switch (fact.kind) {
      case "opaque":
        zero(solve, fact.of.all);
        break;
      case "regroup":
        link(solve, fact.from.all, fact.to.all);
        break;
      case "pointwise":
        pointwise(solve, fact);
        break;
      case "contract":
        contract(solve, fact);
        break;
      case "carry":
        carry(solve, fact);
        break;
    }
  }
  const sums = sumsOf(solve.products);
  if (way === "partly positive" || way === "factor")
    settleSums(sums, solve.unknowns, () => supportOf(solve.unknowns, places, weights));
  else settle(sums, solve.unknowns);
  return solve.unknowns;
}

function zero({ unknowns }: Solve, { leaves, first }: LeafPlaces): void {
  for (let i = 0; i < leaves.length; i++) unknowns.zero(first + i);
}

/** Whether two lists hold the same leaves in the same order. */
function same({ leaves: a }: LeafPlaces, { leaves: b }: LeafPlaces): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Exponents of a are `factor` times those of b; 0 where the leaves differ. */
function link(solve: Solve, a: LeafPlaces, b: LeafPlaces, factor = 1): void {
  if (!same(a, b)) {
    zero(solve, a);
    zero(solve, b);
    return;
  }
  const used = solve.way === "parity" ? 1 : factor;
  for (let i = 0; i < a.leaves.length; i++) solve.unknowns.link(a.first + i, b.first + i, used);
}

/** Paired dimensions scale alike; the others do not scale. */
function carry(solve: Solve, { fact, from: before, to: after }: Placed<"carry">): void {
  const { from, to, pairs, options } = fact;
  if (options.homogeneous === true && !isPositive(solve.way)) {
    zero(solve, before.all);
    zero(solve, after.all);
  }
  for (const [i, places] of before.dims.entries())
    if (places.leaves.length > 0 && !pairs.some(([used]) => used === i)) zero(solve, places);
  for (const [j, places] of after.dims.entries())
    if (places.leaves.length > 0 && !pairs.some(([, filled]) => filled === j)) zero(solve, places);
  for (const [i, j] of pairs) {
    const a = before.dims[i] ?? noPlaces;
    const b = after.dims[j] ?? noPlaces;
    if (options.slice?.dim === i)
      link(solve, part(solve, a, from, options.slice, b.leaves.length), b);
    else if (options.place?.dim === j)
      link(solve, a, part(solve, b, to, options.place, a.leaves.length));
    else link(solve, a, b, 1 / (options.degree ?? 1));
  }
}

/** The places of a slice that begins at `start`; none, and all set to 0, where it cuts a leaf. */
function part(
  solve: Solve,
  list: LeafPlaces,
  value: Value,
  { dim, start }: Bound,
  length: number,
): LeafPlaces {
  const first = Number.isNaN(start) ? null : leavesBefore(value.dims[dim], start);
  if (first !== null) return slicePlaces(list, first, first + length);
  zero(solve, list);
  return noPlaces;
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
function pointwise(solve: Solve, { fact, inputs: all, output: out }: Placed<"pointwise">): void {
  const { law, inputs, output } = fact;
  if (!passes(law, solve.way)) {
    for (const { all: list } of all) zero(solve, list);
    zero(solve, out.all);
    return;
  }
  const still = law === "choose" ? inputs[0] : law === "compare" ? output : null;
  if (still !== null) zero(solve, (still === output ? out : all[0]).all);
  for (const [j, dim] of out.dims.entries()) {
    const lists: LeafPlaces[] = [];
    let some = dim.leaves.length > 0;
    for (let i = 0; i < inputs.length; i++) {
      const list = all[i].dims[j - out.dims.length + all[i].dims.length] ?? noPlaces;
      lists.push(list);
      if (list.leaves.length > 0) some = true;
    }
    if (some) pointwiseDim(solve, fact, dim, lists, still);
  }
}

/** One dimension of the output, and those of the inputs that lie along it. */
function pointwiseDim(
  solve: Solve,
  { law, inputs, output, degree = 1 }: FactOf<"pointwise">,
  out: LeafPlaces,
  lists: readonly LeafPlaces[],
  still: Value | null,
): void {
  if (out.leaves.length === 0 && output.origin !== "constant") {
    for (const list of lists) zero(solve, list);
  } else if (law === "compare") {
    if (!inputs.some((value) => harmless(law, value)))
      for (let i = 1; i < lists.length; i++) link(solve, lists[0], lists[i]);
  } else if (law === "product" || law === "quotient") {
    multiply(
      solve,
      out,
      lists,
      lists.map((_, i) => (law === "quotient" && i > 0 ? -1 : 1)),
    );
  } else {
    for (let i = 0; i < lists.length; i++)
      if (inputs[i] !== still && (lists[i].leaves.length > 0 || !harmless(law, inputs[i])))
        link(solve, lists[i], out, 1 / degree);
  }
}

/** The exponents of `total` are the sums of those of the lists. */
function multiply(
  solve: Solve,
  total: LeafPlaces,
  lists: readonly LeafPlaces[],
  signs: readonly (1 | -1)[],
): void {
  const { way, products } = solve;
  const terms = lists.filter(({ leaves }) => leaves.length > 0);
  const movingSigns = signs.filter((_, i) => lists[i].leaves.length > 0);
  if (terms.length === 1 && (way !== "general-linear" || movingSigns[0] === 1))
    link(solve, terms[0], total, movingSigns[0]);
  else if (way === "general-linear" || terms.some((list) => !same(list, total))) {
    zero(solve, total);
    for (const list of lists) zero(solve, list);
  } else if (total.leaves.length > 0) products.push({ total, terms, signs: movingSigns });
}

/** Contracted dimensions scale inversely to each other; the others as they do in the output. */
function contract(solve: Solve, { fact, left, right, output }: Placed<"contract">): void {
  const { contracted, leftOut, rightOut } = fact;
  for (const [i, j] of contracted)
    link(solve, left.dims[i] ?? noPlaces, right.dims[j] ?? noPlaces, -1);
  /** The dimension of an operand that goes to a dimension of the output: the last one named. */
  const source = ({ dims }: ValuePlaces, pairs: typeof leftOut, o: number): LeafPlaces => {
    const found = pairs.findLast(([, to]) => to === o);
    return found === undefined ? noPlaces : (dims[found[0]] ?? noPlaces);
  };
  for (const [o, total] of output.dims.entries()) {
    const lists = [source(left, leftOut, o), source(right, rightOut, o)];
    if (total.leaves.length > 0 || lists.some(({ leaves }) => leaves.length > 0))
      multiply(solve, total, lists, [1, 1]);
  }
  const zeroOthers = ({ dims }: ValuePlaces, named: (i: number) => boolean) => {
    for (const [i, list] of dims.entries())
      if (list.leaves.length > 0 && !named(i)) zero(solve, list);
  };
  const goes = (pairs: typeof leftOut, i: number) => pairs.some(([from]) => from === i);
  zeroOthers(left, (i) => goes(contracted, i) || goes(leftOut, i));
  zeroOthers(right, (j) => contracted.some(([, other]) => other === j) || goes(rightOut, j));
}

/** The sums of exponents that products stand for, place by place. */
function sumsOf(products: readonly Product[]): ExponentSum[] {
  return products.flatMap(({ total, terms, signs }) =>
    total.leaves.map((_, i) => ({
      total: total.first + i,
      terms: terms.map(({ first }) => first + i),
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
function supportOf(
  unknowns: Exponents,
  places: (value: Value) => ValuePlaces,
  weights: readonly Value[],
): Support {
  const found = new Map<number, number>();
  for (const value of weights) {
    const entries = sizeOf(shapeOfValue(value));
    const { leaves, first } = places(value).all;
    for (let i = 0; i < leaves.length; i++) {
      const root = unknowns.root(first + i);
      found.set(root, (found.get(root) ?? 0) + 1 + entries / 2 ** 50);
    }
  }
  return (root) => found.get(root) ?? 0;
}
