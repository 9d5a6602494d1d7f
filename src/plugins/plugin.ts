// Plug-ins: functions that add tasks, models, layers, operations, families, formats, recipes, metrics and objectives of one's own to
// the registries of this process.

import { notePlugin, type PluginRecord } from "../core/plugins.ts";
import { OptionError } from "../core/errors.ts";
import { type NamedFormat, registerFormat } from "../formats/registry.ts";
import {
  type NamedFamily,
  type NamedImageFamily,
  registerFamily,
} from "../infer/names/registry.ts";
import { type NamedOperation, registerOperation } from "../infer/ops/registry.ts";
import { type NamedLayer, registerLayer } from "../layers/weight-layer.ts";
import { type NamedModel, registerModel } from "../models/registry.ts";
import { type NamedOptimizerKind, registerOptimizer } from "../optimizers/registry.ts";
import { type NamedInnerTask, registerInnerTask } from "../tasks/inner/registry.ts";
import { type NamedTask, registerTask } from "../tasks/registry.ts";
import { type NamedMetric, registerMetric } from "../train/measures/metric-registry.ts";
import type { ObjectiveDefinition } from "../train/measures/objective.ts";
import { registerObjective } from "../train/measures/objectives.ts";
import type { Recipe } from "../zoo/recipe.ts";
import { registerRecipe } from "../zoo/recipes.ts";

/** What a plug-in is given. Every method refuses a name that exists, with an {@link OptionError}. */
export interface PluginRegistry {
  /** What networks of populations learn. */
  task(entry: NamedTask): void;
  /** A functional: `train --functional`, `experiment --models`. */
  model(entry: NamedModel): void;
  /** A layer between features of weights, for `layered` models. */
  layer(entry: NamedLayer): void;
  /** An ONNX operation that inference follows. */
  operation(entry: NamedOperation): void;
  /** A family of tensor names: a program, or a table of convolutional networks. */
  family(entry: NamedFamily | NamedImageFamily): void;
  /** A format of weight files. */
  format(entry: NamedFormat): void;
  /** How the networks of a population differ. */
  recipe(entry: Recipe): void;
  /** A kind of learned optimizer: `optimizer train --kind`. */
  optimizer(entry: NamedOptimizerKind): void;
  /** What learned optimizers are trained on: `optimizer train --task`. */
  innerTask(entry: NamedInnerTask): void;
  /** A number that judges predictions: `train --metric`. */
  metric(entry: NamedMetric): void;
  /** What functionals minimise: `train --objective`, `objective` of a task's metric. */
  objective(entry: ObjectiveDefinition): void;
}

/** A plug-in: the default export of an ES module. */
export type Plugin = (registry: PluginRegistry) => void | Promise<void>;

/** The registries of this process, as plug-ins see them. */
export const pluginRegistry: PluginRegistry = Object.freeze({
  task: registerTask,
  model: registerModel,
  layer: registerLayer,
  operation: registerOperation,
  family: registerFamily,
  format: registerFormat,
  recipe: registerRecipe,
  optimizer: registerOptimizer,
  innerTask: registerInnerTask,
  metric: registerMetric,
  objective: registerObjective,
});

/**
 * Applies a plug-in to this process; zoos, functionals and results that are made from now on record it.
 * @throws {OptionError} when it is no function, or registers what it may not
 */
export async function applyPlugin(plugin: Plugin, record: PluginRecord): Promise<void> {
  if (typeof plugin !== "function")
    throw new OptionError(
      `applyPlugin: ${record.path} expected a default export (registry) => void, got ${typeof plugin}; see docs/guide/extending.md`,
    );
  try {
    await plugin(pluginRegistry);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new OptionError(`applyPlugin: ${record.path}: ${message}`, { cause: error });
  }
  notePlugin(record);
}
