// Gradient flows: the gradients are those of their distances, and the points arrive.

import { describe, expect, test } from "vitest";
import { randomProjections } from "../../src/transport/directions.ts";
import {
  flowMethods,
  type FlowMethod,
  type FlowMethodName,
} from "../../src/transport/flows/flow-methods.ts";
import {
  exactW2Squared,
  flowDatasets,
  gradientFlow,
} from "../../src/transport/flows/gradient-flow.ts";
import {
  energyDistance,
  minSlicedTransportPlan,
  slicedWasserstein,
} from "../../src/transport/index.ts";
import { differences, normalCloud, type Rows } from "../support/transport/clouds.ts";

const [x, y] = [normalCloud(6, 3, 1), normalCloud(6, 3, 2)];
const methods = Object.entries(flowMethods) as [FlowMethodName, FlowMethod][];

describe("gradients equal central differences", () => {
  const projections = randomProjections(3, 8, 5);
  test.each<[FlowMethodName, (rows: Rows) => number]>([
    ["sw-1", (rows) => slicedWasserstein(rows, y, { projections, p: 1 })],
    ["sw-2", (rows) => slicedWasserstein(rows, y, { projections }) ** 2],
    ["energy", (rows) => energyDistance(rows, y)],
    ["swgg", (rows) => minSlicedTransportPlan(rows, y, { projections }).cost],
  ])("%s", (name, value) => {
    const gradient = flowMethods[name].gradient(x, y, 8, 5);
    differences(value, x).forEach((derivative, at) =>
      expect(gradient[at]).toBeCloseTo(derivative, 7),
    );
    const other = flowMethods[name].gradient(normalCloud(6, 3, 9), y, 8, 5);
    expect(Math.max(...gradient.map((v, at) => Math.abs(v - other[at])))).toBeGreaterThan(0.01);
  });
});

describe("the gradient of the energy distance keeps its digits", () => {
  /** Unit vectors pair by pair. */
  const byPairs = (u: Rows, v: Rows) =>
    u.flatMap((point) =>
      point.map((_, k) => {
        const sum = (others: Rows, weight: number) =>
          others.reduce((total, other) => {
            const length = Math.hypot(...point.map((c, j) => c - other[j]));
            return length === 0 ? total : total + (weight * (point[k] - other[k])) / length;
          }, 0);
        return sum(v, 2 / (u.length * v.length)) + sum(u, -2 / u.length ** 2);
      }),
    );
  const expectSame = (u: Rows, v: Rows) =>
    flowMethods.energy
      .gradient(u, v, 1, 0)
      .forEach((derivative, at) => expect(derivative).toBeCloseTo(byPairs(u, v)[at], 14));
  test.each([1e-4, 1e-12, 1e-15, 1e-30, 1e-200])("at a point %d from one of the target", (gap) => {
    const near = [[gap, 0.3, 0.4], ...x.slice(1)];
    const target = [[0, 0.3, 0.4], ...y.slice(1)];
    expectSame(near, target);
    const control = byPairs(near, target)[0] - byPairs([near[0]], [target[0]])[0] / 36;
    expect(Math.abs(control)).toBeGreaterThan(0.005); // the other points pull, too
  });
  test.each([10, 1e4, 1e8])("at points that are all %d away", (far) => {
    const moved = (rows: Rows) => rows.map((row) => row.map((c) => c + far));
    expectSame(moved(x), moved(y));
  });
});

test.each(methods)(
  "%s brings points nearer in 40 steps, the same way for the same seed",
  (method) => {
    const options = { dataset: "25-gaussians", method, rate: 0.05, points: 20, lines: 12 } as const;
    const run = (seed: number) => [
      ...gradientFlow({ ...options, seed, iterations: 40, every: 20 }),
    ];
    const [start, , end] = run(1);
    expect(end.iteration).toBe(40);
    expect(end.w2).toBeLessThan(0.75 * start.w2);
    expect(run(1)).toEqual(run(1));
    expect(run(2)[0].w2).not.toBe(start.w2);
  },
);

describe("few lines and a target of equal points", () => {
  const still = x.map(() => [0.5, -1, 2]);
  const ofTrees = methods.filter(([name]) => /tsw/.test(name));

  test.each(ofTrees)("%s has a gradient with 1 line, that of one tree, and none with 0", (name) => {
    const { gradient } = flowMethods[name];
    const one = gradient(x, y, 1, 5);
    expect(one.some((v) => v !== 0)).toBe(true);
    expect(one).toEqual(gradient(x, y, 4, 5));
    if (name !== "max-tsw-sl") {
      expect(one).not.toEqual(gradient(x, y, 8, 5));
      expect(() => gradient(x, y, 0, 5)).toThrow("lines is 0");
    }
  });

  test.each(ofTrees)("%s moves points towards a target that is one point", (name) => {
    const gradient = flowMethods[name].gradient(x, still, 40, 5);
    const along = gradient.reduce(
      (sum, v, at) => sum + v * (x[Math.floor(at / 3)][at % 3] - still[0][at % 3]),
      0,
    );
    expect(along).toBeGreaterThan(0.01);
    const away = flowMethods[name].gradient(still, still, 40, 5);
    expect(Math.max(...away.map(Math.abs))).toBeLessThan(1e-9);
  });
});

test("sliced W1 arrives: W2 squared below 1e-4 with few points", () => {
  const options = { dataset: "swiss-roll", rate: 0.02, seed: 3, points: 20, lines: 20 } as const;
  const last = [...gradientFlow({ ...options, method: "sw-1", iterations: 600, every: 600 })].at(
    -1,
  );
  expect(last?.w2).toBeLessThan(1e-4);
});

test("exact W2 squared is that of the cheapest pairing", () => {
  expect(
    exactW2Squared(
      [
        [0, 0],
        [3, 0],
      ],
      [
        [3, 1],
        [0, 0],
      ],
    ),
  ).toBeCloseTo(0.5, 12);
  const order = [4, 2, 0, 1, 5, 3];
  expect(
    exactW2Squared(
      x,
      order.map((i) => x[i]),
    ),
  ).toBeCloseTo(0, 12);
});

test("targets have mean 0, the number of points asked for, and change with the seed", () => {
  for (const { target, dimension } of Object.values(flowDatasets)) {
    const rows = target(30, 1);
    expect(rows.length).toBe(30);
    for (let j = 0; j < dimension; j++)
      expect(rows.reduce((sum, row) => sum + row[j], 0)).toBeCloseTo(0, 9);
    expect(target(30, 2)).not.toEqual(rows);
  }
});

test("unknown names and counts below 1 are refused", () => {
  const good = { dataset: "swiss-roll", method: "sw-1", rate: 0.1, seed: 0 } as const;
  expect(() => [...gradientFlow({ ...good, method: "w3" as never })]).toThrow(/method "w3"/);
  expect(() => [...gradientFlow({ ...good, dataset: "moons" as never })]).toThrow(
    /dataset "moons"/,
  );
  expect(() => [...gradientFlow({ ...good, points: 0 })]).toThrow(/points is 0/);
});
