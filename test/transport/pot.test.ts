// Values of POT 0.9 on the same clouds, weights and directions, within 1e-6 of each: test/fixtures/transport-pot.json, made by
// scripts/fixtures/transport-pot.py.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  energyDistance,
  maxSlicedWasserstein,
  minSlicedTransportPlan,
  slicedWasserstein,
  wasserstein1d,
} from "../../src/transport/index.ts";
import type { Rows } from "../support/transport/clouds.ts";

interface PotCase {
  readonly name: string;
  readonly p: number;
  readonly x: Rows;
  readonly y: Rows;
  readonly a?: number[];
  readonly b?: number[];
  readonly projections: Rows;
  readonly sliced: number;
  readonly projectedEmds: number[];
  readonly maxSliced: number;
  readonly wasserstein1d: number;
  readonly minPlanCost?: number;
  readonly energy: number;
}

const { cases, pot } = JSON.parse(
  readFileSync(new URL("../fixtures/transport-pot.json", import.meta.url), "utf8"),
) as { cases: PotCase[]; pot: string };

const off = (value: number, expected: number) => Math.abs(value / expected - 1);

test("the fixture is of POT 0.9 and holds all kinds of cases", () => {
  expect(pot).toMatch(/^0\.9\./);
  expect(cases.length).toBe(8);
  expect(cases.filter(({ minPlanCost }) => minPlanCost !== undefined).length).toBe(2);
});

describe.each(cases)("$name", ({ x, y, p, a, b, projections, ...expected }) => {
  const weights = { ...(a && { a }), ...(b && { b }) };
  const options = { p, projections, ...weights };
  test("sliced distance, and W_p^p along every direction", () => {
    const { value, projectedEmds } = slicedWasserstein(x, y, { ...options, log: true });
    expect(off(value, expected.sliced)).toBeLessThan(1e-6);
    projectedEmds.forEach((power, l) =>
      expect(off(power, expected.projectedEmds[l])).toBeLessThan(1e-6),
    );
    const other = slicedWasserstein(x, y, { ...options, p: p + 0.001 });
    expect(off(other, expected.sliced)).toBeGreaterThan(1e-6);
  });
  test("largest slice, one dimension, energy, cheapest sorted plan", () => {
    const largest = maxSlicedWasserstein(x, y, { ...options, steps: 0 });
    expect(off(largest, expected.maxSliced)).toBeLessThan(1e-6);
    const first = (rows: Rows) => rows.map(([c]) => c);
    const line = wasserstein1d(first(x), first(y), { p, ...weights });
    expect(off(line, expected.wasserstein1d)).toBeLessThan(1e-6);
    expect(off(energyDistance(x, y, weights), expected.energy)).toBeLessThan(1e-6);
    if (expected.minPlanCost !== undefined)
      expect(off(minSlicedTransportPlan(x, y, options).cost, expected.minPlanCost)).toBeLessThan(
        1e-6,
      );
  });
});

test("the example of POT's documentation: the cheaper of two sorted plans", () => {
  const x = [
    [3, 3],
    [1, 1],
  ];
  const y = [
    [2, 2.5],
    [3, 2],
  ];
  const projections = [
    [1, 0],
    [0, 1],
  ];
  const { plan, cost } = minSlicedTransportPlan(x, y, { projections });
  expect(cost).toBe(2.125);
  expect(plan).toEqual([
    [1, 0, 0.5],
    [0, 1, 0.5],
  ]);
});
