// Thetas that come with the package: those that were measured, ready for any network, better than what they began as.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { startEngine } from "../../src/engine/start.ts";
import { learnedEntry } from "../../src/optimizers/evaluate/entries.ts";
import { measureOptimizer } from "../../src/optimizers/evaluate/evaluate.ts";
import { openInnerTask } from "../../src/node/open-inner-task.ts";
import { loadOptimizer } from "../../src/optimizers/load-optimizer.ts";
import { optimizerKind } from "../../src/optimizers/registry.ts";
import { shippedNames, shippedTheta } from "../../src/optimizers/shipped.ts";
import { readTheta } from "../../src/optimizers/theta-file.ts";
import { innerTaskNames } from "../../src/tasks/inner/registry.ts";
import { root } from "../docs/pages.ts";

beforeAll(() => startEngine());

/** Where the meta-training of each is kept. */
const runs: Readonly<Record<string, string>> = {
  "celo2-unf": "fashion-mlp-celo2-unf-long",
  "unf-small": "fashion-mlp-unf-small",
};

const bytesOf = (name: string): Uint8Array => {
  const bytes = shippedTheta(name);
  if (bytes === undefined) throw new Error(`${name} is not shipped`);
  return bytes;
};

test("a name is shipped, and a name that is not has no bytes", () => {
  expect(shippedNames()).toEqual(Object.keys(runs));
  expect(shippedTheta("toString")).toBeUndefined();
});

describe.each(Object.keys(runs))("%s", (name) => {
  test("is the theta at the end of its meta-training, with its settings", async () => {
    const path = join(root, "docs/results/meta-training", runs[name], "theta.safetensors");
    const [here, there] = await Promise.all(
      [bytesOf(name), new Uint8Array(readFileSync(path))].map(readTheta),
    );
    expect(here.theta).toEqual(there.theta);
    expect(here.training["settings"]).toEqual(there.training["settings"]);
  });
  test.each(innerTaskNames())("is loaded for the networks of %s", async (task) => {
    const { spec } = await openInnerTask({ task });
    expect(Object.keys(await loadOptimizer(name, { spec }))).toContain("update");
  });
  test("trains a network it never saw to a loss a tenth lower, and more, than a fresh theta does", async () => {
    const file = await readTheta(bytesOf(name));
    const { program } = optimizerKind(file.kind);
    const task = await openInnerTask({ task: "digits-mlp" });
    const fresh = { ...file, theta: program(task.spec).initialTheta(0) };
    const options = { task, seeds: 2, steps: 50, every: 50, seed: 3 };
    const lossesOf = async (theta: typeof file): Promise<number[]> =>
      (await measureOptimizer(learnedEntry(name, theta), options)).curves.test.flat();
    const [trained, untrained] = [await lossesOf(file), await lossesOf(fresh)];
    for (const [i, loss] of trained.entries()) expect(loss).toBeLessThan(0.9 * untrained[i]);
  });
});
