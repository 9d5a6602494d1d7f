// Networks trained a second: many in one program against one after another in the same engine, in alternating rounds.

import { digitsTasks } from "../dist/tasks/digits.js";
import { readPackageData } from "../dist/node/package-data.js";
import { digitsRecipe } from "../dist/zoo/recipe.js";
import { trainPopulation } from "../dist/zoo/training/train-population.js";
import { median } from "./support/median.js";

const steps = 100;
const together = 128;
const alone = 4;
const rounds = 5;
const seed = 1;

const round = (value) => Number(value.toPrecision(4));

/** Seconds a network takes, for `count` networks in programs of `size`. */
async function secondsEach(task, recipe, first, count, size) {
  const began = performance.now();
  for (let from = first; from < first + count; from += size) {
    const indices = Array.from({ length: size }, (_, i) => from + i);
    await trainPopulation({ task, recipe, seed, indices });
  }
  return (performance.now() - began) / 1000 / count;
}

/** Medians over rounds after one unmeasured round each; `ratio` is the median of the rounds' own ratios. */
export async function run() {
  const task = await digitsTasks.digits.create(await readPackageData("uci-digits.csv.gz"));
  const recipe = { ...digitsRecipe, steps: { fullChance: 1, range: [steps, steps] } };
  await secondsEach(task, recipe, 0, together, together);
  await secondsEach(task, recipe, 0, alone, 1);
  const batched = [];
  const single = [];
  for (let i = 1; i <= rounds; i++) {
    batched.push(await secondsEach(task, recipe, i * together, together, together));
    single.push(await secondsEach(task, recipe, i * together, alone, 1));
  }
  const ratios = single.map((seconds, i) => seconds / batched[i]);
  return {
    name: "population",
    network: "64-32-10, batch 64, one thread, evaluation included",
    steps,
    networksInOneProgram: together,
    networksPerSecondBatched: round(1 / median(batched)),
    networksPerSecondAlone: round(1 / median(single)),
    ratio: round(median(ratios)),
    ratioRange: [round(Math.min(...ratios)), round(Math.max(...ratios))],
    microsecondsPerNetworkStepBatched: round((median(batched) / steps) * 1e6),
  };
}
