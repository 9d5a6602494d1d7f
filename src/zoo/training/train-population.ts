// Trains many networks at once, those of one batch size in one compiled program. Networks are ordered by stopping time,
// longest first; whenever a block of them has stopped, the program goes on with the others only.

import { sizeOf } from "../../core/shapes.ts";
import { startEngine } from "../../engine/start.ts";
import type { Weights } from "../../core/tensors.ts";
import type { Task } from "../../tasks/task.ts";
import { evaluatePopulation } from "./evaluate.ts";
import { drawTrainingData } from "./run-data.ts";
import type { TrainedPopulation, Stacks } from "./population.ts";
import { checkpointsOf, drawHyperParameters, type Recipe } from "../recipe.ts";
import { checkpointSteps, plannedRows } from "./planned-rows.ts";
import type { Run } from "./run.ts";
import type { Member } from "./members.ts";
import type { PopulationBackend } from "../../kernels/backend.ts";
import { trainMembers } from "./train-members.ts";

export interface PopulationOptions {
  readonly task: Task;
  readonly recipe: Recipe;
  readonly seed: number;
  /** Which runs of the zoo, in any order. */
  readonly indices: readonly number[];
  /** Weights from which a network goes on learning, by its index. @default fresh ones, as the task draws them */
  readonly start?: (index: number) => Weights;
  /** What trains them. @default the kernel that their task has, the array engine where it has none */
  readonly backend?: PopulationBackend | undefined;
  /** Told now and then how much of the work is done, from 0 to 1. */
  readonly onStep?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Weights and results of every checkpoint of the given runs: each the same, bit for bit, whichever others are trained with
 * it. Memory: about 12 times the weights, and what evaluation takes. Starts the engine when it is not running.
 */
export async function trainPopulation(options: PopulationOptions): Promise<TrainedPopulation> {
  const { task, recipe, seed, indices, signal } = options;
  await startEngine();
  const checkpoints = checkpointsOf(recipe);
  const members = indices.map((index, place): Member => {
    const hyper = drawHyperParameters(recipe, seed, index);
    return { index, place, hyper, trainingData: drawTrainingData(task, hyper, seed, index) };
  });
  const networks = members.length * checkpoints;
  const weights: Stacks = Object.fromEntries(
    Object.entries(task.spec.tensors).map(([name, { shape }]) => [
      name,
      { shape: [networks, ...shape], data: new Float32Array(networks * sizeOf(shape)) },
    ]),
  );
  const totalWork = members.reduce((sum, { hyper }) => sum + hyper.steps * hyper.batch, 0);
  let doneWork = 0;
  const sizes = [...new Set(members.map(({ hyper }) => hyper.batch))].sort((a, b) => a - b);
  for (const batch of sizes) {
    await trainMembers({
      backend: options.backend,
      task,
      seed,
      batch,
      members: members.filter(({ hyper }) => hyper.batch === batch),
      checkpointSteps: ({ steps }) => checkpointSteps(steps, checkpoints),
      keep: (place, checkpoint, name, values) =>
        weights[name].data.set(values, (place * checkpoints + checkpoint) * values.length),
      onStep: (steps) => {
        doneWork += steps * batch;
        options.onStep?.(doneWork / totalWork);
      },
      ...(options.start && { start: options.start }),
      isShared: recipe.start === "shared",
      schedule: recipe.schedule,
      ...(signal !== undefined && { signal }),
    });
  }
  const kept = members.flatMap(({ index, trainingData }) =>
    plannedRows(recipe, seed, index).map((row) => ({ trainingData, row })),
  );
  const results = await evaluatePopulation(
    task,
    weights,
    kept.map(({ trainingData }) => trainingData.data),
  );
  const runs = kept.map(({ row }, at): Run => Object.freeze({ ...row, ...results[at] }));
  return { weights, runs };
}
