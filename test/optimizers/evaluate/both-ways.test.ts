// Training on kernels is training on the array engine, for optimizers of every sort.

import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../../src/engine/start.ts";
import { openInnerTask } from "../../../src/node/open-inner-task.ts";
import {
  handMadeEntry,
  learnedEntry,
  type OptimizerEntry,
} from "../../../src/optimizers/evaluate/entries.ts";
import {
  type NetworkCurves,
  trainNetworks,
} from "../../../src/optimizers/evaluate/train-networks.ts";
import { optimizerKind } from "../../../src/optimizers/registry.ts";
import type { InnerTask } from "../../../src/tasks/inner/inner-task.ts";
import { quadraticTask } from "../../support/quadratic-task.ts";

beforeAll(() => startEngine());

function learned(kind: string, task: InnerTask, tuned: boolean): OptimizerEntry {
  const { program, features } = optimizerKind(kind);
  const theta = program(task.spec).initialTheta(1);
  return learnedEntry(kind, { kind, features, tensors: null, training: {}, theta }, { tuned });
}

const entries: readonly (readonly [string, (task: InnerTask) => OptimizerEntry, number[]])[] = [
  ["adam, each network with a rate of its own", () => handMadeEntry("adam"), [0.003, 0.02]],
  ["schedule-free AdamW, whose mean is tested", () => handMadeEntry("schedule-free"), [0.01, 0.02]],
  ["unf", (task) => learned("unf", task, false), [1, 1]],
  ["celo2 with steps of lengths of their own", (task) => learned("celo2", task, true), [0.5, 4]],
];

async function curvesOf(
  task: InnerTask,
  entry: OptimizerEntry,
  rates: readonly number[],
  backend: "kernels" | "engine",
): Promise<NetworkCurves> {
  const rule = entry.rule(task.spec, rates);
  try {
    return await trainNetworks({ task, rule, seeds: [4, 5], steps: 12, every: 4, backend });
  } finally {
    rule.close();
  }
}

const largestGap = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]) =>
  Math.max(...a.flat().map((value, i) => Math.abs(value - b.flat()[i])));

describe.each(["digits-mlp", "text-irnn"])("on %s", (name) => {
  let task: InnerTask;
  beforeAll(async () => {
    task = await openInnerTask({ task: name });
  });
  test.each(entries)("%s", async (_, make, rates) => {
    const entry = make(task);
    const engine = await curvesOf(task, entry, rates, "engine");
    const kernels = await curvesOf(task, entry, rates, "kernels");
    expect(kernels.steps).toEqual([4, 8, 12]);
    expect(largestGap(kernels.test, engine.test)).toBeLessThan(1e-4);
    expect(largestGap(kernels.train, engine.train)).toBeLessThan(1e-4);
    const [first, second] = kernels.test;
    expect(largestGap([first], [second])).toBeGreaterThan(1e-3); // control: networks differ
    expect(largestGap([first.slice(0, 2)], [first.slice(1)])).toBeGreaterThan(1e-4); // and move
  });
});

test("a task without kernels trains on the engine, and is refused on kernels", async () => {
  const task = await quadraticTask({ curvature: 0.2 });
  const rule = handMadeEntry("adam").rule(task.spec, [0.01]);
  const options = { task, rule, seeds: [1], steps: 2, every: 1 };
  expect((await trainNetworks(options)).test[0]).toHaveLength(2);
  await expect(trainNetworks({ ...options, backend: "kernels" })).rejects.toThrow(
    /has no kernels; take backend "engine"/,
  );
  rule.close();
});
