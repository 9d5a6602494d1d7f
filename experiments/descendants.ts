// Networks and what becomes of them: independently trained digit classifiers, and from each of them descendants that were
// trained on, pruned, noised, reordered and rescaled. The families of the provenance experiment.

import { randomStream, deriveSeed } from "../src/core/random.ts";
import { frozenRecord } from "../src/core/records.ts";
import { sizeOf } from "../src/core/shapes.ts";
import type { Weights } from "../src/core/tensors.ts";
import { actOn } from "../src/symmetry/act.ts";
import { sampleElement } from "../src/symmetry/element.ts";
import type { Task } from "../src/tasks/task.ts";
import { meanAndStd } from "../src/train/measures/metrics.ts";
import type { Stacks } from "../src/zoo/training/population.ts";
import { digitsRecipe, type Recipe } from "../src/zoo/recipe.ts";
import { trainPopulation } from "../src/zoo/training/train-population.ts";

/** Digit classifiers that all learn the task well: what sets them apart is chance and small differences of settings. */
export const parentRecipe: Recipe = Object.freeze({
  ...digitsRecipe,
  name: "provenance-parents",
  learningRate: { sgd: [0.2, 0.8], momentum: [0.02, 0.1], adam: [0.003, 0.01] },
  initialScale: [0.8, 1.25],
  weightDecay: { chance: 0.5, range: [1e-4, 1e-2] },
  labelNoise: { chance: 0, range: [0, 0] },
  dataFraction: [0.8, 1],
  steps: { fullChance: 1, range: [400, 400] },
} satisfies Recipe);

/** Further training on other settings: part of the images, some wrong labels, 50 to 400 steps. */
export const fineTuneRecipe: Recipe = Object.freeze({
  ...parentRecipe,
  name: "provenance-fine-tuning",
  learningRate: { sgd: [0.05, 0.5], momentum: [0.005, 0.05], adam: [0.001, 0.005] },
  labelNoise: { chance: 1, range: [0, 0.2] },
  dataFraction: [0.2, 0.6],
  steps: { fullChance: 0.2, range: [50, 400] },
} satisfies Recipe);

/** Training that a network barely survives: 1,000 large steps with 20 to 50 per cent of wrong labels on few images. */
export const hardRecipe: Recipe = Object.freeze({
  ...fineTuneRecipe,
  name: "provenance-hard",
  learningRate: { sgd: [0.3, 1], momentum: [0.03, 0.1], adam: [0.01, 0.03] },
  labelNoise: { chance: 1, range: [0.2, 0.5] },
  dataFraction: [0.1, 0.3],
  steps: { fullChance: 1, range: [1000, 1000] },
} satisfies Recipe);

export const descendantKinds = [
  "fine-tuned",
  "trained on hard",
  "pruned",
  "noised",
  "permuted",
  "permuted and rescaled",
  "permuted, then fine-tuned",
  "all of it",
] as const;
export type DescendantKind = (typeof descendantKinds)[number];

export interface Families {
  readonly parents: readonly Weights[];
  /** Share of the test images that each parent classifies rightly. */
  readonly accuracies: readonly number[];
  /** By kind, one of each parent, in order. */
  readonly descendants: Readonly<Record<DescendantKind, readonly Weights[]>>;
  /** By kind, mean test accuracy of the descendants that were trained on. */
  readonly trainedOnAccuracies: Readonly<Record<string, number>>;
}

export interface FamilyOptions {
  readonly task: Task;
  readonly networks: number;
  readonly seed: number;
  /** Share of the steps of every training that is done. @default 1 */
  readonly effort?: number;
  readonly signal?: AbortSignal;
}

