import { describe, expect, test } from "vitest";
import {
  type Atom,
  factorsOf,
  find,
  fix,
  interleavingOf,
  leavesOf,
  newAtom,
  productOf,
  sumOf,
  termsOf,
} from "../../src/infer/index-sets/atoms.ts";
import { cutAt, segmentOf, splitInner, unify } from "../../src/infer/index-sets/refine.ts";

const sizes = (atoms: readonly Atom[]) => atoms.map(({ size }) => size);

describe("refinement of atoms", () => {
  test("unifying is symmetric and follows later refinements", () => {
    const [a, b] = [newAtom(12), newAtom(12)];
    unify(a, b, "test");
    splitInner(b, 4, "test");
    expect(sizes(factorsOf(a))).toEqual([3, 4]);
    expect(find(a)).toBe(find(b));
  });

  test("two products meet in their common refinement", () => {
    const a = productOf([newAtom(2), newAtom(12)]);
    const b = productOf([newAtom(6), newAtom(4)]);
    unify(a, b, "test");
    expect(sizes(leavesOf(a))).toEqual([2, 3, 4]);
    expect(leavesOf(a).map(find)).toEqual(leavesOf(b).map(find));
    expect(leavesOf(a).some(({ fixed }) => fixed)).toBe(false);
  });

  test("products without a common refinement are fixed, never guessed", () => {
    const a = productOf([newAtom(4), newAtom(3)]);
    const b = productOf([newAtom(3), newAtom(4)]);
    unify(a, b, "test");
    expect([...leavesOf(a), ...leavesOf(b)].every(({ fixed }) => fixed)).toBe(true);
  });

  test("a product meets a sum copy by copy", () => {
    const inner = newAtom(5);
    const product = productOf([newAtom(3), inner]);
    const parts = [newAtom(5), newAtom(5), newAtom(5)];
    unify(product, sumOf(parts), "test");
    expect(new Set(parts.map(find))).toEqual(new Set([find(inner)]));
  });

  test("half a rotation ties the halves, a rotation by one fixes everything, and both end", () => {
    const x = newAtom(8);
    unify(x, sumOf([segmentOf(x, 4, 8, "t"), segmentOf(x, 0, 4, "t")]), "t");
    expect(sizes(leavesOf(x))).toEqual([4, 4]);
    expect(new Set(leavesOf(x)).size).toBe(1);
    const y = newAtom(4096);
    unify(y, sumOf([segmentOf(y, 1, 4096, "t"), segmentOf(y, 0, 1, "t")]), "t");
    expect(leavesOf(y)).toEqual([]);
    const huge = newAtom(2 ** 30);
    unify(huge, sumOf([segmentOf(huge, 1, 2 ** 30, "t"), segmentOf(huge, 0, 1, "t")]), "t");
    expect(leavesOf(huge).every(({ fixed }) => fixed)).toBe(true);
  });

  test("cutting inside a product singles out one copy and cuts all of them", () => {
    const outer = newAtom(4);
    const inner = newAtom(6);
    const x = productOf([outer, inner]);
    cutAt(x, 8, "t");
    expect(sizes(termsOf(outer))).toEqual([1, 1, 2]);
    expect(sizes(termsOf(inner))).toEqual([2, 4]);
  });

  test("what is tied to something fixed is fixed, also after splitting", () => {
    const [a, b] = [newAtom(6), newAtom(6)];
    unify(a, b, "t");
    splitInner(a, 2, "t");
    fix(b, "t");
    expect(leavesOf(a).every(({ fixed }) => fixed)).toBe(true);
    const c = newAtom(6);
    unify(c, a, "t");
    expect(leavesOf(c).every(({ fixed }) => fixed)).toBe(true);
  });
});

describe("interleavings", () => {
  const fixedOf = (atom: Atom) => leavesOf(atom).filter(({ fixed }) => fixed).length;

  test("between turns they are cut in two, within a turn its entries stand apart", () => {
    const whole = interleavingOf([newAtom(4), newAtom(4)]);
    cutAt(whole, 4, "t");
    expect(sizes(termsOf(whole))).toEqual([4, 4]);
    expect(sizes(leavesOf(whole))).toEqual([2, 2, 2, 2]);
    const within = interleavingOf([newAtom(5), newAtom(5)]);
    cutAt(within, 5, "t");
    expect(sizes(termsOf(within))).toEqual([4, 1, 1, 4]);
    expect(sizes(leavesOf(within))).toEqual([2, 2, 2, 2]);
    expect(fixedOf(within)).toBe(0);
  });

  test("whole turns are an inner factor, and what is left outside is one axis of all terms", () => {
    const [a, b] = [newAtom(6), newAtom(6)];
    const split = splitInner(interleavingOf([a, b]), 4, "t");
    expect(split?.map(({ size }) => size)).toEqual([3, 4]);
    expect(find(factorsOf(a)[0])).toBe(find(factorsOf(b)[0]));
    expect(find(factorsOf(a)[1])).not.toBe(find(factorsOf(b)[1]));
    const half = interleavingOf([newAtom(6), newAtom(6)]);
    splitInner(half, 3, "t");
    expect(leavesOf(half).every(({ fixed }) => fixed)).toBe(true);
  });

  test("two meet term by term, one meets a product as copies of one axis, and a rotation ends", () => {
    const [a, b, c, d] = [newAtom(4), newAtom(4), newAtom(4), newAtom(4)];
    unify(interleavingOf([a, b]), interleavingOf([c, d]), "t");
    expect([find(a) === find(c), find(b) === find(d), find(a) === find(b)]).toEqual([
      true,
      true,
      false,
    ]);
    unify(productOf([newAtom(4), newAtom(2)]), interleavingOf([a, b]), "t");
    expect(find(a)).toBe(find(b));
    const uneven = [interleavingOf([newAtom(6), newAtom(6)]), interleavingOf([c, d, newAtom(4)])];
    unify(uneven[0], uneven[1], "t");
    expect(uneven.flatMap(leavesOf).every(({ fixed }) => fixed)).toBe(true);
    const huge = interleavingOf([newAtom(2 ** 29), newAtom(2 ** 29)]);
    unify(huge, sumOf([segmentOf(huge, 1, 2 ** 30, "t"), segmentOf(huge, 0, 1, "t")]), "t");
    expect(leavesOf(huge).every(({ fixed }) => fixed)).toBe(true);
  });
});
