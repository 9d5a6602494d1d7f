// One way of scaling (positive factors, sign flips or matrices) followed through all facts: which places of free leaves
// can carry it and with which sign. Facts a way cannot pass set exponents to 0.

import { type Exponents, exponents } from "./exponents.ts";
import { leavesBefore, type Place, type Places } from "./places.ts";
import type { Fact, PointwiseLaw, Value } from "../walk/value.ts";

/** `parity` is `sign` where a place and its inverse are not told apart. */
export type Way = "positive" | "sign" | "parity" | "general-linear";

type Pairs = readonly (readonly [number, number])[];

/** Whether an element-wise operation lets such scalings of its inputs through at all. */
function passes(law: PointwiseLaw, way: Way): boolean {
  if (law === "homogeneous" || law === "compare") return way === "positive";
  if (law === "odd") return way === "sign" || way === "parity";
  return law === "choose" ? way !== "general-linear" : law !== "opaque";
}

/** Zeros scale like anything, where an operation adds, compares or chooses. */
const harmless = (law: PointwiseLaw, { entry }: Value): boolean =>
  entry === 0 && ["homogeneous", "linear", "choose", "compare"].includes(law);

export function followScaling(facts: readonly Fact[], places: Places, way: Way): Exponents {
  const unknowns = exponents();
  const zero = (list: readonly Place[]) => {
    for (const { unknown } of list) unknowns.zero(unknown);
  };
  const same = (a: readonly Place[], b: readonly Place[]) =>
    a.length === b.length && a.every(({ leaf }, i) => leaf === b[i].leaf);
  const link = (a: readonly Place[], b: readonly Place[], sign: 1 | -1 = 1) => {
    if (same(a, b))
      for (const [i, { unknown }] of a.entries())
        unknowns.link(unknown, b[i].unknown, way === "parity" ? 1 : sign);
    else for (const list of [a, b]) zero(list);
  };
  /** Exponents of `total` are the sums of those of two lists; settled once one of them is known to be 0. */
  const products: {
    total: readonly Place[];
    terms: readonly (readonly Place[])[];
    signs: readonly (1 | -1)[];
  }[] = [];

  const carry = (
    from: Value,
    to: Value,
    pairs: Pairs,
    options: { slice?: Bound; place?: Bound },
  ) => {
    const [used, filled] = [new Set(pairs.map(([i]) => i)), new Set(pairs.map(([, j]) => j))];
    for (const i of from.dims.keys()) if (!used.has(i)) zero(places.at(from, i));
    for (const j of to.dims.keys()) if (!filled.has(j)) zero(places.at(to, j));
    for (const [i, j] of pairs) {
      const a = places.at(from, i);
      const b = places.at(to, j);
      if (options.slice?.dim === i) link(part(a, from, options.slice, b.length), b);
      else if (options.place?.dim === j) link(a, part(b, to, options.place, a.length));
      else link(a, b);
    }
  };
  const part = (list: readonly Place[], value: Value, { dim, start }: Bound, length: number) => {
    const first = Number.isNaN(start) ? null : leavesBefore(value.dims[dim], start);
    if (first !== null) return list.slice(first, first + length);
    zero(list);
    return [];
  };
  const pointwise = ({ law, inputs, output }: Extract<Fact, { kind: "pointwise" }>) => {
    if (!passes(law, way)) {
      for (const value of [...inputs, output]) zero(places.all(value));
      return;
    }
    const still = law === "choose" ? inputs[0] : law === "compare" ? output : null;
    if (still !== null) zero(places.all(still));
    for (const j of output.dims.keys()) {
      const out = places.at(output, j);
      if (out.length === 0 && output.origin !== "constant") {
        for (const value of inputs)
          zero(places.at(value, j - output.dims.length + value.dims.length));
        continue;
      }
      const lists = inputs.map((value) =>
        places.at(value, j - output.dims.length + value.dims.length),
      );
      if (law === "compare") {
        const [first, second] = lists;
        if (!inputs.some((value) => harmless(law, value))) link(first, second);
        continue;
      }
      if (law !== "product" && law !== "quotient") {
        for (const [i, list] of lists.entries())
          if (inputs[i] !== still && (list.length > 0 || !harmless(law, inputs[i])))
            link(list, out);
        continue;
      }
      const signs = lists.map((_, i): 1 | -1 => (law === "quotient" && i > 0 ? -1 : 1));
      multiply(out, lists, signs);
    }
  };
  const multiply = (
    total: readonly Place[],
    lists: readonly (readonly Place[])[],
    signs: readonly (1 | -1)[],
  ) => {
    const moving = lists
      .map((list, i) => ({ list, sign: signs[i] }))
      .filter(({ list }) => list.length > 0);
    if (moving.length === 1 && (way !== "general-linear" || moving[0].sign === 1))
      link(moving[0].list, total, moving[0].sign);
    else if (way === "general-linear" || moving.some(({ list }) => !same(list, total)))
      for (const list of [total, ...lists]) zero(list);
    else
      products.push({
        total,
        terms: moving.map(({ list }) => list),
        signs: moving.map(({ sign }) => sign),
      });
  };
  const contract = ({
    left,
    right,
    output,
    contracted,
    leftOut,
    rightOut,
  }: Extract<Fact, { kind: "contract" }>) => {
    for (const [i, j] of contracted) link(places.at(left, i), places.at(right, j), -1);
    const [used, other] = [
      new Map(leftOut.map(([i, o]) => [o, i])),
      new Map(rightOut.map(([i, o]) => [o, i])),
    ];
    for (const o of output.dims.keys()) {
      const [i, j] = [used.get(o), other.get(o)];
      multiply(
        places.at(output, o),
        [i === undefined ? [] : places.at(left, i), j === undefined ? [] : places.at(right, j)],
        [1, 1],
      );
    }
    const gone = (value: Value, kept: readonly number[]) => {
      for (const i of value.dims.keys()) if (!kept.includes(i)) zero(places.at(value, i));
    };
    gone(left, [...contracted.map(([i]) => i), ...leftOut.map(([i]) => i)]);
    gone(right, [...contracted.map(([, j]) => j), ...rightOut.map(([i]) => i)]);
  };

  for (const fact of facts) {
    if (fact.kind === "opaque") zero(places.all(fact.value));
    else if (fact.kind === "pointwise") pointwise(fact);
    else if (fact.kind === "contract") contract(fact);
    else if (fact.kind === "regroup") link(places.all(fact.from), places.all(fact.to));
    else if (fact.kind === "carry") {
      if (fact.options.homogeneous === true && way !== "positive")
        for (const value of [fact.from, fact.to]) zero(places.all(value));
      carry(fact.from, fact.to, fact.pairs, fact.options);
    }
  }
  settle(products, unknowns);
  return unknowns;
}

interface Bound {
  readonly dim: number;
  readonly start: number;
}

/** A product whose factors all but one have exponent 0 scales like that one; any other product is made to scale by nothing. */
function settle(
  products: readonly {
    total: readonly Place[];
    terms: readonly (readonly Place[])[];
    signs: readonly (1 | -1)[];
  }[],
  unknowns: Exponents,
): void {
  let open = products.flatMap(({ total, terms, signs }) =>
    total.map((place, i) => ({
      total: place.unknown,
      terms: terms.map((list) => list[i].unknown),
      signs,
    })),
  );
  for (let before = -1; open.length !== before && open.length > 0;) {
    before = open.length;
    open = open.filter(({ total, terms, signs }) => {
      const moving = terms.map((_, i) => i).filter((i) => !unknowns.isZero(terms[i]));
      if (moving.length > 1) return true;
      if (moving.length === 0) unknowns.zero(total);
      else unknowns.link(terms[moving[0]], total, signs[moving[0]]);
      return false;
    });
  }
  for (const { total, terms } of open)
    for (const unknown of [total, ...terms]) unknowns.zero(unknown);
  // Setting those to 0 may have turned earlier links into zeros as well, which union-find has already shared.
}
