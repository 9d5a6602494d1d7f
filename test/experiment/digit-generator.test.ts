// The generator of digits learns down a distance, and what judges it tells good images from noise.

import { beforeAll, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import {
  frechetDistance,
  generatorJudge,
  runGenerator,
} from "../../src/experiment/demos/digit-generator.ts";
import { type DigitsData, parseDigits } from "../../src/datasets/digits-data.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import { normalCloud } from "../support/transport/clouds.ts";

let data: DigitsData;
beforeAll(async () => {
  await startEngine();
  data = await parseDigits(await readPackageData("uci-digits.csv.gz"));
});

test("a few steps bring images nearer to digits, by all measures; the same seed gives the same", async () => {
  const judge = await generatorJudge(data);
  const own = { method: "sw-1", seed: 1, batch: 32, lines: 24, rate: 0.01, images: 100 } as const;
  const run = (steps: number) => runGenerator(data, judge, { ...own, steps });
  const [start, end] = [await run(1), await run(60)];
  expect(end.frechet).toBeLessThan(0.7 * start.frechet);
  expect(end.energy).toBeLessThan(0.7 * start.energy);
  expect(start.frechet).toBeGreaterThan(5 * start.frechetFloor);
  const { seconds: _, ...again } = await run(60);
  expect(end).toMatchObject(again);
  const { seconds: __, ...byAnother } = await runGenerator(data, await generatorJudge(data), {
    ...own,
    steps: 60,
  });
  expect(byAnother).toEqual(again); // every judge is trained to the same numbers
});

test("the Frechet distance of samples: 0 for one sample, |v|^2 for a shift, (s - 1)^2 tr for a scale", () => {
  const x = normalCloud(200, 4, 1);
  expect(frechetDistance(x, x)).toBeCloseTo(0, 8);
  const v = [1, -2, 0.5, 0];
  const shifted = x.map((row) => row.map((c, j) => c + v[j]));
  expect(frechetDistance(x, shifted)).toBeCloseTo(5.25, 8);
  const mean = x[0].map((_, j) => x.reduce((sum, row) => sum + row[j] / x.length, 0));
  const trace =
    x.reduce((sum, row) => sum + row.reduce((s, c, j) => s + (c - mean[j]) ** 2, 0), 0) / x.length;
  const grown = x.map((row) => row.map((c, j) => mean[j] + 1.5 * (c - mean[j])));
  expect(frechetDistance(x, grown)).toBeCloseTo(0.25 * trace, 8);
});
