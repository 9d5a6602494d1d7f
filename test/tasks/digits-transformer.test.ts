import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { formatAxisExpression } from "../../src/symmetry/expression.ts";
import type { ClassifierTask } from "../../src/tasks/classifier.ts";
import { digitsTasks } from "../../src/tasks/digits.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import { gradientErrors, underSymmetry } from "./task-laws.ts";

let bytes: Uint8Array;
beforeAll(async () => {
  await startEngine();
  bytes = await readPackageData("uci-digits.csv.gz");
});

const axesOf = (task: ClassifierTask, name: string) =>
  task.spec.tensors[name].axes.map(formatAxisExpression);

describe.each([true, false])("a Transformer with residuals: %s", (residuals) => {
  let task: ClassifierTask;
  beforeAll(async () => {
    task =
      await digitsTasks[residuals ? "digits-transformer" : "digits-transformer-plain"].create(
        bytes,
      );
  });

  test("has heads that may be reordered, and spaces of their own inside every head", () => {
    for (const block of ["block1", "block2"]) {
      const [query] = axesOf(task, `${block}.q.weight`);
      const [value] = axesOf(task, `${block}.v.weight`);
      const [head, inQuery] = query.split(" * ");
      expect(value.split(" * ")[0]).toBe(head);
      expect(axesOf(task, `${block}.k.weight`)[0]).toBe(`${head} * ${inQuery}^-1`);
      expect(axesOf(task, `${block}.o.weight`)[1]).toBe(`${value}^-1`);
      expect(task.spec.axes[head]).toMatchObject({ size: 2, group: "permutation" });
      for (const axis of [inQuery, value.split(" * ")[1]])
        expect(task.spec.axes[axis]).toMatchObject({
          size: 8,
          group: "general-linear",
          within: head,
        });
    }
  });

  test("has one width through all blocks with residuals, one a layer without", () => {
    const widths = ["block1.o", "block1.down", "block2.o", "block2.down"].map(
      (name) => axesOf(task, `${name}.bias`)[0],
    );
    expect(new Set(widths).size).toBe(residuals ? 1 : 4);
    expect(axesOf(task, "positions")[1]).toBe(axesOf(task, "embed.bias")[0]);
    expect(axesOf(task, "hidden.weight")[1]).toBe(widths[3]);
  });

  test("has the gradients of automatic differentiation, and none at the biases of keys", async () => {
    const errors = await gradientErrors(task, 3, ["block1.k.bias", "block2.k.bias"]);
    for (const error of Object.values(errors)) expect(error).toBeLessThan(1e-5);
  });

  test("does as well after the spec's group acted, and not when one tensor alone moves", async () => {
    const { before, moved, half } = await underSymmetry(task, "block1.v.weight", 5);
    expect(moved.testLoss).toBeCloseTo(before.testLoss, 3);
    expect(moved.testAccuracy).toBeCloseTo(before.testAccuracy, 2);
    expect(Math.abs(half.testLoss - before.testLoss)).toBeGreaterThan(0.001);
  });
});
