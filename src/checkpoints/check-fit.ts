// Whether a checkpoint holds every tensor of a spec.

import { type SpecProblem, SpecError } from "../core/errors.ts";
import { equalShapes, formatShape } from "../core/shapes.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { exportUnfolded } from "./found-spec.ts";

/** @throws {SpecError} listing every tensor of the spec that the checkpoint lacks or has in another shape */
export function checkFit(
  path: string,
  source: Pick<TensorSource, "entries">,
  spec: Pick<SymmetrySpec, "tensors">,
): void {
  const problems = Object.entries(spec.tensors).flatMap(([tensor, { shape }]): SpecProblem[] => {
    const entry = source.entries.get(tensor);
    const wanted = `expected ${formatShape(shape)} from the spec`;
    if (entry === undefined)
      return [{ severity: "error", tensor, message: `tensor "${tensor}" is missing, ${wanted}` }];
    if (equalShapes(entry.shape, shape)) return [];
    const message = `tensor "${tensor}" has shape ${formatShape(entry.shape)}, ${wanted}`;
    return [{ severity: "error", tensor, message }];
  });
  // A spec may come from a graph that holds products of weights in place of the weights, under names of their own.
  const isFolded = problems.some(
    ({ tensor = "" }) => /^onnx::|^\d+$/.test(tensor) && !source.entries.has(tensor),
  );
  const hint = isFolded
    ? `, or give the ONNX files themselves in place of the checkpoints: this spec names numbers that an exporter computed from the weights; ${exportUnfolded}`
    : "";
  if (problems.length > 0)
    throw new SpecError(
      `${path} does not fit the spec; give the spec of this model, or its graph with --model${hint}`,
      problems,
    );
}
