// The spec under which checkpoints are compared, aligned and merged: told by --spec or --model, inferred from the graph
// when the file is an ONNX model, else from the names of its tensors.

import type { Command } from "commander";
import { type SpecProblem, SpecError, UnsupportedError } from "../../core/errors.ts";
import { equalShapes, formatShape } from "../../core/shapes.ts";
import { decodeTensor } from "../../formats/onnx-tensor.ts";
import { readOnnx } from "../../formats/onnx.ts";
import { type TensorSource, weightsSource } from "../../formats/tensor-source.ts";
import { separateAliases } from "../../formats/onnx-aliases.ts";
import type { NamedShape } from "../../infer/names/template.ts";
import { specFromJSON } from "../../symmetry/json.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { readModelBytes } from "../../node/beside.ts";
import { readJson } from "../../node/files.ts";
import type { FittedGraph } from "./graph-fit.ts";
import {
  addNameOptions,
  inferFromNames,
  type NameOptions,
  refuseNameOptions,
} from "./name-symmetries.ts";
import { isTensorFile } from "./named-tensors.ts";
import { openWeights } from "../../node/open-weights.ts";
import { UsageError } from "../app/usage-error.ts";

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
      .option("--spec <file>", "the symmetries, as printed by `symmetries --json`")
      .option("--model <file.onnx>", "the graph of the model: its symmetries are inferred")
      .option(
        "--ignore <pattern>",
        "tensors that the network does not compute with, such as *.inv_freq; may repeat (with a graph)",
        (pattern: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), pattern],
      ),
  );
}

export interface FoundSpec {
  readonly spec: SymmetrySpec;
  /** Where it comes from, to be printed: a file, the graph, or a family of names. */
  readonly origin: string;
  readonly warnings: readonly string[];
  /** The graph, where one was told: it belongs to the checkpoint. */
  readonly graph?: FittedGraph;
  /** What kind of odd functions give signs their freedom, where names tell. */
  readonly activation?: NameOptions["activation"];
}

/** Opens a checkpoint; the weights of an ONNX model are those its graph uses, under the names of its inferred spec. */
export async function openCheckpoint(path: string): Promise<TensorSource> {
  const source = await openWeights(path);
  if (source.format !== "onnx") return source;
  await source.close();
  const { graph } = separateAliases(readOnnx(await readModelBytes(path)));
  const tensors = [...graph.initializers].filter(([, { type }]) => type !== "string");
  return weightsSource(
    Object.fromEntries(
      tensors.map(([name, tensor]) => [name, { shape: tensor.shape, data: decodeTensor(tensor) }]),
    ),
    path,
  );
}

/**
 * The spec for a checkpoint; the reason when nothing tells it. Where a graph names tensors otherwise, this or one of the
 * `others`, files of the same model, must hold the graph's numbers.
 * @throws {SpecError} when it does not fit the tensors; {UsageError} when --spec and --model are both given.
 */
export async function findSpec(
  path: string,
  source: TensorSource,
  flags: SpecFlags,
  others: readonly TensorSource[] = [],
): Promise<FoundSpec | { readonly reason: string }> {
  if (flags.spec !== undefined && flags.model !== undefined)
    throw new UsageError("give --spec or --model, not both");
  const found = await readSpec(path, [source, ...others], flags);
  if ("spec" in found) checkFit(path, source, found.spec);
  return found;
}

async function readSpec(
  path: string,
  sources: readonly TensorSource[],
  flags: SpecFlags,
): Promise<FoundSpec | { readonly reason: string }> {
  if (flags.spec !== undefined && flags.ignore !== undefined)
    throw new UsageError(
      "--ignore is for checkpoints with a graph; give --model instead of --spec",
    );
  if (flags.spec !== undefined)
    return { spec: specFromJSON(await readJson(flags.spec)), origin: flags.spec, warnings: [] };
  const graph = flags.model ?? (path.toLowerCase().endsWith(".onnx") ? path : undefined);
  if (graph !== undefined) {
    if (!(await isTensorFile(graph))) return specOfGraph(path, graph, sources, flags);
    const { readModelSpec } = await import("./model-spec.ts");
    const { spec, warnings } = await readModelSpec(graph, flags, "options");
    return { spec, warnings, origin: `the tensor names of ${graph}` };
  }
  if (flags.ignore !== undefined)
    throw new UsageError("--ignore is for checkpoints with a graph; give --model graph.onnx too");
  const shapes = [...sources[0].entries].map(([name, { shape }]): NamedShape => ({ name, shape }));
  try {
    const { spec, family, warnings } = await inferFromNames(shapes, flags);
    return {
      spec,
      warnings,
      ...(flags.activation !== undefined && { activation: flags.activation }),
      origin: `tensor names, read as family "${family}" (not proved)`,
    };
  } catch (error) {
    if (!(error instanceof UnsupportedError) || flags.family !== undefined) throw error;
    return { reason: error.message };
  }
}

/** The spec of a graph under the names of the checkpoint; an ONNX file is its own graph. */
async function specOfGraph(
  path: string,
  graph: string,
  sources: readonly TensorSource[],
  flags: SpecFlags,
): Promise<FoundSpec> {
  refuseNameOptions(flags, "options");
  const { fitGraph, ownGraph } = await import("./graph-fit.ts");
  const file = { path: graph, bytes: await readModelBytes(graph), ignores: matcher(flags.ignore) };
  const [source, ...others] = sources;
  const fitted = graph === path ? ownGraph(file) : await fitGraph(file, { path, source }, others);
  const { spec, inference, renamed } = fitted;
  const origin = `the graph of ${graph}${renamed ? ", its tensors found by their numbers" : ""}`;
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

/** How a graph is written whose tensors are those of the checkpoint. */
export const exportUnfolded =
  "export the graph of this very checkpoint without folding: torch.onnx.export(..., dynamo=True, optimize=False), or with dynamo=False: model.eval(), training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False";

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
