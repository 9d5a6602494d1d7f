// Processor time of a training step of 64 networks of one recipe, by the build of this checkout or of another:
// `npm run bench:step -- gru-adders [../old]`. To be run in turns.

import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [name, root = "."] = process.argv.slice(2);
const networks = 64;
const [few, many] = [2, 30];

/** The first of these modules that the checkout has. */
async function load(...files) {
  const [file, ...others] = files;
  try {
    return await import(pathToFileURL(join(resolve(root), "dist", file)).href);
  } catch (error) {
    if (others.length === 0) throw error;
    return load(...others);
  }
}

const { readPackageData } = await load("node/package-data.js", "tasks/package-data.js");
const { taskEntry } = await load("tasks/registry.js");
const { recipes } = await load("zoo/recipes.js");
const { trainPopulation } = await load(
  "zoo/training/train-population.js",
  "zoo/train-population.js",
);

const recipe = Object.values(recipes).find((one) => one.name === name);
if (recipe === undefined) {
  console.error(`step-seconds: expected the name of a recipe, got ${JSON.stringify(name)}`);
  process.exit(2);
}
const { create, dataFile } = taskEntry(recipe.task);
const task = await create(dataFile ? await readPackageData(dataFile) : new Uint8Array(0));

/** Seconds of the processor until the last of so many steps. */
async function secondsOf(count) {
  const began = process.cpuUsage();
  let trained = 0;
  await trainPopulation({
    task,
    recipe: { ...recipe, steps: { fullChance: 1, range: [count, count] }, checkpoints: 1 },
    seed: 1,
    indices: Array.from({ length: networks }, (_, i) => i),
    onStep: () => (trained = process.cpuUsage(began).user / 1e6),
  });
  return trained;
}

await secondsOf(few); // compiles
const short = await secondsOf(few);
const step = ((await secondsOf(many)) - short) / (many - few);
console.log(`${name}, ${networks} networks: ${(1000 * step).toFixed(1)} ms a step`);
