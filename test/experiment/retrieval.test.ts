import { expect, test } from "vitest";
import { coarse, neighbourPrecision, retrievalData } from "../../src/experiment/retrieval.ts";
import { sirenSpec } from "../../src/symmetry/presets/mlp.ts";
import { readResult } from "../../src/experiment/run-files.ts";
import { sealedJson } from "../../src/work/unit-parts.ts";
import type { JobRequest } from "../../src/experiment/job.ts";

test("coarse drawings are means over blocks, from 0 to 1, of drawings that are cut off at black and white", () => {
  const drawing = Array.from({ length: 14 * 14 }, (_, at) => (at % 14 < 2 ? 1 : -1));
  expect(Array.from(coarse(drawing, [14, 14]).slice(0, 3))).toEqual([1, 0, 0]);
  const half = Array.from({ length: 14 * 14 }, (_, at) => (at % 2 === 0 ? 1 : -1));
  expect(Array.from(coarse(half, [14, 14]))).toEqual(Array(49).fill(0.5));
  expect(Math.max(...coarse(Array(49).fill(3), [7, 7]))).toBe(1);
  const data = { spec: sirenSpec([2, 4, 1]), size: 1, tensors: {}, targets: new Float32Array(1) };
  expect(() => retrievalData(data, [drawing], [6, 14])).toThrow(
    /6 x 14 pixels, expected at least 7 x 7/,
  );
  expect(retrievalData(data, [drawing], [14, 14]).targets.length).toBe(49);
});

test("precision counts labels among the nearest others: 1 for groups apart, less for one that is mixed, never the network itself", () => {
  const labels = Array.from({ length: 12 }, (_, i) => (i < 6 ? 0 : 1));
  const apart = labels.map((label, i) => 100 * label + i);
  expect(neighbourPrecision(apart, apart, 1, labels)).toBe(1);
  const mixed = labels.map((_, i) => (i % 6) + 0.1 * Math.floor(i / 6));
  expect(neighbourPrecision(mixed, mixed, 1, labels)).toBeLessThan(0.6);
  expect(neighbourPrecision([0, 0], [0, 0], 1, [0, 1])).toBe(0); // control: alone of its kind
  expect(
    neighbourPrecision(
      apart.map((place) => 100 - place),
      apart,
      1,
      labels,
    ),
  ).toBeLessThan(0.3);
});

test("results of runs keep the numbers themselves", async () => {
  const request = {
    name: "unf",
    seed: 4,
    target: { values: 2, keepsValues: true },
    test: { size: 3, targets: new Float32Array(6), tensors: {} },
  } as unknown as JobRequest;
  const run = { model: "unf", seed: 4, parameters: 1, bestEpoch: 1, history: [], seconds: 1 };
  const kept = (predicted: readonly number[]) =>
    sealedJson({ ...run, predicted, moved: predicted });
  expect(await readResult(await kept([1, 2, 3, 4, 5, 6]), request)).toBeDefined();
  expect(await readResult(await kept([1, 2, 3]), request)).toBeUndefined();
});