/** Trains the parents, then makes one descendant of every kind from each. The same for the same seed. */
export async function makeFamilies(options: FamilyOptions): Promise<Families> {
  const { task, networks, seed, effort = 1, signal } = options;
  const indices = Array.from({ length: networks }, (_, i) => i);
  const shared = { task, indices, ...(signal !== undefined && { signal }) };
  const trained = await trainPopulation({
    ...shared,
    recipe: shortened(parentRecipe, effort),
    seed,
  });
  const parents = unstack(trained.weights);
  const accuracies = trained.runs.map(({ metrics }) => metrics["testAccuracy"]);
  const trainedOnAccuracies: Record<string, number> = {};
  const fineTune = async (
    kind: DescendantKind,
    from: readonly Weights[],
    recipe = fineTuneRecipe,
  ) => {
    const tuned = await trainPopulation({
      ...shared,
      recipe: shortened(recipe, effort),
      seed: deriveSeed(seed, kind),
      start: (index) => from[index],
    });
    trainedOnAccuracies[kind] =
      tuned.runs.reduce((sum, { metrics }) => sum + metrics["testAccuracy"], 0) / networks;
    return unstack(tuned.weights);
  };
  /** A seed for one kind of change of one network. */
  const seedOf = (kind: string, index: number) => deriveSeed(seed, kind, index);
  const move = (kind: string, from: readonly Weights[], scales: boolean) =>
    from.map((weights, i) =>
      actOn(task.spec, sampleElement(task.spec, seedOf(kind, i), { scales }), weights),
    );
  const prune = (kind: string, from: readonly Weights[]) =>
    from.map((weights, i) => pruned(weights, 0.3 + 0.2 * randomStream(seedOf(kind, i)).uniform()));
  const addNoise = (kind: string, from: readonly Weights[]) =>
    from.map((weights, i) => noised(weights, seedOf(kind, i)));
  const moved = move("permuted, then fine-tuned", parents, true);
  const combined = await fineTune("permuted, then fine-tuned", moved);
  return {
    parents,
    accuracies,
    descendants: {
      "fine-tuned": await fineTune("fine-tuned", parents),
      "trained on hard": await fineTune("trained on hard", parents, hardRecipe),
      pruned: prune("pruned", parents),
      noised: addNoise("noised", parents),
      permuted: move("permuted", parents, false),
      "permuted and rescaled": move("permuted and rescaled", parents, true),
      "permuted, then fine-tuned": combined,
      "all of it": move("all", addNoise("all noise", prune("all prune", combined)), true),
    },
    trainedOnAccuracies,
  };
}

function shortened(recipe: Recipe, effort: number): Recipe {
  const { fullChance, range } = recipe.steps;
  const [least, most] = range.map((steps) => Math.max(1, Math.round(effort * steps)));
  return { ...recipe, steps: { fullChance, range: [least, most] } };
}

/** One record of weights a network. */
function unstack(stacks: Stacks): Weights[] {
  const [first] = Object.values(stacks);
  return Array.from({ length: first.shape[0] }, (_, place) =>
    frozenRecord(
      Object.entries(stacks).map(([name, { shape, data }]) => {
        const size = sizeOf(shape.slice(1));
        const own = data.slice(place * size, (place + 1) * size);
        return [name, { shape: shape.slice(1), data: own }] as const;
      }),
    ),
  );
}

const mapTensors = (
  weights: Weights,
  change: (data: Float32Array | Float64Array, shape: readonly number[]) => Float32Array,
): Weights =>
  frozenRecord(
    Object.entries(weights).map(([name, { shape, data }]) => [
      name,
      { shape, data: change(data, shape) },
    ]),
  );

/** Magnitude pruning: the smallest entries of every matrix, in this share, become zero. */
function pruned(weights: Weights, share: number): Weights {
  return mapTensors(weights, (data, shape) => {
    const kept = Float32Array.from(data);
    if (shape.length < 2) return kept;
    const threshold = Float32Array.from(data, Math.abs).sort()[Math.floor(share * data.length)];
    return kept.map((x) => (Math.abs(x) < threshold ? 0 : x));
  });
}

/** Normal noise of 1 to 10 per cent of each tensor's standard deviation, one share a network. */
function noised(weights: Weights, seed: number): Weights {
  const random = randomStream(seed);
  const share = 0.01 + 0.09 * random.uniform();
  return mapTensors(weights, (data) => {
    const { mean } = meanAndStd(data);
    const std = Math.sqrt(meanAndStd(Array.from(data, (x) => (x - mean) ** 2)).mean);
    return Float32Array.from(data, (x) => x + share * std * random.normal());
  });
}
