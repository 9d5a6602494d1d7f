// The spec inferred from an opened model and the weights that the spec names: from its graph, or from tensor names alone.

import type { Weights } from "../../core/tensors.ts";
import { decodeTensor } from "../../formats/onnx/onnx-tensor.ts";
import { inferSpec } from "../../infer/infer.ts";
import { type InferNamesOptions, inferSpecFromNames } from "../../infer/names/infer-names.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import {
  namedShapes,
  type NameOptions,
  readNameOptions,
  refuseNameOptions,
} from "./name-symmetries.ts";
import { hasOnnxEnding, isWithoutGraph, type Network, openModel } from "./opened-model.ts";
import { takenOf, type TakenOfFile } from "./taken.ts";

export interface ModelSpec {
  readonly spec: SymmetrySpec;
  readonly warnings: readonly string[];
  /** What was taken of the file, where something was chosen. */
  readonly taken: readonly TakenOfFile[];
  /** The tensors of the spec, decoded. */
  readonly weights: () => Promise<Weights>;
}

/**
 * Opens a model, gives its spec to a function, and closes it.
 * @throws {UsageError} for options about names where the file has a graph; {EnvironmentError} {FormatError}; as
 * `readModelSpec`
 */
export async function withModelSpec<T>(
  path: string,
  options: NameOptions,
  command: string,
  body: (model: ModelSpec) => Promise<T>,
): Promise<T> {
  if (hasOnnxEnding(path)) refuseNameOptions(options, command);
  const model = await openModel(path);
  try {
    if (!isWithoutGraph(model)) refuseNameOptions(options, command);
    return await body(readModelSpec(model, await readNameOptions(options)));
  } finally {
    await model.source.close();
  }
}

/** @throws {SpecError} {OptionError} where the names do not fit; {UnsupportedError} */
export function readModelSpec(model: Network, names: InferNamesOptions): ModelSpec {
  const { source, onnx } = model;
  if (onnx === undefined) return specOfNames(model, names);
  const { spec, warnings, graph: separated } = inferSpec(onnx.graph);
  const weights = () =>
    Object.fromEntries(
      Object.entries(spec.tensors).flatMap(([name, { shape }]) => {
        const tensor = separated.initializers.get(name);
        return tensor === undefined ? [] : [[name, { shape, data: decodeTensor(tensor) }] as const];
      }),
    );
  return { spec, warnings, taken: takenOf([source]), weights: () => Promise.resolve(weights()) };
}

function specOfNames(model: Network, names: InferNamesOptions): ModelSpec {
  const { source } = model;
  const { family, spec, warnings } = inferSpecFromNames(namedShapes(model), names);
  const note = `read as family "${family}" by tensor names; not proved, which needs the graph`;
  const weights = async (): Promise<Weights> => {
    const tensors: [string, Weights[string]][] = [];
    for (const name of Object.keys(spec.tensors)) tensors.push([name, await source.read(name)]);
    return Object.fromEntries(tensors);
  };
  return { spec, warnings: [...warnings, note], taken: takenOf([source]), weights };
}
