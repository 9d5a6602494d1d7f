// GRU adders trained a second on one thread by their kernel, one after another, and by the array engine, all in one program, in turns;
// evaluation is part of both.

import { meanAndStd } from "../dist/train/measures/metrics.js";
import { taskEntry } from "../dist/tasks/registry.js";
import { recipeNamed } from "../dist/zoo/recipes.js";
import { trainPopulation } from "../dist/zoo/training/train-population.js";
import { median } from "./support/median.js";

const turns = 5;
const networks = 64;
const steps = 100;
const seed = 1;
const backends = ["kernels", "engine"];
const round = (value) => Number(value.toPrecision(3));

async function rowOf(name) {
  const named = recipeNamed(name);
  const recipe = { ...named, steps: { fullChance: 1, range: [steps, steps] }, checkpoints: 1 };
  const task = await taskEntry(recipe.task).create(new Uint8Array(0));
  const indices = Array.from({ length: networks }, (_, i) => i);
  const rates = { kernels: [], engine: [] };
  for (let turn = 0; turn <= turns; turn++)
    for (const backend of backends) {
      const began = performance.now();
      await trainPopulation({ task, recipe, seed, indices, backend });
      if (turn > 0) rates[backend].push((networks * 1000) / (performance.now() - began));
    }
  const ratios = rates.kernels.map((rate, turn) => rate / rates.engine[turn]);
  return {
    recipe: name,
    networksPerSecond: round(median(rates.kernels)),
    engineNetworksPerSecond: round(median(rates.engine)),
    timesEngine: round(median(ratios)),
    timesEngineStd: round(meanAndStd(ratios).std),
  };
}

export async function run() {
  const rows = [];
  for (const recipe of ["gru-adders", "gru-adders-published"]) rows.push(await rowOf(recipe));
  return { name: "adders", networks, steps, turns, seed, threads: 1, rows };
}
