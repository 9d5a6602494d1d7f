import { expect, test } from "vitest";
import { imageEdits } from "../../src/datasets/image-edits.ts";
import { editData, editorEntry } from "../../src/experiment/editing.ts";
import { readResult } from "../../src/experiment/run-files.ts";
import { sealedJson } from "../../src/work/unit-parts.ts";
import type { JobRequest } from "../../src/experiment/job.ts";
import { buildModel } from "../../src/models/registry.ts";
import { sirenSpec } from "../../src/symmetry/presets/mlp.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import { negativeSquaredError, squaredErrors } from "../../src/train/measures/metrics.ts";
import type { WeightDataset } from "../../src/train/dataset.ts";

const spec = sirenSpec([2, 8, 8, 1]);
const size = 10;
const dataset: WeightDataset = {
  spec,
  size,
  tensors: Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => [
      name,
      { shape, data: Float32Array.from({ length: size * sizeOf(shape) }, (_, i) => Math.sin(i)) },
    ]),
  ),
  targets: new Float32Array(size),
};
/** Two images of 3 x 4 pixels: one white pixel, and grey of two kinds. */
const images = {
  count: 2,
  shape: [3, 4],
  inputs: Uint8Array.from([
    0,
    0,
    0,
    0,
    0,
    255,
    0,
    0,
    0,
    0,
    0,
    0,
    ...Array(6).fill(102),
    ...Array(6).fill(153),
  ]),
  brightest: 255,
  labels: Uint8Array.of(0, 1),
};
const positions = Array.from({ length: size }, (_, i) => i % 2);

test("dilation takes the brightest neighbour, contrast goes twice as far from the mean, both within black and white", () => {
  const { edited, unedited } = editData(dataset, images, positions, "dilate");
  const row = ({ targets }: WeightDataset, i: number) =>
    Array.from(targets.slice(12 * i, 12 * i + 12), (value) => Number(value.toFixed(4)));
  expect(row(unedited, 0)).toEqual([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  expect(row(edited, 0)).toEqual([1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0]);
  expect(row(edited, 2)).toEqual(row(edited, 0));
  const contrast = editData(dataset, images, positions, "contrast").edited;
  expect(row(contrast, 1)).toEqual([...Array(6).fill(0.3), ...Array(6).fill(0.7)]);
  expect(Array.from(imageEdits.contrast(Float32Array.of(0, 1)))).toEqual([0, 1]);
  expect(() => editData(dataset, images, [0], "dilate")).toThrow(/expected 10 positions, got 1/);
});

test("an editor with several outputs is narrower and has no more parameters; its scales are those of training networks", () => {
  const data = editData(dataset, images, positions, "dilate");
  const settings = { split: [0.6, 0.2, 0.2] as const, seed: 0 };
  for (const map of ["nfn-np", "nfn-hnp", "unf"] as const) {
    const [one, eight] = [1, 8].map((outputs) => {
      const { model = "", options } = editorEntry(
        { map, outputs, hidden: [16, 16] },
        data,
        settings,
        [3, 4],
      );
      return { options, parameters: buildModel(model, spec, options).parameterCount };
    });
    expect(eight.parameters).toBeLessThanOrEqual(one.parameters);
    expect(eight.parameters).toBeGreaterThan(0.7 * one.parameters);
    expect(one.options["scales"]).toEqual(eight.options["scales"]);
  }
  const narrow = () =>
    editorEntry({ map: "unf", outputs: 64, hidden: [2] }, data, settings, [3, 4]);
  expect(narrow).toThrow(/give wider hidden layers/);
});

test("errors are one number a network, and results of runs hold as many", async () => {
  expect(squaredErrors([1, 2, 3, 4], [1, 0, 3, 1], 2)).toEqual([2, 4.5]);
  expect(negativeSquaredError([1, 2], [0, 0])).toBe(-2.5);
  expect(() => squaredErrors([1, 2], [1, 2, 3], 2)).toThrow(/rows of 2 numbers, got 2 and 3/);
  const request = {
    name: "unf-1",
    seed: 4,
    target: { values: 12 },
    test: { size: 3, targets: new Float32Array(36), tensors: {} },
  } as unknown as JobRequest;
  const kept = (predicted: readonly number[]) =>
    sealedJson({
      model: "unf-1",
      seed: 4,
      parameters: 1,
      bestEpoch: 1,
      history: [],
      seconds: 1,
      predicted,
      moved: predicted,
    });
  expect(await readResult(await kept([1, 2, 3]), request)).toBeDefined();
  expect(await readResult(await kept([1, 2]), request)).toBeUndefined();
});
