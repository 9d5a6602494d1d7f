// Every task keeps the promises of a zoo: bits that depend on recipe, seed and index alone, and no arrays left behind.

import { beforeAll, describe, expect, test } from "vitest";
import { type EngineWatch, watchEngine } from "../../src/engine/live-arrays.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import { taskEntry } from "../../src/tasks/registry.ts";
import type { Task } from "../../src/tasks/task.ts";
import { parseRecipe, type Recipe } from "../../src/zoo/recipe.ts";
import { memoryStore } from "../../src/core/store.ts";
import type { trainPopulation as Train } from "../../src/zoo/training/train-population.ts";
import type * as SmallZoo from "./small-zoo.ts";

let watch: EngineWatch;
let trainPopulation: typeof Train;
let smallZoo: typeof SmallZoo;
beforeAll(async () => {
  watch = await watchEngine();
  smallZoo = await import("./small-zoo.ts");
  ({ trainPopulation } = await import("../../src/zoo/training/train-population.ts"));
});

const names: string[] = ["digits-cnn", "digits-transformer-plain", "adders"];

describe.each(names)("%s", (name) => {
  let recipe: Recipe;
  let task: Task;
  beforeAll(async () => {
    recipe = parseRecipe({
      ...smallZoo.smallZoo.recipe,
      task: name,
      batch: 8,
      learningRate: { adam: [0.001, 0.01], rmsprop: [0.001, 0.01] },
      steps: { fullChance: 0.5, range: [2, 4] },
      checkpoints: 2,
    });
    const { create, dataFile } = taskEntry(name);
    task = await create(
      dataFile === undefined ? new Uint8Array() : await readPackageData(dataFile),
    );
  });

  test("a network trained alone equals the same one among others, and nothing is left behind", async () => {
    const before = watch.liveArrays();
    const together = await trainPopulation({ task, recipe, seed: 5, indices: [0, 1, 2] });
    const alone = await trainPopulation({ task, recipe, seed: 5, indices: [1] });
    expect(alone.runs).toEqual(together.runs.slice(2, 4));
    for (const [tensor, { data }] of Object.entries(alone.weights)) {
      const size = data.length / 2;
      const same = together.weights[tensor].data.subarray(2 * size, 4 * size);
      expect(data).toEqual(same);
    }
    expect(together.runs.every(({ finite }) => finite)).toBe(true);
    expect(watch.liveArrays()).toBe(before);
  });

  test("worker threads and an interruption give the files of a build in one go", async () => {
    const { build, digestsOf } = smallZoo;
    const options = { recipe, networks: 3, shardSize: 2 };
    const whole = memoryStore();
    await build(whole, options);
    const resumed = memoryStore();
    await build(resumed, { ...options, networks: 2 });
    await build(resumed, { ...options, workers: 2 });
    expect(await digestsOf(resumed)).toEqual(await digestsOf(whole));
  });
});
