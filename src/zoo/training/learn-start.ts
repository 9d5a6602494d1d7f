// A start that all networks of a zoo have in common and from which few steps suffice, learnt before them: Reptile (Nichol, Achiam and
// Schulman 2018). In every round some networks are trained from the start for a few steps, and the start moves towards their mean.

import { OptionError } from "../../core/errors.ts";
import { randomStream } from "../../core/random.ts";
import { startEngine } from "../../engine/start.ts";
import type { Weights } from "../../core/tensors.ts";
import type { Task } from "../../tasks/task.ts";
import { drawHyperParameters, networkSeed, type Recipe } from "../recipe.ts";
import { drawTrainingData } from "./run-data.ts";
import type { Member } from "./members.ts";
import type { PopulationBackend } from "../../kernels/backend.ts";
import { trainMembers } from "./train-members.ts";

/** A start that is being learnt. */
export interface LearntStart {
  readonly weights: Weights;
  /** Rounds that have moved it. */
  readonly rounds: number;
}

export interface LearnStartOptions {
  readonly task: Task;
  readonly recipe: Recipe;
  readonly seed: number;
  /** Where to go on. @default the initial weights of a zoo with a shared start */
  readonly from?: LearntStart | undefined;
  /** What trains the networks. @default the kernel that their task has, the array engine where it has none */
  readonly backend?: PopulationBackend | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The start after every round, the last one being the result: the same, bit for bit, however often it was interrupted. Networks of
 * rounds are runs -1, -2, ... of the task, with the recipe's hyper-parameters but for their steps, so that no network of the zoo has
 * a part in it (of pictures: the last ones of the set, unless a zoo is as large as the set). Starts the engine when it is not running.
 * @throws {OptionError} when the recipe learns no start
 */
export async function* learnStart({
  task,
  recipe,
  seed,
  from,
  backend,
  signal,
}: LearnStartOptions): AsyncGenerator<LearntStart, void, undefined> {
  const { meta } = recipe;
  if (meta === undefined)
    throw new OptionError(
      `learnStart: the recipe "${recipe.name}" learns no start, expected one with "start": "meta"`,
    );
  await startEngine();
  const initial = randomStream(networkSeed(seed, 0, "init"));
  let weights =
    from?.weights ?? task.init(initial, drawHyperParameters(recipe, seed, 0).initialScale);
  const [batch] = [recipe.batch].flat();
  for (let round = from?.rounds ?? 0; round < meta.rounds; round++) {
    const sums = new Map<string, Float64Array>();
    const start = weights;
    await trainMembers({
      backend,
      task,
      seed,
      batch,
      members: membersOf(task, recipe, seed, round),
      start: () => start,
      schedule: recipe.schedule,
      checkpointSteps: ({ steps }) => [steps],
      keep: (_, __, name, values) => {
        const sum = sums.get(name) ?? new Float64Array(values.length);
        sums.set(name, sum);
        for (const [i, value] of values.entries()) sum[i] += value;
      },
      onStep: () => undefined,
      ...(signal !== undefined && { signal }),
    });
    const share = meta.mix * (1 - round / meta.rounds);
    weights = Object.fromEntries(
      Object.entries(start).map(([name, { shape, data }]) => {
        const sum = sums.get(name) ?? new Float64Array(data.length);
        const moved = Float32Array.from(
          data,
          (value, i) => value + share * (sum[i] / meta.networks - value),
        );
        return [name, { shape, data: moved }];
      }),
    );
    yield { weights, rounds: round + 1 };
  }
}

/** The networks of a round, in an order that stays. */
function membersOf(task: Task, recipe: Recipe, seed: number, round: number): Member[] {
  const { networks = 0, steps = 0 } = recipe.meta ?? {};
  const [batch] = [recipe.batch].flat();
  return Array.from({ length: networks }, (_, place) => {
    const index = -1 - round * networks - place;
    const hyper = { ...drawHyperParameters(recipe, seed, index), steps, batch };
    return { index, place, hyper, trainingData: drawTrainingData(task, hyper, seed, index) };
  });
}
