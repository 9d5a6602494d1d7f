// What facts say about how values scale, written once for all ways of scaling: places that always scale alike become one
// unknown, and short steps say for which ways others are linked or do not scale.

import { type Fact, type PointwiseLaw, type Value } from "../walk/value.ts";
import {
  dealtTo,
  leavesBefore,
  type LeafPlaces,
  noPlaces,
  type Places,
  slicePlaces,
  type ValuePlaces,
} from "./places.ts";
import type { ExponentSum } from "./settle.ts";
import { commonSets } from "./common-sets.ts";

/**
 * `parity` is `sign` where a place and its inverse are not told apart. `partly positive` is `positive` where products of
 * values that both scale are looked into; `factor` is the same for factors of either sign, which pass what is linear only. `wave` is
 * `parity` where both sides of a sine or cosine have signs of their own.
 */
export type Way =
  | "positive"
  | "sign"
  | "parity"
  | "general-linear"
  | "partly positive"
  | "factor"
  | "wave";

/** A bit for every way, so that one step serves several. */
export const bits: Readonly<Record<Way, number>> = {
  positive: 1,
  sign: 2,
  parity: 4,
  "general-linear": 8,
  "partly positive": 16,
  factor: 32,
  wave: 64,
};

const everyWay = 127;
/** Ways that do not tell a place from its inverse. */
const parities = bits.parity | bits.wave;
const positiveWays = bits.positive | bits["partly positive"];
const withoutMatrices = everyWay & ~bits["general-linear"];

/** One step: of the unknowns `from` and `to` in these ways, exponents of `from` are `factor` times those of `to`; 0 where `to` is -1. */
export interface Steps {
  readonly ways: readonly number[];
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly factor: readonly number[];
}

/** All that facts say about unknowns, which are numbered from 0. */
export interface Constraints {
  /** The unknown of every place. */
  readonly unknownOf: Int32Array;
  readonly count: number;
  /** 1 for unknowns that are 0 in every way. */
  readonly zeros: Uint8Array;
  /** In the order of the facts. */
  readonly steps: Steps;
  /** Products of what may scale both; matrices pass none. */
  readonly sums: readonly ExponentSum[];
}

/** What is written while facts are read; places in a row are written as the first and their number. */
interface Notes {
  /** Always the same: first place, first place of the other list, how many. */
  readonly same: number[];
  /** Always 0: first place, how many. */
  readonly zeros: number[];
  /** Ways, first place, first place of the other list or -1, how many. */
  readonly steps: number[];
  /** One for every step. */
  readonly factors: number[];
  readonly products: Product[];
}

/** Exponents of `total` are the sums of those of the terms, each with its sign. */
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

/** The constraints of all facts; places of weights that no fact mentions are numbered too. */
export function constraintsOf(
  facts: readonly Fact[],
  weights: readonly Value[],
  places: Places,
): Constraints {
  const notes: Notes = { same: [], zeros: [], steps: [], factors: [], products: [] };
  for (const fact of facts) {
    switch (fact.kind) {
      case "opaque":
        zero(notes, everyWay, places.of(fact.value).all);
        break;
      case "regroup":
        link(notes, everyWay, places.of(fact.from).all, places.of(fact.to).all);
        break;
      case "pointwise":
        pointwise(notes, fact, places);
        break;
      case "contract":
        contract(notes, fact, places);
        break;
      case "carry":
        carry(notes, fact, places);
        break;
      case "mix":
        break;
    }
  }
  for (const weight of weights) places.of(weight);
  const { unknownOf, count } = commonSets(places.count(), notes.same);
  return {
    unknownOf,
    count,
    zeros: zerosOf(notes, unknownOf, count),
    steps: stepsOf(notes, unknownOf),
    sums: sumsOf(notes, unknownOf),
  };
}

function zerosOf({ zeros }: Notes, unknownOf: Int32Array, count: number): Uint8Array {
  const always = new Uint8Array(count);
  for (let at = 0; at < zeros.length; at += 2)
    for (let i = 0; i < zeros[at + 1]; i++) always[unknownOf[zeros[at] + i]] = 1;
  return always;
}

function stepsOf({ steps, factors }: Notes, unknownOf: Int32Array): Steps {
  const ways: number[] = [];
  const from: number[] = [];
  const to: number[] = [];
  const factor: number[] = [];
  for (let at = 0; at < steps.length; at += 4) {
    const [first, other, length] = [steps[at + 1], steps[at + 2], steps[at + 3]];
    for (let i = 0; i < length; i++) {
      const a = unknownOf[first + i];
      const b = other === -1 ? -1 : unknownOf[other + i];
      if (a === b && factors[at / 4] === 1) continue;
      ways.push(steps[at]);
      from.push(a);
      to.push(b);
      factor.push(factors[at / 4]);
    }
  }
  return { ways, from, to, factor };
}

