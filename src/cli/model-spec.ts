// A model file with its inferred spec and the weights that the spec names.

import type { Weights } from "../core/tensors.ts";
import { readOnnx } from "../formats/onnx.ts";
import { decodeTensor } from "../formats/onnx-tensor.ts";
import { inferSpec } from "../infer/infer.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import { readBytes } from "./files.ts";

export interface ModelSpec {
  readonly spec: SymmetrySpec;
  readonly warnings: readonly string[];
  /** The tensors of the spec, decoded. */
  readonly weights: () => Weights;
}

/** @throws {EnvironmentError} {FormatError} {UnsupportedError} */
export async function readModelSpec(path: string): Promise<ModelSpec> {
  const graph = readOnnx(await readBytes(path));
  const { spec, warnings, graph: separated } = inferSpec(graph);
  const weights = () =>
    Object.fromEntries(
      Object.entries(spec.tensors).flatMap(([name, { shape }]) => {
        const tensor = separated.initializers.get(name);
        return tensor === undefined ? [] : [[name, { shape, data: decodeTensor(tensor) }] as const];
      }),
    );
  return { spec, warnings, weights };
}
