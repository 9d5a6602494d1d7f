// The symmetries of a composition of layers, read off its definition.

import { signsOfPhases } from "../../symmetry/phases.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { inferSpecFromFunction } from "../../trace/infer-function.ts";
import type { Layer } from "../layers/layer.ts";

/**
 * The spec of what one network computes of an input [rows, inputs]; only the shape of the input counts. Sine layers have signs, not
 * phases: populations that exist have these specs, and `withPhases` adds phases to them.
 * @throws {OptionError} {UnsupportedError} as `inferSpecFromFunction`. Starts the engine.
 */
export async function specOfLayer(
  layer: Layer,
  inputShape: readonly number[],
): Promise<SymmetrySpec> {
  const shapes = Object.entries(layer.shapes).map(([name, shape]) => [name, { shape }] as const);
  const { spec } = await inferSpecFromFunction(
    (weights, x) => layer.apply(weights, x),
    Object.fromEntries(shapes),
    [{ shape: [...inputShape] }],
  );
  return signsOfPhases(spec);
}
