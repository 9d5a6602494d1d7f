// A learned optimizer for one network, in the convention of hand-made ones: `init(params)`, `update(gradients, state, params)`.

import { numpy as np } from "@jax-js/jax";
import { ShapeError } from "../core/errors.ts";
import { formatShape } from "../core/shapes.ts";
import { type ArrayRecord, type HostRecord, keepArrays, mapArrays } from "../engine/arrays.ts";
import type { Params } from "../models/model.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { Optimizer } from "../train/optimizers/optimizers.ts";
import { stackThetas, thetaToVector } from "./host-theta.ts";
import { optimizerKind } from "./registry.ts";

/** Which learned optimizer, for which networks, with which theta. */
export interface LearnedOptimizerOptions {
  /** A name of `optimizerKinds()`. */
  readonly kind: string;
  /** The network's tensors and symmetries: traced, inferred or a preset. */
  readonly spec: SymmetrySpec;
  /** Meta-trained numbers. @default fresh ones of seed 0 */
  readonly theta?: HostRecord;
}

const oneMore = (record: ArrayRecord): ArrayRecord =>
  mapArrays(record, (array) => np.expandDims(array, 0));

const oneLess = (record: ArrayRecord): ArrayRecord =>
  mapArrays(record, (array) => np.squeeze(array, 0));

function checkShapes(spec: SymmetrySpec, params: Params): void {
  for (const [name, { shape }] of Object.entries(spec.tensors)) {
    if (!Object.hasOwn(params, name))
      throw new ShapeError(
        `learnedOptimizer: tensor "${name}" of the spec is not among the parameters, expected ${formatShape(shape)}; give a spec of this network`,
      );
    if (formatShape(params[name].shape) !== formatShape(shape))
      throw new ShapeError(
        `learnedOptimizer: tensor "${name}" has shape ${formatShape(params[name].shape)}, expected ${formatShape(shape)}; give a spec of this network`,
      );
  }
  const unknown = Object.keys(params).find((name) => !Object.hasOwn(spec.tensors, name));
  if (unknown !== undefined)
    throw new ShapeError(
      `learnedOptimizer: tensor "${unknown}" is not in the spec, expected ${Object.keys(spec.tensors).join(", ")}; give a spec of this network`,
    );
}

/**
 * The optimizer of a kind over a spec. Updates are added to the parameters; `chain(optimizer, scaleBy(x))` makes steps x times as long. It
 * runs under `jit`, and without it as several compiled pieces.
 * @throws {OptionError} for an unknown kind; {ShapeError} when theta does not fit the kind and the spec, and from `init` and `update` when the
 * tensors are not those of the spec
 */
export function learnedOptimizer({ kind, spec, theta }: LearnedOptimizerOptions): Optimizer {
  const program = optimizerKind(kind).program(spec);
  const numbers = theta ?? program.initialTheta(0);
  const vector = thetaToVector(program.thetaShapes, numbers, "learnedOptimizer");
  const prepared = program.prepare(stackThetas(program.thetaShapes, [vector]));
  return {
    name: `learned(${kind})`,
    init(params) {
      checkShapes(spec, params);
      return oneLess(program.initialState(1));
    },
    update(gradients, state, params) {
      // The program checks gradients and parameters before it reads them.
      const [updates, next] = program.update(
        prepared,
        oneMore(gradients),
        oneMore(state),
        oneMore(keepArrays(params)),
      );
      return [oneLess(updates), oneLess(next)];
    },
  };
}
