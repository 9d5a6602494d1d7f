// Values of single terms from the literature's reference computation: X = [[1,2],[3,5]], mean aggregation.

import { describe, expect, test } from "vitest";
import { enumerateTerms } from "../../src/basis/terms.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { referenceApply } from "../../src/layers/reference/reference.ts";
import { shorthand } from "../support/specs.ts";
import { applyTerm } from "../support/terms.ts";

const squareTerms = `
0000 1 0 0 5     0111 1 5 1 5     0011 3 0 0 3
0100 1 1 5 5     0122 3 3 3 3     0001 1.5 0 0 4
0110 1 3 2 5     0112 1.5 4 1.5 4 0101 1 2 3 5
0010 2 0 0 3.5   0121 2 3.5 2 3.5 0012 2.75 0 0 2.75
0102 1.5 1.5 4 4 0120 2 2 3.5 3.5 0123 2.75 2.75 2.75 2.75`;

describe("golden values", () => {
  test("the 15 terms of (0,0) to (0,0), in the published order", () => {
    const expected = [...squareTerms.matchAll(/(\d{4}) (\S+) (\S+) (\S+) (\S+)/g)].map(
      ([, labels, ...values]) => ({
        labels,
        values: values.map(Number),
      }),
    );
    expect(expected).toHaveLength(15);
    const lowered = lowerSpec(shorthand([[0, 0]], 2));
    const terms = enumerateTerms(lowered, 0, 0);
    const found = terms.map((term) => ({
      labels: term.labels.join(""),
      values: applyTerm(lowered, term, [1, 2, 3, 5]),
    }));
    const sorted = (list: typeof found) =>
      list.toSorted((a, b) => a.labels.localeCompare(b.labels));
    expect(sorted(found)).toEqual(sorted(expected));
  });

  test("the 5 terms of (0) to (0,0) on (1, 2, 4)", () => {
    const lowered = lowerSpec(shorthand([[0, 0], [0]], 3));
    const third = 7 / 3;
    const byLabels = Object.fromEntries(
      enumerateTerms(lowered, 0, 1).map((term) => [
        term.labels.join(""),
        applyTerm(lowered, term, [1, 2, 4]),
      ]),
    );
    expect(byLabels["000"]).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 4]);
    expect(byLabels["011"]).toEqual([1, 2, 4, 1, 2, 4, 1, 2, 4]);
    expect(byLabels["010"]).toEqual([1, 1, 1, 2, 2, 2, 4, 4, 4]);
    byLabels["001"].forEach((value, i) => expect(value).toBeCloseTo(i % 4 === 0 ? third : 0, 12));
    for (const value of byLabels["012"]) expect(value).toBeCloseTo(third, 12);
  });

  test("under mean aggregation a constant input c gives c wherever a term reaches; under sums it grows with width", () => {
    const shapes = [[0, 0], [0, 1], [0, 0, 1], [1], [0, 0, 0]];
    for (const size of [2, 3]) {
      const lowered = lowerSpec(shorthand(shapes, size));
      for (const l of lowered.tensors) {
        for (const m of lowered.tensors) {
          const entries = size ** m.dims.length;
          for (const term of enumerateTerms(lowered, l.id, m.id)) {
            const values = applyTerm(
              lowered,
              term,
              Array.from({ length: entries }, () => 7),
            );
            for (const value of values)
              expect(Math.min(Math.abs(value), Math.abs(value - 7))).toBeLessThan(1e-12);
            expect(Math.max(...values)).toBeCloseTo(7, 12);
          }
        }
      }
    }
    const lowered = lowerSpec(shorthand([[0], [0]], 3));
    const [, total] = enumerateTerms(lowered, 0, 1);
    const ones = [
      { width: 1, data: new Float64Array(3) },
      { width: 1, data: new Float64Array(3).fill(1) },
    ];
    const weighted = [{ ...total, coefficients: Float64Array.of(1) }];
    expect([...referenceApply(lowered, weighted, ones, [1, 1], "sum")[0].data]).toEqual([3, 3, 3]);
  });
});
