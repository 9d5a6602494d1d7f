// The recipes that come with the package, by name.

import { OptionError } from "../core/errors.ts";
import { noSuchName } from "../core/nearest-name.ts";
import { openRegistry } from "../core/registry.ts";
import { digitsRecipe, parseRecipe, type Recipe } from "./recipe.ts";

/**
 * GRU encoder-decoders that add numbers up to 49: shares of right answers spread from 0 to about 0.9. The published population
 * varies learning rate (1e-4 to 1e-2) and batch only; here optimizer, learning rate, scale, decay, noise, data and stopping time.
 */
const gruAdders: Recipe = {
  name: "gru-adders",
  task: "adders",
  batch: 32,
  learningRate: { adam: [0.003, 0.03], rmsprop: [0.003, 0.03] },
  initialScale: [0.6, 1.7],
  weightDecay: { chance: 0.3, range: [0.001, 0.05] },
  labelNoise: { chance: 0.1, range: [0, 0.1] },
  dataFraction: [0.7, 1],
  steps: { fullChance: 0.4, range: [300, 2200] },
  checkpoints: 4,
};

/**
 * What the published population of adders varies, rate and batch of Adam: fixed steps, one network a run, summands up to 99 in place
 * of five digits, 48 units in place of 128.
 */
const gruAddersPublished: Recipe = {
  name: "gru-adders-published",
  task: "adders-99",
  batch: [64, 128, 256],
  learningRate: { adam: [0.0001, 0.01] },
  initialScale: [1, 1],
  weightDecay: { chance: 0, range: [0.001, 0.001] },
  labelNoise: { chance: 0, range: [0, 0] },
  dataFraction: [1, 1],
  steps: { fullChance: 1, range: [2000, 2000] },
};

/**
 * Three-layer ReLU CNNs on digits, from chance to about 98 %. The published grid varies optimizer, learning rate, initial
 * standard deviation, decay and share of the data; wrong labels and stopping time are added.
 */
const digitsCnn: Recipe = {
  name: "digits-cnn",
  task: "digits-cnn",
  batch: 32,
  learningRate: {
    sgd: [0.02, 1],
    momentum: [0.003, 0.3],
    adam: [0.0005, 0.03],
    rmsprop: [0.0005, 0.03],
  },
  initialScale: [0.3, 3],
  weightDecay: { chance: 0.5, range: [1e-4, 0.1] },
  labelNoise: { chance: 0.4, range: [0, 0.6] },
  dataFraction: [0.03, 1],
  steps: { fullChance: 0.2, range: [10, 600] },
  checkpoints: 3,
};

/** The same with tanh, the other activation of the published grid. */
const digitsCnnTanh: Recipe = {
  ...digitsCnn,
  name: "digits-cnn-tanh",
  task: "digits-cnn-tanh",
};

/**
 * Two-block Transformers with residuals on patches of digits. The published grid varies optimizer, learning rate, initial
 * standard deviation, decay and share of the data; wrong labels and stopping time are added, dropout is not.
 */
const digitsTransformer: Recipe = {
  name: "digits-transformer",
  task: "digits-transformer",
  batch: 32,
  learningRate: {
    sgd: [0.02, 0.4],
    momentum: [0.003, 0.1],
    adam: [0.0005, 0.02],
    rmsprop: [0.0005, 0.02],
  },
  initialScale: [0.3, 3],
  weightDecay: { chance: 0.5, range: [1e-4, 0.1] },
  labelNoise: { chance: 0.4, range: [0, 0.6] },
  dataFraction: [0.03, 1],
  steps: { fullChance: 0.3, range: [20, 700] },
  checkpoints: 3,
};

/** The same without residuals, as in the published population; these die at rates that the others bear. */
const digitsTransformerPlain: Recipe = {
  ...digitsTransformer,
  name: "digits-transformer-plain",
  task: "digits-transformer-plain",
  learningRate: {
    sgd: [0.01, 0.2],
    momentum: [0.002, 0.03],
    adam: [0.0003, 0.012],
    rmsprop: [0.0003, 0.012],
  },
  initialScale: [0.5, 3],
};

/** The same CNNs on pictures of clothing, 6,000 to learn from and 10,000 to test. */
const fashionCnn: Recipe = { ...digitsCnn, name: "fashion-cnn", task: "fashion-cnn" };

/** What a population does not vary that keeps to the published grids. */
const publishedGrid = {
  labelNoise: { chance: 0, range: [0, 0] },
  steps: { fullChance: 1, range: [600, 600] },
  checkpoints: 1,
} satisfies Partial<Recipe>;

/** They vary optimizer, learning rate, initial standard deviation, decay and share of the data: fixed steps, one network a run. */
const fashionCnnPublished: Recipe = {
  ...fashionCnn,
  ...publishedGrid,
  name: "fashion-cnn-published",
};

/** Transformers with residuals on pictures of clothing. */
const fashionTransformer: Recipe = {
  ...digitsTransformer,
  name: "fashion-transformer",
  task: "fashion-transformer",
};

/** The same on the published grid, without its dropout. */
const fashionTransformerPublished: Recipe = {
  ...fashionTransformer,
  ...publishedGrid,
  name: "fashion-transformer-published",
};

