import { numpy as np } from "@jax-js/jax";
import { beforeAll, describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import { startEngine } from "../../src/engine/start.ts";
import { formatAxisExpression } from "../../src/symmetry/expression.ts";
import { publishedGRUSpec } from "../support/published-specs.ts";
import {
  addersData,
  answerSymbols,
  askSymbol,
  endSymbol,
  querySymbols,
} from "../../src/datasets/adders-data.ts";
import { labelledData } from "../../src/tasks/labelled-data.ts";
import { evaluateAdders } from "../../src/tasks/adders-evaluation.ts";
import { adder } from "../../src/populations/networks/task-networks.ts";
import { addersTasks } from "../../src/tasks/adders.ts";
import { gradientErrors, randomBatch, randomWeights, stack, underSymmetry } from "./task-laws.ts";

let task: Awaited<ReturnType<typeof addersTasks.adders.create>>;
beforeAll(async () => {
  await startEngine();
  task = await addersTasks.adders.create();
});

describe("the problems", () => {
  const data = addersData(49);

  test("are all pairs, a fifth for tests, none in both, split the same way every time", () => {
    expect([data.train.count, data.test.count]).toEqual([2000, 500]);
    const all = [...data.train.problems, ...data.test.problems];
    expect(new Set(all.map(({ first, second }) => 50 * first + second)).size).toBe(2500);
    expect(addersData(49)).toEqual(data);
  });

  test("are read from the right, answered with an end mark", () => {
    const problem = { first: 7, second: 15 };
    expect(querySymbols(problem, data.queryLength)).toEqual([12, 7, 10, 1, 5]);
    expect(answerSymbols(22)).toEqual([2, 2, endSymbol]);
    expect(answerSymbols(9)).toEqual([9, endSymbol]);
    expect([data.queryLength, data.answerLength]).toEqual([5, 3]);
  });
});

test("with summands up to 99 there are four times as many problems, and sums of three digits", async () => {
  const { train, test: tests, batchShapes, spec } = await addersTasks["adders-99"].create();
  expect([train.count, tests.count]).toEqual([8000, 2000]);
  expect(Math.max(...train.labels, ...tests.labels)).toBe(198);
  const names = (of: typeof batchShapes) => Object.keys(of(1)).length;
  expect(names(batchShapes)).toBe(names(task.batchShapes) + 2); // one more symbol of the answer, read and written
  expect(spec).toEqual(task.spec); // the same network
  expect(answerSymbols(198)).toEqual([1, 9, 8, endSymbol]);
});

test("the traced spec has the published tensors, its state the published axes", () => {
  const published = publishedGRUSpec({ hidden: 48, symbols: 14 });
  const state = new Set<string>();
  expect(Object.keys(task.spec.tensors)).toEqual(Object.keys(published.tensors));
  for (const [name, { shape, axes }] of Object.entries(published.tensors)) {
    const traced = task.spec.tensors[name];
    expect(traced.shape).toEqual(shape);
    for (const [dimension, axis] of axes.entries()) {
      const own = formatAxisExpression(traced.axes[dimension]);
      if (formatAxisExpression(axis) === "hidden") state.add(own);
      else expect(task.spec.axes[own].group).toBe("fixed"); // an input or output of the network
    }
  }
  expect(state.size).toBe(1); // encoder and decoder share one axis
  expect(task.spec.axes[[...state][0]].group).toBe("permutation");
});

test("recurrent kernels start orthogonal, times the scale", () => {
  const { data } = task.init(randomStream(1), 3)["encoder/hz/kernel"];
  for (const [i, j] of [
    [0, 0],
    [5, 5],
    [3, 7],
  ]) {
    let dot = 0;
    for (let k = 0; k < 48; k++) dot += data[i * 48 + k] * data[j * 48 + k];
    expect(dot).toBeCloseTo(i === j ? 9 : 0, 4);
  }
});

test.each(["adders", "adders-99"] as const)(
  "%s: the written-out gradients are those of automatic differentiation",
  async (name) => {
    for (const error of Object.values(await gradientErrors(await addersTasks[name].create(), 3)))
      expect(error).toBeLessThan(1e-5);
  },
);

test("the loss of equal scores is log 14 a symbol", async () => {
  const weights = stack(task, [randomWeights(task, 1)]);
  const zero = Object.entries(weights).map(([name, w]) => [name, np.multiply(w, 0)] as const);
  const batch = randomBatch(task, 1, 16, 2);
  const symbols = await np
    .add(
      np.add(np.sum(batch["target0"].ref), np.sum(batch["target1"].ref)),
      np.sum(batch["target2"].ref),
    )
    .data();
  const [loss] = await task.loss(Object.fromEntries(zero), batch).data();
  expect(loss).toBeCloseTo((symbols[0] / 16) * Math.log(14), 4);
});

test("results are those before the spec's group acted, and not when one tensor alone moves", async () => {
  const { before, moved, half } = await underSymmetry(task, "decoder/hn/kernel", 5);
  expect(moved.testLoss).toBeCloseTo(before.testLoss, 4);
  expect(moved.trainLoss).toBeCloseTo(before.trainLoss, 4);
  expect(moved.testAccuracy).toBeCloseTo(before.testAccuracy, 2);
  expect(Math.abs(half.testLoss - before.testLoss)).toBeGreaterThan(1e-3);
});

test("what a network was told changes its training loss only", async () => {
  const weights = randomWeights(task, 6);
  const result = await task.evaluate(stack(task, [weights, weights]), [
    labelledData([0], Uint8Array.of(1)),
    labelledData([0, 1], Uint8Array.of(1, 2)),
  ]);
  expect(result[0].testAccuracy).toBe(result[1].testAccuracy);
  expect(result[0].trainLoss).not.toBe(result[1].trainLoss);
});

test("an answer counts exactly when the network, reading what it wrote itself, writes it", async () => {
  const data = addersData(49);
  const weights = task.init(randomStream(2), 2.5);
  const problems = data.test.problems;
  const batch = stack(task, [weights]);
  const oneHot = (of: readonly number[]) => {
    const rows = new Float32Array(of.length * 14);
    for (const [i, symbol] of of.entries()) rows[i * 14 + symbol] = 1;
    return np.array(rows, { shape: [of.length, 14] });
  };
  const one = Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data: values }]) => [
      name,
      np.array(Float32Array.from(values), { shape: [...shape] }),
    ]),
  );
  let state = np.zeros([problems.length, 48]);
  for (let t = 0; t < data.queryLength; t++) {
    const read = problems.map((problem) => querySymbols(problem, data.queryLength)[t]);
    state = adder.encoder.apply(one, state, oneHot(read));
  }
  let read = problems.map(() => askSymbol);
  const written: number[][] = problems.map(() => []);
  for (let t = 0; t < data.answerLength; t++) {
    state = adder.decoder.apply(one, state, oneHot(read));
    const scores = await adder.dense.apply(one, state.ref).data();
    read = problems.map((_, i) => {
      let best = 0;
      for (let s = 1; s < 14; s++)
        if (scores[s * problems.length + i] > scores[best * problems.length + i]) best = s;
      return best;
    });
    for (const [i, symbol] of read.entries()) written[i].push(symbol);
  }
  // Sums that it writes, and as many that it does not.
  const told = problems.flatMap((problem, i) => {
    const sum = Array.from({ length: 99 }, (_, n) => n).find((n) =>
      answerSymbols(n).every((symbol, t) => symbol === written[i][t]),
    );
    return sum === undefined ? [] : [{ problem, sum }];
  });
  expect(told.length).toBeGreaterThan(20);
  const asked = told.flatMap(({ problem, sum }) => [
    { problem, sum },
    { problem, sum: (sum + 1) % 99 },
  ]);
  const labels = Uint8Array.from(asked, ({ sum }) => sum);
  const tests = { count: asked.length, labels, problems: asked.map(({ problem }) => problem) };
  const seen = labelledData([0], Uint8Array.of(1));
  const [result] = await evaluateAdders(adder, batch, { ...data, test: tests }, [seen]);
  expect(result.testAccuracy).toBe(0.5);
});
