// The spec under which checkpoints are compared, aligned and merged: given, inferred from a graph, else from the names of
// the tensors.

import { withoutFunctionNames } from "../core/plain-message.ts";
import { OptionError, SpecError, UnsupportedError } from "../core/errors.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import type { InferNamesOptions } from "../infer/names/infer-names.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { checkFit } from "./check-fit.ts";
import type { FoundSpec } from "./found-spec.ts";
import { matcher } from "./name-lists.ts";
import { graphOf, hasOnnxEnding, isWithoutGraph, type Network } from "./network.ts";

/** What is requested about the symmetries of checkpoints; nothing is needed where a file has its graph or known names. */
export interface RequestedSpec {
  /** The symmetries themselves. */
  readonly spec?: SymmetrySpec;
  /** Where these come from, to be printed. @default "the spec" */
  readonly origin?: string;
  /** A model whose graph tells them; its names do where it has no graph. */
  readonly model?: Network;
  /** What names alone do not tell, for files without a graph. */
  readonly names?: InferNamesOptions;
  /**
   * Patterns of names of tensors that the network does not compute with, where a graph tells the symmetries, or where weights
   * are moved by those of elsewhere; `*` stands for any characters.
   */
  readonly ignore?: readonly string[];
  /** Told what the symmetries are read from, before they are; may throw where options have no use for it. */
  readonly onSource?: (source: "graph" | "names") => void;
}

/**
 * The spec for a checkpoint; the reason when nothing tells it. Where a graph names tensors otherwise, this or one of the
 * `others`, files of the same model, must hold the graph's numbers.
 * @throws {SpecError} when it does not fit the tensors, or a graph does not belong to them; {OptionError} for options that do not go
 * together; {UnsupportedError} for a family or a graph that is not known; {FormatError} {EnvironmentError} when a file cannot be read
 */
export async function findSpec(
  network: Network,
  requested: RequestedSpec = {},
  others: readonly TensorSource[] = [],
): Promise<FoundSpec | { readonly reason: string }> {
  const found = await readSpec(network, requested, others);
  if ("spec" in found) checkFit(network.path, network.source, found.spec);
  return found;
}

async function readSpec(
  network: Network,
  requested: RequestedSpec,
  others: readonly TensorSource[],
): Promise<FoundSpec | { readonly reason: string }> {
  const { spec, origin = "the spec", model, names = {} } = requested;
  if (spec !== undefined) return { spec, origin, warnings: [] };
  if (model !== undefined) {
    if (!isWithoutGraph(model)) return specOfGraph(network, model, requested, others);
    const { inferNamed, notProved } = await import("./infer-named.ts");
    const { family, spec: named, warnings } = inferNamed(model, names);
    return {
      spec: named,
      warnings: [...warnings, notProved(family)],
      origin: `the tensor names of ${nameOf(model)}`,
    };
  }
  if (network.onnx !== undefined || hasOnnxEnding(network.path))
    return specOfGraph(network, network, requested, others);
  requested.onSource?.("names");
  if (requested.ignore !== undefined)
    throw new OptionError("findSpec: `ignore` is for checkpoints with a graph; give `model` too");
  return specOfNames(network, names);
}

async function specOfNames(
  network: Network,
  names: InferNamesOptions,
): Promise<FoundSpec | { readonly reason: string }> {
  const { inferNamed } = await import("./infer-named.ts");
  const { activation } = names;
  try {
    const { spec, family, warnings } = inferNamed(network, names);
    return {
      spec,
      warnings,
      ...(activation !== undefined && { activation }),
      origin: `tensor names, read as family "${family}" (not proved)`,
    };
  } catch (error) {
    // A family that does not fit is in the way of those only that need symmetries.
    const isMisfit = error instanceof UnsupportedError || error instanceof SpecError;
    if (!isMisfit || names.family !== undefined) throw error;
    return { reason: withoutFunctionNames(error.message) };
  }
}

const nameOf = ({ path, name = path }: Network): string => name;

/** The spec of a graph under the names of the checkpoint; an ONNX file is its own graph. */
async function specOfGraph(
  network: Network,
  model: Network,
  { ignore, onSource }: RequestedSpec,
  others: readonly TensorSource[],
): Promise<FoundSpec> {
  onSource?.("graph");
  const { fitGraph, ownGraph } = await import("./graph-fit.ts");
  const file = { path: model.path, onnx: graphOf(model), ignores: matcher(ignore) };
  const fitted =
    model.path === network.path ? ownGraph(file) : await fitGraph(file, network, others);
  const { spec, inference, renamed } = fitted;
  const origin = `the graph of ${nameOf(model)}${renamed ? ", its tensors found by their numbers" : ""}`;
  return { spec, warnings: inference.warnings, origin, graph: fitted };
}
