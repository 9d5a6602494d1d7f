// Evaluation: every optimizer gets the same, steps and losses are those of the curves, what was kept is not made again.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../../src/engine/start.ts";
import {
  handMadeEntry,
  handMadeNames,
  learnedEntry,
} from "../../../src/optimizers/evaluate/entries.ts";
import {
  evaluateOptimizers,
  type EvaluateOptions,
  type EvaluationUnit,
} from "../../../src/optimizers/evaluate/evaluate.ts";
import {
  optimizerCurves,
  type OptimizerResult,
  optimizerRows,
} from "../../../src/optimizers/evaluate/rows.ts";
import { optimizerKind } from "../../../src/optimizers/registry.ts";
import { optimizerReport } from "../../../src/report/optimizer-report.ts";
import { optimizerDraft } from "../../../src/report/result-drafts.ts";
import { checkResultFile, resultText } from "../../../src/report/result-file.ts";
import { parseUnit } from "../../../src/optimizers/evaluate/kept-units.ts";
import { quadraticTask } from "../../support/quadratic-task.ts";

beforeAll(() => startEngine());

const unit = (
  optimizer: string,
  test_: readonly (readonly number[])[],
  secondsPerStep = 0.001,
): EvaluationUnit => ({
  optimizer,
  rate: 0.1,
  tried: [{ rate: 0.1, loss: 1 }],
  curves: { steps: [10, 20, 30, 40], test: test_, train: test_, secondsPerStep },
});

describe("rows", () => {
  const adam = unit("adam", [
    [3, 2, 1, 1.5],
    [3, 2, 1.2, 1.5],
  ]);
  test("steps until Adam's best mean loss, in steps and in seconds", () => {
    const fast = unit(
      "fast",
      [
        [3, 1.1, 1, 0.9],
        [1, 1, 1, 0.7],
      ],
      0.004,
    );
    const [own, row] = optimizerRows("t", [adam, fast]);
    expect(own).toMatchObject({
      speedup: 1,
      reached: 1,
      stepsToAdamMean: null,
      finalLossMean: 1.5,
    });
    expect(row).toMatchObject({
      reached: 2,
      stepsToAdamMean: 15,
      speedup: 1.5,
      finalLossMean: 0.8,
    });
    expect(row.speedupInSeconds).toBeCloseTo(1.5 / 4, 10);
    expect(row.stepsToAdamStd).toBeCloseTo(Math.sqrt(50), 10);
  });
  test("what is never reached, or not finite, is null", () => {
    const slow = unit("slow", [
      [9, 8, 7, 6],
      [9, 8, Infinity, Infinity],
    ]);
    const [, row] = optimizerRows("t", [adam, slow]);
    expect(row).toMatchObject({
      speedup: null,
      stepsToAdamMean: null,
      reached: 0,
      finalLossMean: null,
    });
    const back = parseUnit(JSON.parse(JSON.stringify(slow)));
    expect(back).toEqual(slow);
    expect(optimizerCurves([slow])[0].testMean).toEqual([9, 8, null, null]);
  });
  const resultOf = (units: readonly EvaluationUnit[]): OptimizerResult => ({
    title: "Optimizers on t",
    task: "t",
    summary: "a task",
    steps: 40,
    every: 10,
    seed: 0,
    seeds: 2,
    triedRates: 20,
    command: "weightspace optimizer evaluate",
    commit: "c",
    machine: "m",
    rows: optimizerRows("t", units),
    curves: optimizerCurves(units),
    tried: Object.fromEntries(units.map(({ optimizer, tried }) => [optimizer, tried])),
  });
  test("the file of results has the shape of all: a row a point of every curve, and the rates that were tried", () => {
    const learned = {
      ...unit("wild", [
        [3, 2, Infinity, Infinity],
        [3, 2, 1, Infinity],
      ]),
      rate: null,
      tried: [],
    };
    const draft = optimizerDraft(resultOf([adam, learned]));
    const file = checkResultFile(JSON.parse(resultText(draft)), "x");
    expect(file.about).toEqual({
      task: "t",
      summary: "a task",
      steps: 40,
      every: 10,
      seeds: 2,
      triedRates: 20,
    });
    expect(file.rows[0]).toMatchObject({ optimizer: "adam", bestLossMean: 1.1 });
    expect(file.rows[0]["bestLossStd"]).toBeCloseTo(Math.sqrt(0.02), 10);
    const points = file.tables?.["curves"] ?? [];
    expect(points).toHaveLength(8);
    expect(points[2]).toMatchObject({ optimizer: "adam", step: 30, testLossMean: 1.1, seeds: 2 });
    expect(points[7]).toMatchObject({ optimizer: "wild", step: 40, testLossMean: null });
    expect(file.tables?.["tried"]).toEqual([{ optimizer: "adam", rate: 0.1, loss: 1 }]);
    expect(() => checkResultFile(resultOf([adam]), "x")).toThrow(/not a file of results/); // control
  });
  test("the report shows every optimizer, escapes names, and survives curves without a number", () => {
    const units = [adam, unit("<b>wild</b>", [[Infinity, Infinity, Infinity, Infinity]])];
    const result = resultOf(units);
    const page = optimizerReport(result);
    expect(page).toContain("&lt;b&gt;wild");
    expect(page).not.toContain("<b>wild");
    expect(page.match(/<svg/g)?.length).toBe(2);
  });
});

