// How many terms are independent, by closed form, by numeric rank and by Burnside's identity.

import { describe, expect, test } from "vitest";
import { burnsideDimension } from "../../src/basis/burnside.ts";
import {
  countIndependentLayerTerms,
  countIndependentTerms,
  countLayerTerms,
} from "../../src/basis/counts.ts";
import { enumerateTerms } from "../../src/basis/terms.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import {
  publishedCNNSpec,
  publishedGRUSpec,
  publishedMLPSpec,
  publishedRNNSpec,
} from "../support/published-specs.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { shorthand } from "../support/specs.ts";
import { rank, termVector } from "../support/terms.ts";

describe("rank: small axes make terms dependent", () => {
  const numericRank = (dims: number[], size: number) => {
    const lowered = lowerSpec(shorthand([dims, [0, 0]], size));
    const vectors = enumerateTerms(lowered, 0, 1).map((term) => termVector(lowered, term));
    expect(countIndependentTerms(lowered, 0, 1)).toBe(rank(vectors));
    return rank(vectors);
  };
  test("(0,0) to (0,0): 1, 8, 14, 15, 15 for n = 1..5", () => {
    expect([1, 2, 3, 4, 5].map((n) => numericRank([0, 0], n))).toEqual([1, 8, 14, 15, 15]);
  });
  test("(0,0) to (0): 1, 4, 5, 5, 5 for n = 1..5", () => {
    expect([1, 2, 3, 4, 5].map((n) => numericRank([0], n))).toEqual([1, 4, 5, 5, 5]);
  });
  test("the RNN with one initial-state row: 163 of 165; the colliding CNN at its true sizes: 140 of 144", () => {
    expect(countIndependentLayerTerms(lowerSpec(publishedRNNSpec()))).toBe(163);
    expect(countIndependentLayerTerms(lowerSpec(publishedRNNSpec({ initialStateRows: 2 })))).toBe(
      165,
    );
    expect(countIndependentLayerTerms(lowerSpec(publishedCNNSpec()))).toBe(140);
  });
  test("closed-form ranks equal numeric ranks where an axis lies within another", () => {
    for (const [head, v] of [
      [2, 2],
      [3, 1],
      [1, 3],
      [3, 2],
    ]) {
      const spec = defineSpec({
        axes: {
          head: { size: head, group: "permutation" },
          v: { size: v, group: "permutation", within: "head" },
        },
        tensors: { a: ["head * v"], b: ["head * v", "head"] },
      });
      const lowered = lowerSpec(spec);
      for (const [l, m] of [
        [0, 0],
        [0, 1],
        [1, 1],
      ]) {
        const vectors = enumerateTerms(lowered, l, m).map((term) => termVector(lowered, term));
        expect([head, v, l, m, countIndependentTerms(lowered, l, m)]).toEqual([
          head,
          v,
          l,
          m,
          rank(vectors),
        ]);
      }
    }
  });
});

describe("Burnside: independent terms = mean squared number of entries left in place", () => {
  const check = (spec: Parameters<typeof lowerSpec>[0], expected: number) => {
    const lowered = lowerSpec(spec);
    expect(burnsideDimension(lowered)).toBeCloseTo(expected, 6);
    expect(countIndependentLayerTerms(lowered)).toBe(expected);
  };
  test("MLPs 32 and 62, clean CNN 86, GRU 2,058, RNN 165", () => {
    check(shorthand([[0, 1], [1], [1, 2], [2]]), 32);
    check(shorthand([[0, 1], [1], [1, 2], [2], [2, 3], [3]]), 62);
    check(shorthand([[5, 6, 0, 1], [1], [7, 8, 1, 2], [2], [2, 3], [3]], 2), 86);
    check(publishedGRUSpec({ hidden: 4, symbols: 2 }), 2058);
    check(
      shorthand([[9, 0], [0, 1], [1], [1, 1], [1], [1, 9], [9], [8, 1]], {
        0: 2,
        1: 4,
        8: 2,
        9: 2,
      }),
      165,
    );
  });
  test("it also holds where axes are too small for all terms", () => {
    check(shorthand([[0, 0], [0]], 2), 8 + 4 + 4 + 2);
    expect(countLayerTerms(lowerSpec(shorthand([[0, 0], [0]], 2)))).toBe(27);
  });
  test("the published MLP task has 32 terms at its true sizes", () => {
    expect(countLayerTerms(lowerSpec(publishedMLPSpec()))).toBe(32);
  });
});
