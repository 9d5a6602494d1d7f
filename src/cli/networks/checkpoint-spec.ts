// The spec under which checkpoints are compared, aligned and merged: given by --spec or --model, inferred from the graph
// when the file is an ONNX model, else from the names of its tensors.

import type { Command } from "commander";
import { type SpecProblem, SpecError, UnsupportedError } from "../../core/errors.ts";
import { equalShapes, formatShape } from "../../core/shapes.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import { specFromJSON } from "../../symmetry/json.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { readJson, readJsonBytes } from "../../node/files.ts";
import type { InferNamesOptions } from "../../infer/names/infer-names.ts";
import { exportUnfolded, type FoundSpec } from "./found-spec.ts";
import {
  addNameOptions,
  inferNamed,
  type NameOptions,
  readNameOptions,
  refuseNameOptions,
} from "./name-symmetries.ts";
import { inputName } from "../app/standard-streams.ts";
import type { Network, OpenedModel } from "./opened-model.ts";
import { UsageError } from "../app/usage-error.ts";
import { withoutFunctionNames } from "../app/output.ts";

export interface SpecFlags extends NameOptions {
  readonly spec?: string;
  readonly model?: string;
  /** Patterns of tensor names; `*` stands for any characters. */
  readonly ignore?: readonly string[];
}

/** The options by which a command takes a spec. */
export function addSpecOptions(command: Command): Command {
  return addNameOptions(
    command
      .option(
        "--spec <file>",
        "the symmetries, as printed by `symmetries --json`; - for standard input",
      )
      .option(
        "--model <file.onnx>",
        "the graph of the model: its symmetries are inferred; - for standard input",
      )
      .option(
        "--ignore <pattern>",
        "tensors that the network does not compute with, such as *.inv_freq; may repeat (with a graph)",
        (pattern: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), pattern],
      ),
  );
}

/** What options say about symmetries, their files read: once for all checkpoints of a command. */
export interface RequestedSpec {
  readonly flags: SpecFlags;
  /** What names alone do not tell. */
  readonly names: InferNamesOptions;
  /** What the file of --spec holds. */
  readonly spec?: SymmetrySpec;
  /** What the file of --model holds; its numbers can be read only where it has a graph. */
  readonly model?: OpenedModel;
}

/**
 * Reads the files that options about symmetries name.
 * @throws {UsageError} when options exclude each other; {EnvironmentError} {FormatError} {SpecError} naming the file
 */
export async function readRequested(flags: SpecFlags): Promise<RequestedSpec> {
  const { spec: file, model: path, ignore } = flags;
  if (file !== undefined && path !== undefined)
    throw new UsageError("give --spec or --model, not both");
  if (file !== undefined && ignore !== undefined)
    throw new UsageError(
      "--ignore is for checkpoints with a graph; give --model instead of --spec",
    );
  const names = await readNameOptions(flags);
  if (file !== undefined) return { flags, names, spec: specFromJSON(await readSpecFile(file)) };
  if (path === undefined) return { flags, names };
  const { isWithoutGraph, openModel } = await import("./opened-model.ts");
  const model = await openModel(path);
  await model.source.close();
  if (!isWithoutGraph(model)) refuseNameOptions(flags, "options");
  return { flags, names, model };
}

/** The JSON of a spec, from a file or, for `-`, from standard input. */
async function readSpecFile(path: string): Promise<unknown> {
  const { dash, readStandardInput } = await import("../app/standard-streams.ts");
  return path === dash
    ? readJsonBytes("standard input", await readStandardInput())
    : readJson(path);
}

/** Opens a checkpoint; one that is the model of --model is open already. @throws as `openModel` */
export async function openCheckpoint(
  path: string,
  requested?: RequestedSpec,
): Promise<OpenedModel> {
  const { model } = requested ?? {};
  if (model?.path === path && model.onnx !== undefined) return model;
  const { openModel } = await import("./opened-model.ts");
  return openModel(path);
}

/**
 * The spec for a checkpoint; the reason when nothing tells it. Where a graph names tensors otherwise, this or one of the
 * `others`, files of the same model, must hold the graph's numbers.
 * @throws {SpecError} when it does not fit the tensors
 */
export async function findSpec(
  network: Network,
  requested: RequestedSpec,
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
  const { flags, names, spec, model } = requested;
  if (spec !== undefined)
    return {
      spec,
      origin: flags.spec === undefined ? "the spec" : inputName(flags.spec),
      warnings: [],
    };
  const { hasOnnxEnding, isWithoutGraph } = await import("./opened-model.ts");
  if (model !== undefined) {
    if (!isWithoutGraph(model)) return specOfGraph(network, model, requested, others);
    const { readModelSpec } = await import("./model-spec.ts");
    const { spec: named, warnings } = readModelSpec(model, names);
    return { spec: named, warnings, origin: `the tensor names of ${inputName(model.path)}` };
  }
  if (network.onnx !== undefined || hasOnnxEnding(network.path))
    return specOfGraph(network, network, requested, others);
  if (flags.ignore !== undefined)
    throw new UsageError("--ignore is for checkpoints with a graph; give --model graph.onnx too");
  try {
    const { spec: named, family, warnings } = inferNamed(network, names);
    return {
      spec: named,
      warnings,
      ...(flags.activation !== undefined && { activation: flags.activation }),
      origin: `tensor names, read as family "${family}" (not proved)`,
    };
  } catch (error) {
    // A family that does not fit is in the way of those commands only that need symmetries.
    const isMisfit = error instanceof UnsupportedError || error instanceof SpecError;
    if (!isMisfit || flags.family !== undefined) throw error;
    return { reason: withoutFunctionNames(error.message) };
  }
}

/** The spec of a graph under the names of the checkpoint; an ONNX file is its own graph. */
async function specOfGraph(
  network: Network,
  model: Network,
  { flags }: RequestedSpec,
  others: readonly TensorSource[],
): Promise<FoundSpec> {
  refuseNameOptions(flags, "options");
  const { fitGraph, ownGraph } = await import("./graph-fit.ts");
  const { graphOf } = await import("./opened-model.ts");
  const file = { path: model.path, onnx: graphOf(model), ignores: matcher(flags.ignore) };
  const fitted =
    model.path === network.path ? ownGraph(file) : await fitGraph(file, network, others);
  const { spec, inference, renamed } = fitted;
  const origin = `the graph of ${inputName(model.path)}${renamed ? ", its tensors found by their numbers" : ""}`;
  return { spec, warnings: inference.warnings, origin, graph: fitted };
}

/** Whether a whole name matches one of the patterns. */
function matcher(patterns: readonly string[] = []): (name: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const parts = pattern.split(/\*+/).map((part) => part.replaceAll(/[^\w]/g, "\\$&"));
    return new RegExp(`^${parts.join("[^]*")}$`);
  });
  return (name) => expressions.some((expression) => expression.test(name));
}

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
