// The recipes that come with the package, by name.

import { OptionError } from "../core/errors.ts";
import { lookup } from "../core/records.ts";
import { digitsRecipe, type Recipe } from "./recipe.ts";

/**
 * GRU encoder-decoders that add numbers up to 49: shares of right answers spread from 0 to about 0.9. As in the published
 * population, learning rate and batch size vary; so do optimizer, scale, decay, data and stopping time.
 */
const gruAdders: Recipe = {
  name: "gru-adders",
  task: "adders",
  batch: [24, 48],
  learningRate: { adam: [0.001, 0.02], rmsprop: [0.001, 0.02] },
  initialScale: [0.5, 2],
  weightDecay: { chance: 0.4, range: [0.001, 0.2] },
  labelNoise: { chance: 0.25, range: [0, 0.3] },
  dataFraction: [0.3, 1],
  steps: { fullChance: 0.3, range: [300, 2000] },
  checkpoints: 4,
};

const all: readonly Recipe[] = [digitsRecipe, gruAdders];

/** Every recipe of the package, by name. */
export const recipes: Readonly<Record<string, Recipe>> = Object.freeze(
  Object.fromEntries(all.map((recipe) => [recipe.name, Object.freeze(recipe)])),
);

/** @throws {OptionError} listing the names there are. */
export function recipeNamed(name: string): Recipe {
  const recipe = lookup(recipes, name);
  if (recipe !== undefined) return recipe;
  throw new OptionError(
    `recipeNamed: there is no recipe "${name}"; expected one of ${Object.keys(recipes).join(", ")}, or a file ending in .json`,
  );
}