async function evaluated(options: Partial<EvaluateOptions> & Pick<EvaluateOptions, "entries">) {
  const task = options.task ?? (await quadraticTask({ curvature: 0.2 }));
  const given = { task, seeds: 3, steps: 30, every: 10, seed: 1, ...options };
  const units: EvaluationUnit[] = [];
  let done = [0, 0];
  for await (const event of evaluateOptimizers(given)) {
    if (event.type === "unit") units.push(event.unit);
    else if (event.type === "progress") done = [event.done, event.total];
  }
  expect(done[0]).toBe(done[1]);
  return units;
}

describe("runs", () => {
  test.each(handMadeNames())(
    "%s is tuned over 20 rates and makes the loss smaller",
    async (name) => {
      const names = [...new Set(["adam", name])];
      const units = await evaluated({ entries: names.map(handMadeEntry) });
      const { rate, tried, curves } = units[units.length - 1];
      expect(tried).toHaveLength(20);
      const best = tried.toSorted((a, b) => (a.loss ?? Infinity) - (b.loss ?? Infinity))[0];
      expect(rate).toBe(best.rate);
      expect(curves.test).toHaveLength(3);
      for (const curve of curves.test) expect(curve[2]).toBeLessThan(curve[0]);
      expect(new Set(curves.test.map((curve) => curve[0])).size).toBe(3); // seeds differ
    },
  );
  test("a learned optimizer at theta 0 of momentum is SGD with momentum 0.9 and rate 0.1, run for run", async () => {
    const { program, features } = optimizerKind("sgdm");
    const task = await quadraticTask({ curvature: 0.2 });
    const theta = program(task.spec).initialTheta(0);
    const file = { kind: "sgdm", features, tensors: null, training: {}, theta };
    const momentum = handMadeEntry("sgdm");
    const entries = [
      handMadeEntry("adam"),
      { ...momentum, rates: [0.1] },
      learnedEntry("learned", file),
    ];
    const [adam, byHand, learned] = await evaluated({ task, entries });
    for (const [at, curve] of learned.curves.test.entries())
      for (const [i, loss] of curve.entries()) {
        expect(loss).toBeCloseTo(byHand.curves.test[at][i], 5);
        expect(Math.abs(loss - adam.curves.test[at][i])).toBeGreaterThan(1e-4); // control
      }
    expect(learned).toMatchObject({ rate: null, tried: [] });
  });
  test("a learned optimizer with steps of a chosen length is SGD with momentum at the chosen multiple of its rate", async () => {
    const { program, features } = optimizerKind("sgdm");
    const task = await quadraticTask({ curvature: 0.2 });
    const theta = program(task.spec).initialTheta(0);
    const file = { kind: "sgdm", features, tensors: null, training: {}, theta };
    const entries = [handMadeEntry("adam"), learnedEntry("learned", file, { tuned: true })];
    const [, learned] = await evaluated({ task, entries });
    expect(learned.tried.length).toBe(20);
    expect(learned.tried.map(({ rate }) => rate)).toContain(1);
    const factor = learned.rate ?? Number.NaN;
    const best = Math.min(...learned.tried.map(({ loss }) => loss ?? Infinity));
    expect(learned.tried.find(({ rate }) => rate === factor)?.loss).toBe(best);
    const sgdm = (rate: number) => ({ ...handMadeEntry("sgdm"), rates: [rate] });
    const [, same] = await evaluated({ task, entries: [entries[0], sgdm(0.1 * factor)] });
    const [, other] = await evaluated({ task, entries: [entries[0], sgdm(0.1)] });
    expect(factor).not.toBe(1);
    for (const [at, curve] of learned.curves.test.entries()) {
      for (const [i, loss] of curve.entries()) expect(loss).toBeCloseTo(same.curves.test[at][i], 5);
      expect(curve).not.toEqual(other.curves.test[at]);
    }
  });
  test("what was kept is read, not run; the rest is the same as in one piece", async () => {
    const entries = ["adam", "sgdm"].map(handMadeEntry);
    const [adam, sgdm] = await evaluated({ entries });
    const kept = { ...adam, rate: 123 };
    const again = await evaluated({
      entries,
      known: async (name) => (name === "adam" ? kept : undefined),
    });
    expect(again[0]).toBe(kept);
    expect(again[1].curves.test).toEqual(sgdm.curves.test);
  });
  test("without Adam, with a name twice, with an unknown one or uneven steps it is refused", async () => {
    const [adam, sgdm] = ["adam", "sgdm"].map(handMadeEntry);
    await expect(evaluated({ entries: [sgdm] })).rejects.toThrow(/expected "adam" among/);
    await expect(evaluated({ entries: [adam, adam] })).rejects.toThrow(/given twice/);
    await expect(evaluated({ entries: [adam], steps: 25 })).rejects.toThrow(/multiple of 10/);
    expect(() => handMadeEntry("adan")).toThrow(/did you mean "?adam/);
  });
  test("an abort that a timer brings ends it", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    const entries = [handMadeEntry("adam")];
    const { signal } = controller;
    await expect(evaluated({ entries, steps: 100_000, signal })).rejects.toThrow(/abort/i);
  });
  test("an abort ends it", async () => {
    const controller = new AbortController();
    controller.abort();
    const entries = [handMadeEntry("adam")];
    await expect(evaluated({ entries, signal: controller.signal })).rejects.toThrow(/abort/i);
  });
});
