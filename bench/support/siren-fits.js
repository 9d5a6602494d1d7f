// Sine networks fitted to images: what `zoo build` does with the recipes pictures-*, by the way that it takes unless told another.

import { createHash } from "node:crypto";
import { readPackageData } from "../../dist/node/package-data.js";
import { taskEntry } from "../../dist/tasks/registry.js";
import { trainPopulation } from "../../dist/zoo/training/train-population.js";
import { recipeNamed } from "../../dist/zoo/recipes.js";

/** Digits enlarged to 28 x 28, which come with the package. */
export async function enlargedDigits() {
  const entry = taskEntry("pictures-digits-28");
  const data = await readPackageData(entry.dataFile);
  return { task: await entry.create(data), pictures: await entry.pictures(data) };
}

/** Fits the first `networks` digits by the recipe of FashionMNIST; answers their ratios in dB, and a digest of their weights. */
export async function sirenFits({ networks, steps, seed, backend }) {
  const { task } = await enlargedDigits();
  const recipe = {
    ...recipeNamed("pictures-fashion-mnist"),
    steps: { fullChance: 1, range: [steps, steps] },
  };
  const indices = Array.from({ length: networks }, (_, i) => i);
  return async () => {
    const { weights, runs } = await trainPopulation({ task, recipe, seed, indices, backend });
    const hash = createHash("sha256");
    for (const { data } of Object.values(weights)) hash.update(new Uint8Array(data.buffer));
    return { psnr: runs.map(({ metrics }) => metrics.psnr), digest: hash.digest("hex") };
  };
}
