// What trains the networks of a population: the kernel of sine networks or of adders, as the array engine would up to the last digits; and what a zoo keeps of it.

import { beforeAll, describe, expect, test } from "vitest";
import { sizeOf } from "../../src/core/shapes.ts";
import { memoryStore } from "../../src/core/store.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { startEngine } from "../../src/engine/start.ts";
import type { PopulationBackend } from "../../src/kernels/backend.ts";
import { buildZoo } from "../../src/node/build-zoo.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import { type Task } from "../../src/tasks/task.ts";
import { registerTask, taskEntry } from "../../src/tasks/registry.ts";
import { mergeZoos } from "../../src/zoo/merge.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { parseRecipe, type Recipe } from "../../src/zoo/recipe.ts";
import { recipeNamed } from "../../src/zoo/recipes.ts";
import { learnStart } from "../../src/zoo/training/learn-start.ts";
import type { Stacks } from "../../src/zoo/training/population.ts";
import { trainPopulation } from "../../src/zoo/training/train-population.ts";

const seed = 3;
let task: Task;
beforeAll(async () => {
  await startEngine();
  const { create, dataFile = "" } = taskEntry("pictures-digits-28");
  task = await create(await readPackageData(dataFile));
});

const recipeOf = (changes: Partial<Recipe>): Recipe =>
  parseRecipe({
    ...recipeNamed("pictures-digits-28"),
    steps: { fullChance: 1, range: [20, 20] },
    ...changes,
  });

/** By how much of the largest number of its tensor a weight differs at most. */
function apart(one: Stacks, other: Stacks): number {
  return Math.max(
    ...Object.entries(one).map(([name, { data }]) => {
      const most = data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      return data.reduce(
        (furthest, value, i) => Math.max(furthest, Math.abs(value - other[name].data[i]) / most),
        0,
      );
    }),
  );
}

describe("networks of the kernel are those of the engine after 20 steps", () => {
  const start = (): Weights =>
    Object.fromEntries(
      Object.entries(task.spec.tensors).map(([name, { shape }]) => [
        name,
        {
          shape,
          data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i * i) / 8),
        },
      ]),
    );
  const rates = { sgd: [0.01, 0.01], momentum: [0.005, 0.005], rmsprop: [0.002, 0.002] } as const;
  const decayed = { chance: 1, range: [0.05, 0.1] } as const;
  const cases: readonly (readonly [string, Partial<Recipe>, boolean])[] = [
    ["the recipe as it is", {}, false],
    ["from a start in common", { start: "shared" }, false],
    ["from given weights", {}, true],
    ["from few pixels, in small batches", { dataFraction: [0.05, 0.2], batch: [7, 30] }, false],
    [
      "with checkpoints and stops on the way",
      { checkpoints: 3, steps: { fullChance: 0, range: [5, 20] } },
      false,
    ],
    [
      "at one rate, with decay",
      { schedule: "constant", weightDecay: { ...decayed, range: [...decayed.range] } },
      false,
    ],
    ...Object.entries(rates).map(
      ([name, rate]) => [`by ${name}`, { learningRate: { [name]: [...rate] } }, false] as const,
    ),
  ];
  test.each(cases)("%s", async (_, changes, isGiven) => {
    const by = (backend: PopulationBackend, ofSeed = seed) =>
      trainPopulation({
        task,
        recipe: recipeOf(changes),
        seed: ofSeed,
        indices: [0, 1, 5],
        backend,
        ...(isGiven && { start }),
      });
    const [engine, kernels] = [await by("engine"), await by("kernels")];
    expect(apart(engine.weights, kernels.weights)).toBeLessThan(1e-4);
    const settings = ({ runs }: typeof engine) => runs.map((run) => ({ ...run, metrics: {} }));
    expect(settings(kernels)).toEqual(settings(engine));
    const other = await by("kernels", seed + 1);
    expect(apart(engine.weights, other.weights)).toBeGreaterThan(1e-3); // control: other batches alone move weights
  });

  test("and so is a learnt start", async () => {
    const recipe = recipeOf({ start: "meta", meta: { rounds: 2, networks: 3, steps: 5, mix: 1 } });
    const learnt = async (backend: PopulationBackend, ofSeed = seed) => {
      let last: Weights = {};
      for await (const { weights } of learnStart({ task, recipe, seed: ofSeed, backend }))
        last = weights;
      return last as Stacks;
    };
    const engine = await learnt("engine");
    // Adam's first step is a sign, also of gradients that rounding alone keeps from 0.
    expect(apart(engine, await learnt("kernels"))).toBeLessThan(1e-3);
    expect(apart(engine, await learnt("kernels", seed + 1))).toBeGreaterThan(1e-2); // control
  });
});

