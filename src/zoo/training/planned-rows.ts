// What is known of a network before it is trained: its settings follow from recipe, seed and index.

import { checkpointsOf, drawHyperParameters, type Recipe } from "../recipe.ts";
import type { Run } from "./run.ts";

/** A row of the table without what only training tells. */
export type PlannedRow = Omit<Run, "metrics" | "finite">;

/** The rows of a training run, one for each of its checkpoints. */
export function plannedRows(recipe: Recipe, seed: number, run: number): readonly PlannedRow[] {
  const checkpoints = checkpointsOf(recipe);
  const hyper = drawHyperParameters(recipe, seed, run);
  return checkpointSteps(hyper.steps, checkpoints).map((step, checkpoint) => ({
    index: run * checkpoints + checkpoint,
    run,
    checkpoint,
    ...hyper,
    step,
  }));
}

/** After how many steps the checkpoints of a run are kept: equal parts of its steps, the last one at the end. */
export function checkpointSteps(steps: number, checkpoints: number): number[] {
  return Array.from({ length: checkpoints }, (_, i) => Math.ceil((steps * (i + 1)) / checkpoints));
}
