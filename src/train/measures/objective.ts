// What a training minimises: a loss over predictions and targets, with its gradient, and how raw outputs become predictions.

import { type numpy as np, valueAndGrad } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";

/** How an objective is written down: {@link defineObjective} makes the rest. */
export interface ObjectiveDefinition {
  readonly name: string;
  /** For help and tables: "mean squared error". */
  readonly summary: string;
  /**
   * What targets it is for: `share`, numbers in [0, 1], taken as they are; `number`, any numbers, standardised by the training
   * networks first; `order`, any numbers of which only the order counts: predictions are scores without a unit; `class`, the
   * probability of every class.
   */
  readonly targets: "share" | "number" | "order" | "class";
  /** Mean loss [] of raw outputs [batch, outputs] for targets of the same shape. Pure. @consumes both */
  readonly value: (outputs: np.Array, targets: np.Array) => np.Array;
  /**
   * The loss [] and its gradient [batch, outputs] with respect to the outputs. Pure.
   * @consumes both @default derived from `value`
   */
  readonly valueAndGradient?: (outputs: np.Array, targets: np.Array) => [np.Array, np.Array];
  /**
   * Raw outputs as predictions of the targets, on the host; `width` is the number of outputs per network.
   * @default outputs as they are
   */
  readonly link?: (outputs: Float32Array, width: number) => Float32Array;
}

/** A loss over predictions and targets, with value and gradient. */
export type Objective = Required<ObjectiveDefinition>;

/**
 * An objective with everything that follows from its loss.
 * @throws {OptionError} when a part is not a function, or the kind of targets is not known
 */
export function defineObjective(definition: ObjectiveDefinition): Objective {
  const { name, summary, targets, value, valueAndGradient, link } = definition;
  const functions = { value, valueAndGradient, link };
  for (const [field, given] of Object.entries(functions)) {
    if (typeof given === "function" || (given === undefined && field !== "value")) continue;
    throw new OptionError(
      `defineObjective: ${JSON.stringify(name)} expected a function "${field}", got ${typeof given}`,
    );
  }
  const kinds = ["share", "number", "order", "class"];
  if (!kinds.includes(targets)) {
    throw new OptionError(
      `defineObjective: ${JSON.stringify(name)} expected targets of one of the kinds ${kinds.join(", ")}, got ${JSON.stringify(targets)}`,
    );
  }
  return Object.freeze({
    name,
    summary: (summary as string | undefined) ?? name, // plug-ins may leave it out
    targets,
    value,
    valueAndGradient:
      valueAndGradient ??
      ((outputs: np.Array, of: np.Array) => valueAndGrad((y: np.Array) => value(y, of))(outputs)),
    link: link ?? ((outputs: Float32Array) => outputs),
  });
}
