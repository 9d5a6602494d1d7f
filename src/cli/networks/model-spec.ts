// A model file with its inferred spec and the weights that the spec names: from its graph, or from tensor names alone.

import type { Weights } from "../../core/tensors.ts";
import { decodeTensor } from "../../formats/onnx-tensor.ts";
import { inferSpec } from "../../infer/infer.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { inferFromNames, type NameOptions, refuseNameOptions } from "./name-symmetries.ts";
import { isTensorFile, namedTensors } from "./named-tensors.ts";
import { readGraph } from "./read-graph.ts";
import { openWeights } from "../../node/open-weights.ts";
import type { TakenOfFile } from "./taken.ts";

export interface ModelSpec {
  readonly spec: SymmetrySpec;
  readonly warnings: readonly string[];
  /** What was taken of the file, where something was chosen. */
  readonly taken: readonly TakenOfFile[];
  /** The tensors of the spec, decoded. */
  readonly weights: () => Promise<Weights>;
}

/**
 * @throws {UsageError} for options about names where the file has a graph; {SpecError} {OptionError} where the names do
 * not fit; {EnvironmentError} {FormatError} {UnsupportedError}
 */
export async function readModelSpec(
  path: string,
  names: NameOptions,
  command: string,
): Promise<ModelSpec> {
  if (await isTensorFile(path)) return specOfNames(path, names);
  refuseNameOptions(names, command);
  const { graph } = await readGraph(path);
  const { spec, warnings, graph: separated } = inferSpec(graph);
  const weights = () =>
    Object.fromEntries(
      Object.entries(spec.tensors).flatMap(([name, { shape }]) => {
        const tensor = separated.initializers.get(name);
        return tensor === undefined ? [] : [[name, { shape, data: decodeTensor(tensor) }] as const];
      }),
    );
  return { spec, warnings, taken: [], weights: () => Promise.resolve(weights()) };
}

async function specOfNames(path: string, names: NameOptions): Promise<ModelSpec> {
  const { tensors: named, taken } = await namedTensors(path);
  const { family, spec, warnings } = await inferFromNames(named, names);
  const note = `read as family "${family}" by tensor names; not proved, which needs the graph`;
  const weights = async (): Promise<Weights> => {
    const source = await openWeights(path);
    try {
      const tensors: [string, Weights[string]][] = [];
      for (const name of Object.keys(spec.tensors)) tensors.push([name, await source.read(name)]);
      return Object.fromEntries(tensors);
    } finally {
      await source.close();
    }
  };
  return { spec, warnings: [...warnings, note], taken, weights };
}
