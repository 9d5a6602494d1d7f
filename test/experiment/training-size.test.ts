// Learning curves: smaller training sets of one split, judged on the same networks as the whole one.

import { describe, expect, test } from "vitest";
import { collectTrainingSizes } from "../../src/experiment/data/training-size.ts";
import { takeShare } from "../../src/experiment/data/train-share.ts";
import { trainingSizeReport } from "../../src/report/training-size-report.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { splitDataset } from "../../src/train/dataset.ts";
import { escapeHtml } from "../../src/report/html.ts";

const spec = mlpSpec([2, 2, 1]);
const [runs, checkpoints] = [40, 3];
const size = runs * checkpoints;
const zeros = (shape: readonly number[]) => ({
  shape,
  data: new Float32Array(size * shape.reduce((a, b) => a * b)),
});
/** Networks whose target tells which they are, three checkpoints a run. */
const dataset = {
  spec,
  size,
  tensors: Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => [name, zeros(shape)]),
  ),
  targets: Float32Array.from({ length: size }, (_, i) => i),
  groups: Array.from({ length: size }, (_, i) => Math.floor(i / checkpoints)),
  stages: Array.from({ length: size }, (_, i) => i % checkpoints),
  cues: { "training step": Array.from({ length: size }, (_, i) => 10 * i) },
};
const networks = ({ targets }: { targets: Float32Array }) => [...targets];

describe("a share of the training runs", () => {
  const [train, , held] = splitDataset(dataset, [0.7, 0.1, 0.2], 3);

  test("holds whole runs, and a smaller share is part of a larger one", () => {
    const shares = [0.125, 0.25, 0.5, 1].map((share) => takeShare(train, share));
    expect(shares.map((part) => part.size / checkpoints)).toEqual([4, 7, 14, 28]);
    for (const [i, part] of shares.entries()) {
      expect(new Set(part.groups).size * checkpoints).toBe(part.size);
      const larger = new Set(networks(shares[Math.min(i + 1, 3)]));
      expect(networks(part).every((network) => larger.has(network))).toBe(true);
    }
    expect(takeShare(train, 0.001).size).toBe(checkpoints); // never empty
  });

  test("keeps the test networks, which other fractions of a split do not (control)", () => {
    const [, , other] = splitDataset(dataset, [0.35, 0.1, 0.2], 3);
    expect(networks(other)).not.toEqual(networks(held)); // what the guide's table once compared
    const kept = new Set(networks(held));
    expect(networks(takeShare(train, 0.5)).some((network) => kept.has(network))).toBe(false);
  });

  test("stages and numbers stay with their networks", () => {
    const { targets, stages = [], cues = {} } = takeShare(train, 0.25);
    for (const [i, network] of targets.entries()) {
      expect(stages[i]).toBe(network % checkpoints);
      expect(cues["training step"][i]).toBe(10 * network);
    }
  });

  test("outside (0, 1] is refused", () => {
    for (const share of [0, -1, 1.5, Number.NaN])
      expect(() => takeShare(train, share)).toThrow(/a number above 0, at most 1, got/);
  });
});

describe("the curve", () => {
  const row = (model: string, taus: number[]) => ({
    model,
    parameters: 1,
    seconds: 1,
    tauMean: 0,
    tauStd: 0,
    taus,
    stageTauMean: 0.1,
    stageTauStd: 0,
    tauMovedMean: 0,
    tauMovedStd: 0,
    maxPredictionChange: 0,
    agreement: 1,
    r2Mean: 0,
    r2Std: 0,
    seeds: taus.length,
  });
  const sizes = (train: number) => ({ train, validation: 12, test: 24 });
  const outcomes = [
    {
      share: 0.5,
      outcome: { rows: [row("a", [0.1, 0.3]), row("b", [0.5, 0.5])], sizes: sizes(42) },
    },
    { share: 1, outcome: { rows: [row("b", [0.7, 0.7]), row("a", [0.4, 0.4])], sizes: sizes(84) } },
    {
      share: 0.5,
      outcome: { rows: [row("a", [0.2, 0.4]), row("b", [0.6, 0.6])], sizes: sizes(42) },
    },
    { share: 1, outcome: { rows: [row("a", [0.6, 0.6]), row("b", [0.7, 0.7])], sizes: sizes(84) } },
  ];
  const rows = collectTrainingSizes(["a", "b"], outcomes);

  test("has a point for every model and size, over all splits and seeds", () => {
    expect(rows.map(({ model, share, networks: n }) => [model, share, n])).toEqual([
      ["a", 0.5, 42],
      ["a", 1, 84],
      ["b", 0.5, 42],
      ["b", 1, 84],
    ]);
    expect(rows[0].taus).toEqual([
      [0.1, 0.3],
      [0.2, 0.4],
    ]);
    expect(rows[0].tauMean).toBeCloseTo(0.25, 12);
    expect(rows[0].tauStd).toBeCloseTo(Math.sqrt(0.05 / 3), 12);
    expect(rows[3].tauStd).toBeCloseTo(0, 12);
    expect(rows[0].stageTauMean).toBeCloseTo(0.1, 12);
  });

  test("is drawn with a band, its numbers in a table, and the command", () => {
    const page = trainingSizeReport({
      title: "<b>",
      command: "npx weightspace experiment learning-curve --zoo zoos/x",
      machine: "2 cores",
      seed: 3,
      splits: 2,
      seeds: 2,
      population: {
        name: "x",
        networks: 120,
        runs: 40,
        description: "small ones",
        validation: 12,
        test: 24,
      },
      rows,
    });
    expect(page.match(/<svg/g)).toHaveLength(1);
    expect(page).toContain("0.250 <small>± 0.129</small>");
    expect(page).toContain("learning-curve --zoo zoos/x");
    expect(page).toContain(escapeHtml("<b>"));
    expect(page).not.toMatch(/NaN|undefined|\[object/);
    const band = page.match(/aria-label="area"/g);
    expect(band).toHaveLength(1);
  });
});