function sumsOf({ products }: Notes, unknownOf: Int32Array): ExponentSum[] {
  const sums: ExponentSum[] = [];
  for (const { total, terms, signs } of products)
    for (let i = 0; i < total.leaves.length; i++)
      sums.push({
        total: unknownOf[total.first + i],
        terms: terms.map(({ first }) => unknownOf[first + i]),
        factors: signs,
      });
  return sums;
}

function zero({ zeros, steps, factors }: Notes, ways: number, { leaves, first }: LeafPlaces): void {
  if (leaves.length === 0 || ways === 0) return;
  if (ways === everyWay) zeros.push(first, leaves.length);
  else {
    steps.push(ways, first, -1, leaves.length);
    factors.push(0);
  }
}

/** Whether two lists hold the same leaves in the same order. */
function same({ leaves: a }: LeafPlaces, { leaves: b }: LeafPlaces): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Exponents of a are `factor` times those of b, in parities equal to them; 0 where the leaves differ. */
function link(notes: Notes, ways: number, a: LeafPlaces, b: LeafPlaces, factor = 1): void {
  if (!same(a, b)) {
    zero(notes, ways, a);
    zero(notes, ways, b);
    return;
  }
  const { length } = a.leaves;
  if (length === 0) return;
  if (factor === 1) {
    if (ways === everyWay) notes.same.push(a.first, b.first, length);
    else step(notes, ways, a.first, b.first, length, 1);
  } else {
    step(notes, ways & ~parities, a.first, b.first, length, factor);
    step(notes, ways & parities, a.first, b.first, length, 1);
  }
}

function step(
  { steps, factors }: Notes,
  ways: number,
  from: number,
  to: number,
  length: number,
  factor: number,
): void {
  if (ways === 0) return;
  steps.push(ways, from, to, length);
  factors.push(factor);
}

/** Paired dimensions scale alike; the others do not scale. */
function carry(notes: Notes, { from, to, pairs, options }: FactOf<"carry">, places: Places): void {
  const before = places.of(from);
  const after = places.of(to);
  if (before.all.leaves.length === 0 && after.all.leaves.length === 0) return;
  if (options.homogeneous === true) {
    zero(notes, everyWay & ~positiveWays, before.all);
    zero(notes, everyWay & ~positiveWays, after.all);
  }
  zeroOthers(notes, before, (i) => pairs.some(([used]) => used === i));
  zeroOthers(notes, after, (j) => pairs.some(([, filled]) => filled === j));
  for (const [i, j] of pairs) {
    const a = before.dims[i] ?? noPlaces;
    const b = after.dims[j] ?? noPlaces;
    if (options.slice?.dim === i)
      link(notes, everyWay, part(notes, a, from, options.slice, b.leaves.length), b);
    else if (options.place?.dim === j)
      link(notes, everyWay, a, part(notes, b, to, options.place, a.leaves.length));
    else if (options.deal?.dim === i)
      dealt(notes, a, b, dealtTo(from.dims[i], to.dims[j], options.deal));
    else link(notes, everyWay, a, b, 1 / (options.degree ?? 1));
  }
}

/** Leaves scale as they do where their entries are dealt to; those without a counterpart do not scale. */
function dealt(notes: Notes, a: LeafPlaces, b: LeafPlaces, targets: readonly (number | null)[]) {
  for (const [i, j] of targets.entries()) {
    const one = slicePlaces(a, i, i + 1);
    if (j === null) zero(notes, everyWay, one);
    else link(notes, everyWay, one, slicePlaces(b, j, j + 1));
  }
  for (let j = 0; j < b.leaves.length; j++)
    if (!targets.includes(j)) zero(notes, everyWay, slicePlaces(b, j, j + 1));
}

/** Dimensions that are not named do not scale. */
function zeroOthers(notes: Notes, { dims }: ValuePlaces, isNamed: (i: number) => boolean): void {
  for (let i = 0; i < dims.length; i++)
    if (dims[i].leaves.length > 0 && !isNamed(i)) zero(notes, everyWay, dims[i]);
}

/** The places of a slice that begins at `start`; none, and all set to 0, where it cuts a leaf. */
function part(
  notes: Notes,
  list: LeafPlaces,
  value: Value,
  { dim, start }: Bound,
  length: number,
): LeafPlaces {
  const first = Number.isNaN(start) ? null : leavesBefore(value.dims[dim], start);
  if (first !== null) return slicePlaces(list, first, first + length);
  zero(notes, everyWay, list);
  return noPlaces;
}

/** The ways whose scalings an element-wise operation lets through at all. */
function passing(law: PointwiseLaw): number {
  switch (law) {
    case "homogeneous":
    case "compare":
    case "power":
      return positiveWays;
    case "odd":
      return bits.sign | parities;
    case "choose":
      return withoutMatrices;
    case "opaque":
      return 0;
    default:
      return everyWay;
  }
}

