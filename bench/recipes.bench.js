// What a network of every recipe costs: training steps of a program of many networks, their evaluation, and from both the
// networks a second that one thread builds.

import { readPackageData } from "../dist/node/package-data.js";
import { taskEntry } from "../dist/tasks/registry.js";
import { checkpointsOf, drawHyperParameters } from "../dist/zoo/recipe.js";
import { recipes } from "../dist/zoo/recipes.js";
import { trainPopulation } from "../dist/zoo/training/train-population.js";

const networks = 128;
const steps = 12;
const seed = 1;
const sample = 2000;

const round = (value) => Number(value.toPrecision(3));

/** Seconds of training and of evaluation for networks that take so many steps. */
async function secondsOf(task, recipe) {
  const began = performance.now();
  let trained = began;
  await trainPopulation({
    task,
    recipe,
    seed,
    indices: Array.from({ length: networks }, (_, i) => i),
    onStep: () => (trained = performance.now()),
  });
  return { training: (trained - began) / 1000, evaluation: (performance.now() - trained) / 1000 };
}

export async function run() {
  const rows = [];
  for (const recipe of Object.values(recipes)) {
    const { create, dataFile, givenData } = taskEntry(recipe.task);
    if (givenData !== undefined) continue; // images that do not come with the package
    const task = await create(dataFile ? await readPackageData(dataFile) : new Uint8Array(0));
    const fixed = (count) => ({
      ...recipe,
      steps: { fullChance: 1, range: [count, count] },
      checkpoints: 1,
    });
    await secondsOf(task, fixed(2)); // compiles
    const few = await secondsOf(task, fixed(2));
    const many = await secondsOf(task, fixed(steps));
    const step = (many.training - few.training) / (steps - 2) / networks;
    const evaluation = many.evaluation / networks;
    const drawn = Array.from({ length: sample }, (_, i) => drawHyperParameters(recipe, seed, i));
    const meanSteps = drawn.reduce((sum, hyper) => sum + hyper.steps, 0) / sample;
    const seconds = step * meanSteps + evaluation * checkpointsOf(recipe);
    rows.push({
      recipe: recipe.name,
      meanSteps: Math.round(meanSteps),
      millisecondsPerNetworkStep: round(step * 1000),
      millisecondsPerEvaluation: round(evaluation * 1000),
      networksPerSecondOneThread: round(1 / seconds),
    });
  }
  return { name: "recipes", networksInOneProgram: networks, seed, rows };
}
