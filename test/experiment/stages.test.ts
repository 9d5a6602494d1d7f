// Tau within stages of training, and baselines of one number: what "later checkpoints are better" is worth alone.

import { expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { oneNumberBaselines } from "../../src/experiment/judging/one-number.ts";
import { stageTau } from "../../src/experiment/judging/stage-tau.ts";
import { summarize } from "../../src/experiment/results.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { kendallTau } from "../../src/train/measures/kendall-tau.ts";
import { splitDataset } from "../../src/train/dataset.ts";

const [runs, checkpoints] = [60, 4];
const size = runs * checkpoints;
const stream = randomStream(4);
const stages = Array.from({ length: size }, (_, i) => i % checkpoints);
/** Later checkpoints are better; inside a stage runs differ a little. */
const actual = stages.map((stage) => stage + 0.5 * stream.uniform());

test("knowing the stage alone gives a high tau and none within stages", () => {
  expect(kendallTau(stages, actual)).toBeGreaterThan(0.8);
  expect(stageTau(stages, actual, stages)).toBeNaN(); // constant within each
  const guesses = stages.map((stage) => stage + 0.5 * stream.uniform());
  expect(kendallTau(guesses, actual)).toBeGreaterThan(0.7);
  expect(Math.abs(stageTau(guesses, actual, stages))).toBeLessThan(0.15);
  // Control: who knows more than the stage keeps it within stages.
  expect(stageTau(actual, actual, stages)).toBe(1);
  expect(
    stageTau(
      actual.map((x) => -x),
      actual,
      stages,
    ),
  ).toBe(-1);
});

test("is the mean over stages, by hand", () => {
  // Stage 0: two of three pairs in order, tau 1/3; stage 1: reversed, -1.
  const tau = stageTau([1, 2, 3, 9, 8], [1, 3, 2, 1, 2], [0, 0, 0, 1, 1]);
  expect(tau).toBeCloseTo((1 / 3 - 1) / 2, 12);
  expect(stageTau([1, 2], [1, 2], [0, 0])).toBeNaN(); // one stage: it would be tau itself
  expect(stageTau([1, 2], [1, 2], undefined)).toBeNaN();
});

test("stands in the rows, mean and std over seeds, only where there are stages", () => {
  const job = (seed: number, predicted: number[]) => ({
    model: "unf",
    seed,
    parameters: 1,
    bestEpoch: 1,
    history: [],
    predicted,
    moved: predicted,
    seconds: 1,
  });
  const jobs = [
    job(0, actual),
    job(
      1,
      actual.map((x) => -x),
    ),
  ];
  const row = summarize(jobs, { actual, stages });
  expect(row).toMatchObject({ stageTauMean: 0, taus: [1, -1] });
  expect(row.stageTauStd).toBeCloseTo(Math.sqrt(2), 12);
  expect(summarize(jobs, { actual })).not.toHaveProperty("stageTauMean");
});

const spec = mlpSpec([2, 2, 1]);
const dataset = {
  spec,
  size,
  tensors: Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => {
      const entries = shape.reduce((a, b) => a * b);
      // Norms fall with accuracy.
      const data = Float32Array.from(
        { length: size * entries },
        (_, i) => 10 - actual[Math.floor(i / entries)],
      );
      return [name, { shape, data }] as const;
    }),
  ),
  targets: Float32Array.from(actual),
  groups: Array.from({ length: size }, (_, i) => Math.floor(i / checkpoints)),
  stages,
  cues: {
    "training step": stages.map((stage) => 100 * stage),
    "training loss": actual.map((x, i) => (i === 0 ? Number.NaN : 5 - x)),
  },
};

test("one-number baselines: direction from training networks, tau and tau in a stage on the test networks", () => {
  const [train, held] = splitDataset(dataset, [0.5, 0.5], 1);
  const rows = oneNumberBaselines(train, held, 0);
  const row = (name: string) => rows.find(({ number }) => number === name);
  expect(rows.map(({ number }) => number).toSorted()).toEqual([
    "training loss",
    "training step",
    "weight norm",
  ]);
  expect(row("training step")).toMatchObject({ direction: "higher" });
  expect(row("training step")?.tau).toBeGreaterThan(0.8);
  expect(row("training step")).not.toHaveProperty("stageTau"); // says nothing within a stage
  expect(row("weight norm")).toMatchObject({ direction: "lower" });
  expect(row("weight norm")?.tau).toBeCloseTo(1, 12);
  expect(row("weight norm")?.stageTau).toBeCloseTo(1, 12);
  expect(row("training loss")?.direction).toBe("lower");
  expect(row("training loss")?.tau).toBeGreaterThan(0.9); // an undefined loss counts as large
  const [low, high] = row("training step")?.tauInterval ?? [0, 0];
  expect(high).toBeGreaterThan(low);
  expect(Math.abs((row("training step")?.tau ?? 0) - (low + high) / 2)).toBeLessThan(0.05);
  // Control: the test networks have no say in the direction.
  const turned = { ...held, targets: held.targets.map((x) => -x) };
  const again = oneNumberBaselines(train, turned, 0).find(({ number }) => number === "weight norm");
  expect(again?.direction).toBe("lower");
  expect(again?.tau).toBeCloseTo(-1, 12);
});