describe("adders of their kernel are those of the engine after 20 steps", () => {
  const rates = { sgd: [0.3, 0.3], momentum: [0.05, 0.05], rmsprop: [0.002, 0.002] } as const;
  const cases: readonly (readonly [string, Partial<Recipe>])[] = [
    ["as the recipe has them", {}],
    ["in batches of three sizes, one no multiple of four", { batch: [7, 30, 64] }],
    [
      "with checkpoints and stops on the way, at a rate that falls",
      { checkpoints: 3, steps: { fullChance: 0, range: [5, 20] }, schedule: "cosine" },
    ],
    ["with decay", { weightDecay: { chance: 1, range: [0.05, 0.1] } }],
    ...Object.entries(rates).map(
      ([name, rate]) => [`by ${name}`, { learningRate: { [name]: [...rate] } }] as const,
    ),
  ];
  test.each(cases)("%s", async (_, changes) => {
    const adders = await taskEntry("adders").create(new Uint8Array(0));
    const recipe = parseRecipe({
      ...recipeNamed("gru-adders"),
      learningRate: { adam: [0.001, 0.001] },
      steps: { fullChance: 1, range: [20, 20] },
      checkpoints: 1,
      ...changes,
    });
    const by = (backend: PopulationBackend, ofSeed = seed) =>
      trainPopulation({ task: adders, recipe, seed: ofSeed, indices: [0, 1, 5], backend });
    const [engine, kernels] = [await by("engine"), await by("kernels")];
    expect(apart(engine.weights, kernels.weights)).toBeLessThan(1e-3);
    const settings = ({ runs }: typeof engine) => runs.map((run) => ({ ...run, metrics: {} }));
    expect(settings(kernels)).toEqual(settings(engine));
    const other = await by("kernels", seed + 1);
    expect(apart(engine.weights, other.weights)).toBeGreaterThan(1e-2); // control: other batches and starts
  });

  test("and bit for bit the same alone and beside others", async () => {
    const adders = await taskEntry("adders").create(new Uint8Array(0));
    const recipe = parseRecipe({
      ...recipeNamed("gru-adders"),
      steps: { fullChance: 0, range: [3, 20] },
      checkpoints: 1,
    });
    const of = (indices: readonly number[]) =>
      trainPopulation({ task: adders, recipe, seed, indices });
    const [all, alone, another] = [await of([0, 1, 2]), await of([2]), await of([3])];
    const last = (stacks: Stacks) =>
      Object.entries(stacks).map(([name, { data, shape }]) => {
        return [name, [...data.subarray(data.length - sizeOf(shape.slice(1)))]] as const;
      });
    expect(last(alone.weights)).toEqual(last(all.weights));
    expect(last(another.weights)).not.toEqual(last(all.weights)); // control
  });
});

