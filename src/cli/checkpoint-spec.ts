// The spec under which checkpoints are compared, aligned and merged: told by --spec or --model, inferred from the graph
// when the file is an ONNX model, else from the names of its tensors.

import type { Command } from "commander";
import { type SpecProblem, SpecError, UnsupportedError } from "../core/errors.ts";
import { equalShapes, formatShape } from "../core/shapes.ts";
import { decodeTensor } from "../formats/onnx-tensor.ts";
import { readOnnx } from "../formats/onnx.ts";
import { type TensorSource, weightsSource } from "../formats/tensor-source.ts";
import { separateAliases } from "../infer/aliases.ts";
import type { NamedShape } from "../infer/names/template.ts";
import { specFromJSON } from "../spec/json.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import { readBytes, readJson } from "./files.ts";
import type { ModelSpec } from "./model-spec.ts";
import { addNameOptions, inferFromNames, type NameOptions } from "./name-symmetries.ts";
import { openWeights } from "./open-weights.ts";
import { UsageError } from "./usage-error.ts";

export interface SpecFlags extends NameOptions {
  readonly spec?: string;
  readonly model?: string;
}

/** The options by which a command takes a spec. */
export function addSpecOptions(command: Command): Command {
  return addNameOptions(
    command
      .option("--spec <file>", "the symmetries, as printed by `symmetries --json`")
      .option("--model <file.onnx>", "the graph of the model: its symmetries are inferred"),
  );
}

export interface FoundSpec {
  readonly spec: SymmetrySpec;
  /** Where it comes from, to be printed: a file, the graph, or a family of names. */
  readonly origin: string;
  readonly warnings: readonly string[];
}

/** Opens a checkpoint; the weights of an ONNX model are those its graph uses, under the names of its inferred spec. */
export async function openCheckpoint(path: string): Promise<TensorSource> {
  const source = await openWeights(path);
  if (source.format !== "onnx") return source;
  await source.close();
  const { graph } = separateAliases(readOnnx(await readBytes(path)));
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
  if (flags.spec !== undefined)
    return { spec: specFromJSON(await readJson(flags.spec)), origin: flags.spec, warnings: [] };
  const graph = flags.model ?? (path.toLowerCase().endsWith(".onnx") ? path : undefined);
  if (graph !== undefined) {
    const { readModelSpec } = await import("./model-spec.ts");
    const model = await readModelSpec(graph, flags, "options");
    const { spec, renamed } = await inNamesOf(sources, model);
    const origin = `the graph of ${graph}${renamed ? ", its tensors found by their numbers" : ""}`;
    return { spec, warnings: model.warnings, origin };
  }
  const shapes = [...sources[0].entries].map(([name, { shape }]): NamedShape => ({ name, shape }));
  try {
    const { spec, family, warnings } = await inferFromNames(shapes, flags);
    return { spec, warnings, origin: `tensor names, read as family "${family}" (not proved)` };
  } catch (error) {
    if (!(error instanceof UnsupportedError) || flags.family !== undefined) throw error;
    return { reason: error.message };
  }
}

/** A graph's spec under the names of the checkpoints, if the first of them that holds the graph's numbers tells them. */
async function inNamesOf(
  sources: readonly TensorSource[],
  { spec, weights }: ModelSpec,
): Promise<{ readonly spec: SymmetrySpec; readonly renamed: boolean }> {
  if (Object.keys(spec.tensors).every((name) => sources[0].entries.has(name)))
    return { spec, renamed: false };
  const { fitNames } = await import("./fit-names.ts");
  const graphWeights = await weights();
  for (const source of sources) {
    const fitted = await fitNames(spec, graphWeights, source);
    if (fitted !== undefined) return { spec: fitted, renamed: true };
  }
  return { spec, renamed: false };
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
  // Exporters with constant folding put products of weights in place of the weights, under names of their own.
  const isFolded = problems.some(
    ({ tensor = "" }) => /^onnx::|^\d+$/.test(tensor) && !source.entries.has(tensor),
  );
  const hint = isFolded
    ? " without constant folding (torch.onnx.export with do_constant_folding=False), or give the ONNX files themselves in place of the checkpoints: this graph holds numbers that its exporter computed from the weights"
    : "";
  if (problems.length > 0)
    throw new SpecError(
      `${path} does not fit the spec; give the spec of this model, or a graph exported from one of the files${hint}`,
      problems,
    );
}
