// How the networks of a zoo differ: ranges of hyper-parameters, from which network i draws its own by (seed, i) alone,
// so that any part of a zoo can be made again without the rest.

import { z } from "zod";
import { FormatError } from "../core/errors.ts";
import { noSuchName } from "../core/nearest-name.ts";
import { deriveSeed, randomStream } from "../core/random.ts";
import { isTask, taskNames } from "../tasks/registry.ts";

const positive = z.number().positive();
const share = z.number().min(0).max(1);
const ordered = <T extends z.ZodType<[number, number]>>(range: T) =>
  range.refine(([low, high]) => low <= high, "the first number must not exceed the second");
const positiveRange = ordered(z.tuple([positive, positive]));
const shareRange = ordered(z.tuple([share, share]));

export const optimizers = ["sgd", "momentum", "adam", "rmsprop"] as const;
/** Optimizers that networks of populations are trained with. */
export type OptimizerName = (typeof optimizers)[number];

const batchSize = z.int().min(1).max(4096);

const count = z.int().min(1).max(100_000);

/** How a start is learnt that all networks of a zoo have in common; see `learnStart`. */
const metaSchema = z.strictObject({
  /** How often the start is moved. */
  rounds: count,
  /** Networks that are trained from the start in every round; the zoo has none of them. */
  networks: z.int().min(1).max(1024),
  /** Steps that each of them takes. */
  steps: count,
  /** By how much of the way to their mean the start moves, in the first round; less and less after it, down to 0. */
  mix: z.number().positive().max(1),
});

const recipeSchema = z.strictObject({
  name: z.string().min(1),
  /** Which task the networks learn. */
  task: z.string().min(1),
  /** Examples in one step; of several numbers, each is equally likely. */
  batch: z.union([batchSize, z.array(batchSize).min(1)]),
  /** Learning rates, log-uniform, by optimizer; optimizers are equally likely. */
  learningRate: z.partialRecord(z.enum(optimizers), positiveRange),
  /** Factor on the usual initial standard deviation, log-uniform. */
  initialScale: positiveRange,
  /**
   * Whether every network starts from random weights of its own, or all from the same ones, random (`shared`) or learnt before
   * (`meta`). @default "own"
   */
  start: z.enum(["own", "shared", "meta"]).optional(),
  /** How the start of all networks is learnt, with `"start": "meta"`. */
  meta: metaSchema.optional(),
  /** Learning rates over the steps of a network: the same for all, or falling to 0 along half a cosine. @default "constant" */
  schedule: z.enum(["constant", "cosine"]).optional(),
  /** Decoupled weight decay, log-uniform, with this chance, else 0. */
  weightDecay: z.strictObject({ chance: share, range: positiveRange }),
  /** Share of training labels replaced by random ones, uniform, with this chance, else 0. */
  labelNoise: z.strictObject({ chance: share, range: shareRange }),
  /** Share of the training images a network may see, log-uniform. */
  dataFraction: positiveRange,
  /** Steps until a network stops: the last of them with this chance, else log-uniform. */
  steps: z.strictObject({
    fullChance: share,
    range: ordered(z.tuple([z.int().min(1), z.int().min(1)])),
  }),
  /** Networks kept of every run, at equal distances up to its last step. @default 1 */
  checkpoints: z.int().min(1).max(100).optional(),
});

/** Plain data, kept in the manifest of a zoo. */
export type Recipe = z.infer<typeof recipeSchema>;

/**
 * Small classifiers of 8 x 8 digits whose test accuracies spread from chance to about 97%: optimizers, learning rates
 * over two orders of magnitude, initial scales, decay, wrong labels, few images and early stops.
 */