describe("a population of the kernel", () => {
  const recipe = recipeOf({ dataFraction: [0.2, 1] });

  test("has the same networks, bit for bit, alone, in any order, and beside another training", async () => {
    const all = await trainPopulation({ task, recipe, seed, indices: [0, 1, 2, 3] });
    const some = [3, 1];
    const [again, beside] = await Promise.all([
      trainPopulation({ task, recipe, seed, indices: some }),
      trainPopulation({ task, recipe, seed: seed + 1, indices: some }),
    ]);
    for (const [name, { data, shape }] of Object.entries(again.weights)) {
      const size = sizeOf(shape.slice(1));
      const rows = some.map((i) => all.weights[name].data.subarray(i * size, (i + 1) * size));
      expect([...data]).toEqual(rows.flatMap((row) => [...row]));
    }
    expect(beside.weights).not.toEqual(again.weights); // control
  });

  test("is the way of sine networks unless another is asked for", async () => {
    const by = (backend?: PopulationBackend) =>
      trainPopulation({ task, recipe, seed, indices: [0], backend });
    const [usual, kernels, engine] = [await by(), await by("kernels"), await by("engine")];
    expect(usual.weights).toEqual(kernels.weights);
    expect(usual.weights).not.toEqual(engine.weights);
  });

  test("stops when it is told to", async () => {
    const controller = new AbortController();
    const training = trainPopulation({
      task,
      recipe,
      seed,
      indices: [0, 1],
      signal: controller.signal,
      onStep: () => controller.abort(new Error("enough")),
    });
    await expect(training).rejects.toThrow("enough");
  });
});

describe("a zoo", () => {
  const recipe = recipeOf({ steps: { fullChance: 1, range: [3, 3] } });
  async function build(
    options: { networks: number; backend?: PopulationBackend; recipe?: Recipe },
    store = memoryStore(),
  ) {
    for await (const event of buildZoo({
      recipe,
      seed,
      store,
      shardSize: 2,
      workers: 0,
      ...options,
    }))
      if (event.type === "warning") throw new Error(event.message);
    return store;
  }
  const told = async (store: ReturnType<typeof memoryStore>) => (await openZoo(store)).digest;

  test("goes on with what it was begun with, to the same bytes, and refuses another", async () => {
    for (const [backend, other] of [
      ["kernels", "engine"],
      ["engine", "kernels"],
    ] as const) {
      const whole = await build({ networks: 6, backend });
      const grown = await build({ networks: 2, backend });
      await expect(build({ networks: 6, backend: other }, grown)).rejects.toThrow(
        `whose networks were trained by backend "${backend}", asked for "${other}"`,
      );
      await build({ networks: 6 }, grown); // says nothing of backends
      expect(await told(grown)).toBe(await told(whole));
      expect(await told(grown)).not.toBe(await told(await build({ networks: 6, backend: other }))); // control
    }
  });

  test("of before says nothing, and is one of the engine; a new one of sine networks names the kernels, others nothing", async () => {
    const keys = async (store: ReturnType<typeof memoryStore>) => {
      const bytes = await store.read("zoo.json");
      return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    };
    expect(await keys(await build({ networks: 1 }))).toMatchObject({
      format: "weightspace/zoo@3",
      backend: "kernels",
    });
    expect(await keys(await build({ networks: 1, backend: "engine" }))).not.toHaveProperty(
      "backend",
    );
    const digits = { ...recipeNamed("digits-mlp"), steps: recipe.steps };
    const ofDigits = await keys(await build({ networks: 1, recipe: digits }));
    expect(ofDigits).toMatchObject({ format: "weightspace/zoo@2" });
    expect(ofDigits).not.toHaveProperty("backend");
    await expect(build({ networks: 1, recipe: digits, backend: "kernels" })).rejects.toThrow(
      /task "digits" has no kernel/,
    );
  });

  test("is not merged with one of another backend", async () => {
    const [one, other] = [
      await build({ networks: 2, backend: "kernels" }),
      await build({ networks: 2, backend: "engine" }),
    ];
    await expect(mergeZoos([one, other], memoryStore())).rejects.toThrow(
      /has backend none, .* has "kernels"/,
    );
    await expect(mergeZoos([one, one], memoryStore())).resolves.toMatchObject({ present: 2 }); // control
  });

  test("of a task that was registered without its kernel is refused", async () => {
    const entry = taskEntry("pictures-digits-28");
    registerTask({ ...entry, name: "pictures-unsaid", hasKernel: false });
    const unsaid = { ...recipe, task: "pictures-unsaid" };
    await expect(build({ networks: 1, recipe: unsaid })).rejects.toThrow(
      /"pictures-unsaid" has a kernel \(sines or kernelOf\), but was registered without/,
    );
  });
});
