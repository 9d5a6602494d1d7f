// Celo2's steps against its description on plain numbers.

import { beforeAll, describe, expect, test } from "vitest";
import type { HostRecord } from "../../src/engine/arrays.ts";
import { startEngine } from "../../src/engine/start.ts";
import { thetaFromVector } from "../../src/optimizers/host-theta.ts";
import { optimizerKind } from "../../src/optimizers/registry.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import { randomRecord, someTheta, updatesOf } from "../support/learned-updates.ts";

beforeAll(() => startEngine());

describe("Celo2", () => {
  /** The 30 inputs of a matrix after several gradients, column by column, from their description. */
  function inputsByDefinition(shape: readonly [number, number], p: number[], gs: number[][]) {
    const [rows, columns] = shape;
    const size = rows * columns;
    const largest = rows > columns ? 0 : 1;
    const momentDecays = [0.9, 0.99, 0.999];
    const g = gs[gs.length - 1];
    const running = (decay: number, of: (g_: number[]) => number[]) =>
      gs
        .map(of)
        .reduce(
          (mean, x) => x.map((v, i) => decay * (mean[i] ?? 0) + (1 - decay) * v),
          [] as number[],
        );
    const moments = momentDecays.map((decay) => running(decay, (x) => x));
    const second = running(0.95, (x) => x.map((v) => v * v));
    /** Means of squares over one axis, spread over the matrix again. */
    const meansOver = (axis: number) => (x: number[]) =>
      x.map((_, i) => {
        const own = axis === 1 ? Math.floor(i / columns) : i % columns;
        const mates = x.filter(
          (_1, j) => (axis === 1 ? Math.floor(j / columns) : j % columns) === own,
        );
        return mates.reduce((sum, v) => sum + v * v, 0) / mates.length;
      });
    const rowsOf = momentDecays.map((decay) => running(decay, meansOver(largest)));
    const columnsOf = momentDecays.map((decay) => running(decay, meansOver(1 - largest)));
    const rowFactor = rowsOf.map((x) => {
      const mean = x.reduce((sum, v) => sum + v, 0) / size;
      return x.map((v) => 1 / Math.sqrt(v / mean));
    });
    const columnFactor = columnsOf.map((x) => x.map((v) => 1 / Math.sqrt(v)));
    const root = second.map((v) => 1 / Math.sqrt(v + 1e-8));
    const times = (...list: number[][]) =>
      list[0].map((_, i) => list.reduce((x, y) => x * y[i], 1));
    const inputs = [
      g,
      g.map((x) => Math.max(-0.1, Math.min(0.1, x))),
      p,
      ...moments,
      second,
      ...moments.map((m) => times(m, root)),
      root,
      ...[0, 1, 2].map((d) => times(g, rowFactor[d], columnFactor[d])),
      times(g, root),
      ...rowsOf,
      ...columnsOf,
      ...rowsOf.map((x) => x.map((v) => 1 / Math.sqrt(v + 1e-8))),
      ...columnsOf.map((x) => x.map((v) => 1 / Math.sqrt(v + 1e-8))),
      ...[0, 1, 2].map((d) => times(moments[d], rowFactor[d], columnFactor[d])),
    ];
    return inputs.map((x) => {
      const square = x.reduce((sum, v) => sum + v * v, 0) / size;
      return x.map((v) => v / Math.sqrt(square + 1e-9));
    });
  }
  test.each([
    [4, 5],
    [5, 3],
  ] as const)(
    "two steps of a %i x %i matrix are those of the description",
    async (rows, columns) => {
      const of = defineSpec({
        axes: {
          a: { size: rows, group: "permutation" },
          b: { size: columns, group: "permutation" },
        },
        tensors: { w: ["a", "b"] },
      });
      const theta = someTheta("celo2", of, 6);
      const params = randomRecord(of, 7);
      const gradients = [8, 9].map((seed) => randomRecord(of, seed));
      const updates = await updatesOf(
        "celo2",
        of,
        [theta],
        [params],
        gradients.map((g) => [g]),
      );
      const arrays = thetaFromVector(optimizerKind("celo2").program(of).thetaShapes, theta);
      const numbers = (record: HostRecord) => Array.from(record["w"].data);
      const inputs = inputsByDefinition([rows, columns], numbers(params), gradients.map(numbers));
      expect(inputs).toHaveLength(30);
      const directions = inputs[0].map((_, entry) => {
        let x = inputs.map((input) => input[entry]);
        for (const layer of [0, 1, 2]) {
          const { shape, data } = arrays[`dense${layer}.weight`];
          const bias = arrays[`dense${layer}.bias`].data;
          x = Array.from({ length: shape[1] }, (_1, out) => {
            const sum = x.reduce((s, v, i) => s + v * data[i * shape[1] + out], bias[out]);
            return layer === 2 ? sum : Math.max(0, sum);
          });
        }
        return x[0];
      });
      const size = Math.sqrt(directions.reduce((sum, d) => sum + d * d, 0) / directions.length);
      for (const [i, direction] of directions.entries())
        expect(updates["w"].data[i]).toBeCloseTo((-0.001 * direction) / size, 6);
      expect(new Set(Array.from(updates["w"].data, (u) => u.toFixed(5))).size).toBeGreaterThan(3);
    },
  );
});