export const digitsRecipe: Recipe = Object.freeze({
  name: "digits-mlp",
  task: "digits",
  batch: 64,
  learningRate: { sgd: [0.01, 1], momentum: [0.002, 0.2], adam: [0.0003, 0.03] },
  initialScale: [0.25, 4],
  weightDecay: { chance: 0.5, range: [1e-4, 0.1] },
  labelNoise: { chance: 0.3, range: [0, 0.5] },
  dataFraction: [0.1, 1],
  steps: { fullChance: 0.3, range: [5, 300] },
} satisfies Recipe);

/** What one network was trained with. */
export interface HyperParameters {
  readonly optimizer: OptimizerName;
  readonly learningRate: number;
  readonly initialScale: number;
  readonly weightDecay: number;
  readonly labelNoise: number;
  readonly dataFraction: number;
  /** Steps until the run stopped. */
  readonly steps: number;
  readonly batch: number;
}

/** Networks that the runs of a recipe leave each. */
export const checkpointsOf = ({ checkpoints = 1 }: Pick<Recipe, "checkpoints">): number =>
  checkpoints;

/**
 * A recipe from parsed JSON; `anyTask` takes tasks that this process does not know, too.
 * @throws {FormatError} naming every field that is wrong.
 */
export function parseRecipe(value: unknown, { anyTask = false } = {}): Recipe {
  const result = recipeSchema.safeParse(value);
  if (result.success) {
    const { task } = result.data;
    if (!anyTask && !isTask(task))
      throw new FormatError(
        `parseRecipe: not a recipe: task: ${noSuchName("task", task, taskNames())}; load the plug-in that brings it (--plugin), or register it`,
      );
    if (Object.keys(result.data.learningRate).length === 0)
      throw new FormatError(`parseRecipe: "learningRate" must name at least one optimizer`);
    const { start, meta } = result.data;
    if ((start === "meta") !== (meta !== undefined))
      throw new FormatError(
        `parseRecipe: "meta" says how a start is learnt and belongs to "start": "meta", got ${meta === undefined ? "none" : `it with "start": ${JSON.stringify(start ?? "own")}`}`,
      );
    return result.data;
  }
  const problems = result.error.issues.map(
    ({ path, message }) => `  - ${path.join(".") || "recipe"}: ${message}`,
  );
  throw new FormatError(`parseRecipe: not a recipe: ${problems.join("; ")}`);
}

/** A seed for one purpose of one network: unrelated to every other network and purpose. */
export function networkSeed(seed: number, index: number, purpose: string): number {
  return deriveSeed(seed, "network", index, purpose);
}

/** The hyper-parameters of network `index`; the same for the same recipe, seed and index. */
export function drawHyperParameters(recipe: Recipe, seed: number, index: number): HyperParameters {
  const random = randomStream(networkSeed(seed, index, "hyper-parameters"));
  const uniform = ([low, high]: readonly [number, number]) => low + (high - low) * random.uniform();
  const logUniform = ([low, high]: readonly [number, number]) =>
    Math.exp(uniform([Math.log(low), Math.log(high)]));
  const names = optimizers.filter((name) => recipe.learningRate[name] !== undefined);
  const optimizer = names[random.integer(names.length)];
  const learningRate = logUniform(recipe.learningRate[optimizer] ?? [1, 1]);
  const initialScale = logUniform(recipe.initialScale);
  const decays = random.uniform() < recipe.weightDecay.chance;
  const decay = logUniform(recipe.weightDecay.range);
  const noisy = random.uniform() < recipe.labelNoise.chance;
  const noise = uniform(recipe.labelNoise.range);
  const dataFraction = logUniform(recipe.dataFraction);
  const full = random.uniform() < recipe.steps.fullChance;
  const steps = Math.round(logUniform(recipe.steps.range));
  const sizes = [recipe.batch].flat();
  const batch = sizes[random.integer(sizes.length)];
  return Object.freeze({
    optimizer,
    learningRate,
    initialScale,
    weightDecay: decays ? decay : 0,
    labelNoise: noisy ? noise : 0,
    dataFraction,
    steps: full ? recipe.steps.range[1] : steps,
    batch,
  });
}