/** Networks that each learn one 8 x 8 digit, 1,797 of them before the first comes again. */
const picturesDigits: Recipe = {
  name: "pictures-digits",
  task: "pictures-digits",
  batch: 64,
  learningRate: { adam: [0.001, 0.001] },
  initialScale: [1, 1],
  weightDecay: { chance: 0, range: [1e-4, 1e-4] },
  labelNoise: { chance: 0, range: [0, 0] },
  dataFraction: [1, 1],
  steps: { fullChance: 1, range: [100, 100] },
};

/** The same with all networks starting from the same weights. */
const picturesDigitsShared: Recipe = {
  ...picturesDigits,
  name: "pictures-digits-shared",
  start: "shared",
};

/** Networks that each learn one 8 x 8 picture of clothing. */
const picturesFashion: Recipe = {
  ...picturesDigits,
  name: "pictures-fashion",
  task: "pictures-fashion",
};

/** The same with all networks starting from the same weights. */
const picturesFashionShared: Recipe = {
  ...picturesFashion,
  name: "pictures-fashion-shared",
  start: "shared",
};

/** Networks that each learn one 28 x 28 picture of FashionMNIST, from 392 of its 784 pixels in every step. */
const picturesFashionMnist: Recipe = {
  ...picturesDigits,
  name: "pictures-fashion-mnist",
  task: "pictures-fashion-mnist",
  batch: 392,
  learningRate: { adam: [0.006, 0.006] },
  schedule: "cosine",
  steps: { fullChance: 1, range: [1000, 1000] },
};

/** The same with all networks starting from the same weights. */
const picturesFashionMnistShared: Recipe = {
  ...picturesFashionMnist,
  name: "pictures-fashion-mnist-shared",
  start: "shared",
};

/** The same from a start that is learnt on other images of the set, so that a tenth of the steps is enough. */
const picturesFashionMnistMeta: Recipe = {
  ...picturesFashionMnist,
  name: "pictures-fashion-mnist-meta",
  start: "meta",
  meta: { rounds: 100, networks: 64, steps: 20, mix: 1 },
  steps: { fullChance: 1, range: [100, 100] },
};

/** Networks that each learn one 8 x 8 digit from a learnt start. */
const picturesDigitsMeta: Recipe = {
  ...picturesDigits,
  name: "pictures-digits-meta",
  start: "meta",
  meta: { rounds: 100, networks: 64, steps: 20, mix: 1 },
  steps: { fullChance: 1, range: [20, 20] },
};

/** Networks that each learn one digit enlarged to 28 x 28, from 392 of its 784 pixels in every step; few small steps, so that they stay near their start. */
const picturesDigits28: Recipe = {
  ...picturesFashionMnist,
  name: "pictures-digits-28",
  task: "pictures-digits-28",
  learningRate: { adam: [0.003, 0.003] },
  steps: { fullChance: 1, range: [60, 60] },
};

/** The same with all networks starting from the same weights. */
const picturesDigits28Shared: Recipe = {
  ...picturesDigits28,
  name: "pictures-digits-28-shared",
  start: "shared",
};

/** The same from a learnt start: it learns 288 images, so that the first 1,509 have no part in it. */
const picturesDigits28Meta: Recipe = {
  ...picturesDigits28,
  name: "pictures-digits-28-meta",
  start: "meta",
  meta: { rounds: 36, networks: 8, steps: 20, mix: 1 },
};

const all: readonly Recipe[] = [
  digitsRecipe,
  digitsCnn,
  digitsCnnTanh,
  digitsTransformer,
  digitsTransformerPlain,
  fashionCnn,
  fashionCnnPublished,
  fashionTransformer,
  fashionTransformerPublished,
  gruAdders,
  gruAddersPublished,
  picturesDigits,
  picturesDigitsShared,
  picturesFashion,
  picturesFashionShared,
  picturesDigitsMeta,
  picturesFashionMnist,
  picturesFashionMnistShared,
  picturesFashionMnistMeta,
  picturesDigits28,
  picturesDigits28Shared,
  picturesDigits28Meta,
];

/** Every recipe of the package, by name. */
export const recipes: Readonly<Record<string, Recipe>> = Object.freeze(
  Object.fromEntries(all.map((recipe) => [recipe.name, Object.freeze(recipe)])),
);

const registry = openRegistry<Recipe>("recipe", recipes);

/** Every recipe there is, those that were added too. */
export const allRecipes = (): readonly Recipe[] => registry.entries();

/** Names of every recipe there is. */
export const recipeNames = (): readonly string[] => registry.names();

/** Adds a recipe, for this process. @throws {FormatError} for what is no recipe; {OptionError} when its name is taken */
export function registerRecipe(recipe: Recipe): void {
  registry.add(recipe.name, Object.freeze(parseRecipe(recipe, { anyTask: true })));
}

/** @throws {OptionError} listing the names there are. */
export function recipeNamed(name: string): Recipe {
  const recipe = registry.get(name);
  if (recipe !== undefined) return recipe;
  throw new OptionError(
    `recipeNamed: ${noSuchName("recipe", name, recipeNames())}; others come from parseRecipe, registerRecipe or a plug-in`,
  );
}