/** Zeros scale like anything, where an operation adds, compares or chooses. */
const harmless = (law: PointwiseLaw, { entry }: Value): boolean =>
  entry === 0 && ["homogeneous", "linear", "choose", "compare"].includes(law);

/** Inputs scale as the output does; the exponents of factors add up. */
function pointwise(notes: Notes, fact: FactOf<"pointwise">, places: Places): void {
  const { law, inputs, output } = fact;
  const all = inputs.map(places.of);
  const out = places.of(output);
  const cut = fact.wave === undefined ? 0 : bits.wave;
  const ways = passing(law) & ~cut;
  const closed = everyWay & ~ways & ~cut;
  for (const { all: list } of all) zero(notes, closed, list);
  zero(notes, closed, out.all);
  if (ways === 0) return;
  const still = law === "choose" ? inputs[0] : law === "compare" ? output : null;
  if (still !== null) zero(notes, ways, (still === output ? out : all[0]).all);
  for (let j = 0; j < out.dims.length; j++) {
    const lists: LeafPlaces[] = [];
    let some = out.dims[j].leaves.length > 0;
    for (const { dims } of all) {
      const list = dims[j - out.dims.length + dims.length] ?? noPlaces;
      lists.push(list);
      if (list.leaves.length > 0) some = true;
    }
    if (some) pointwiseDim(notes, ways, fact, out.dims[j], lists, still);
  }
}

/** One dimension of the output, and those of the inputs that lie along it. */
function pointwiseDim(
  notes: Notes,
  ways: number,
  { law, inputs, output, degree = 1 }: FactOf<"pointwise">,
  out: LeafPlaces,
  lists: readonly LeafPlaces[],
  still: Value | null,
): void {
  if (out.leaves.length === 0 && output.origin !== "constant") {
    for (const list of lists) zero(notes, ways, list);
  } else if (law === "compare") {
    if (!inputs.some((value) => harmless(law, value)))
      for (let i = 1; i < lists.length; i++) link(notes, ways, lists[0], lists[i]);
  } else if (law === "product" || law === "quotient") {
    multiply(
      notes,
      out,
      lists,
      lists.map((_, i) => (law === "quotient" && i > 0 ? -1 : 1)),
    );
  } else {
    for (let i = 0; i < lists.length; i++)
      if (inputs[i] !== still && (lists[i].leaves.length > 0 || !harmless(law, inputs[i])))
        link(notes, ways, lists[i], out, 1 / degree);
  }
}

/** The exponents of `total` are the sums of those of the lists; matrices pass a product only as they are, with one list. */
function multiply(
  notes: Notes,
  total: LeafPlaces,
  lists: readonly LeafPlaces[],
  signs: readonly (1 | -1)[],
): void {
  const terms = lists.filter(({ leaves }) => leaves.length > 0);
  const moving = signs.filter((_, i) => lists[i].leaves.length > 0);
  const [term] = terms;
  if (terms.length === 1 && moving[0] === 1) return link(notes, everyWay, term, total);
  const isUnlike = terms.length !== 1 && terms.some((list) => !same(list, total));
  const closed = isUnlike ? everyWay : bits["general-linear"];
  zero(notes, closed, total);
  for (const list of terms) zero(notes, closed, list);
  if (terms.length === 1) link(notes, withoutMatrices, term, total, moving[0]);
  else if (!isUnlike && total.leaves.length > 0)
    notes.products.push({ total, terms, signs: moving });
}

/** Contracted dimensions scale inversely to each other; the others as they do in the output. */
function contract(notes: Notes, fact: FactOf<"contract">, places: Places): void {
  const { contracted, leftOut, rightOut } = fact;
  const left = places.of(fact.left);
  const right = places.of(fact.right);
  const output = places.of(fact.output);
  for (const [i, j] of contracted)
    link(notes, everyWay, left.dims[i] ?? noPlaces, right.dims[j] ?? noPlaces, -1);
  for (let o = 0; o < output.dims.length; o++) {
    const lists = [sourceOf(left, leftOut, o), sourceOf(right, rightOut, o)];
    if (output.dims[o].leaves.length > 0 || lists.some(({ leaves }) => leaves.length > 0))
      multiply(notes, output.dims[o], lists, [1, 1]);
  }
  const goes = (pairs: typeof leftOut, i: number) => pairs.some(([from]) => from === i);
  zeroOthers(notes, left, (i) => goes(contracted, i) || goes(leftOut, i));
  zeroOthers(notes, right, (j) => contracted.some(([, other]) => other === j) || goes(rightOut, j));
}

/** The dimension of an operand that goes to a dimension of the output: the last one named. */
function sourceOf(
  { dims }: ValuePlaces,
  pairs: FactOf<"contract">["leftOut"],
  o: number,
): LeafPlaces {
  for (let i = pairs.length - 1; i >= 0; i--)
    if (pairs[i][1] === o) return dims[pairs[i][0]] ?? noPlaces;
  return noPlaces;
}
