// The spec inferred from an opened model and the weights that the spec names: from its graph, or from tensor names alone.

import { SpecError, UnsupportedError } from "../../core/errors.ts";
import type { Weights } from "../../core/tensors.ts";
import { decodeTensor } from "../../formats/onnx/onnx-tensor.ts";
import { readAll } from "../../formats/tensor-source.ts";
import { inferSpec } from "../../infer/infer.ts";
import type { InferNamesOptions } from "../../infer/names/infer-names.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { inferNamed, notProved } from "../../checkpoints/infer-named.ts";
import { type NameOptions, readNameOptions, refuseNameOptions } from "./name-symmetries.ts";
import { specOrFixed } from "./need-spec.ts";
import { isReadAsAdapter } from "../adapters/opened-adapters.ts";
import { hasOnnxEnding, isWithoutGraph, type Network, openModel } from "./opened-model.ts";
import { takenOf, type TakenOfFile } from "./taken.ts";
import { withoutFunctionNames } from "../../core/plain-message.ts";

export interface ModelSpec {
  readonly spec: SymmetrySpec;
  readonly warnings: readonly string[];
  /** What was taken of the file, where something was chosen. */
  readonly taken: readonly TakenOfFile[];
  /** The tensors of the spec, decoded. */
  readonly weights: () => Promise<Weights>;
  /** Whether these are small factors of a low-rank adapter, of which only products mean something. @default false */
  readonly areFactors?: boolean;
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
    const names = await readNameOptions(options);
    const isAsked = names.family !== undefined || names.config !== undefined;
    if (command === "embed" && !isAsked && isReadAsAdapter(model, {}))
      return await body(await factorsOf(model));
    return await body(
      command === "describe" ? readOrFixed(model, names) : readModelSpec(model, names),
    );
  } finally {
    await model.source.close();
  }
}

/** The small factors of a low-rank adapter. @throws as `projectAdapter` */
async function factorsOf(model: Network): Promise<ModelSpec> {
  const { adapterOf } = await import("../adapters/opened-adapters.ts");
  const { projectAdapter } = await import("../../adapters/project-adapter.ts");
  const { spec, weights } = await projectAdapter(await adapterOf(model));
  return {
    spec,
    warnings: [],
    taken: takenOf([model.source]),
    weights: () => Promise.resolve(weights),
    areFactors: true,
  };
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

/** The same; where names tell nothing, a spec in which nothing moves. */
function readOrFixed(model: Network, names: InferNamesOptions): ModelSpec {
  try {
    return readModelSpec(model, names);
  } catch (error) {
    const isMisfit = error instanceof UnsupportedError || error instanceof SpecError;
    if (!isMisfit || names.family !== undefined || model.onnx !== undefined) throw error;
    const { source } = model;
    const { spec, warnings } = specOrFixed({ reason: withoutFunctionNames(error.message) }, source);
    const weights = () => readAll(Object.keys(spec.tensors), source.read);
    return { spec, warnings, taken: takenOf([source]), weights };
  }
}

function specOfNames(model: Network, names: InferNamesOptions): ModelSpec {
  const { source } = model;
  const { family, spec, warnings } = inferNamed(model, names);
  const weights = () => readAll(Object.keys(spec.tensors), source.read);
  return { spec, warnings: [...warnings, notProved(family)], taken: takenOf([source]), weights };
}
