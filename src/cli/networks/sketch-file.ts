// Sketches for commands: read from `.sketch.json` files or made from checkpoints.

import { type Sketch, sketchWeights } from "../../identity/sketch.ts";
import { FormatError } from "../../core/errors.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { checkFit } from "../../checkpoints/check-fit.ts";
import { findSpec, type RequestedSpec } from "./checkpoint-spec.ts";
import type { Cli } from "../app/context.ts";
import { readJson } from "../../node/files.ts";
import type { FittedGraph } from "../../checkpoints/found-spec.ts";
import { needSpec, specOrFixed } from "./need-spec.ts";
import type { Network } from "./opened-model.ts";
import { firstRows, fitVocabulary, rowsIn, withoutTiedCopy } from "../../checkpoints/sketch-fit.ts";
import { tellTaken, type TakenOfFile } from "./taken.ts";

export const sketchEnding = ".sketch.json";

export const isSketchFile = (path: string): boolean => path.toLowerCase().endsWith(sketchEnding);

/** @throws {EnvironmentError} {FormatError} {SpecError} naming the file */
export async function readSketch(path: string): Promise<Sketch> {
  const value = await readJson(path);
  const { sketchFromJSON } = await import("../../identity/sketch-json.ts");
  try {
    return sketchFromJSON(value);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`${path}: ${error.message}`, { cause: error });
  }
}

export interface SketchFileOptions {
  /** Who asks, for messages. */
  readonly command: string;
  readonly size?: number | undefined;
  /** Where the spec comes from: given, or found as for other commands. */
  readonly spec: Pick<SymmetrySpec, "axes" | "tensors"> | RequestedSpec;
  /** The graph that a given spec comes from: it must belong to this checkpoint too. */
  readonly graph?: FittedGraph | undefined;
}

export interface SketchedFile {
  readonly sketch: Sketch;
  /** Where the spec comes from. */
  readonly origin: string;
  readonly graph?: FittedGraph | undefined;
  /** Vocabulary rows of the file: more than the sketch's where the spec asked for has fewer. */
  readonly fileRows: number | undefined;
  /** What was taken of the file, where something was chosen. */
  readonly taken: readonly TakenOfFile[];
}

/** The sketch of a checkpoint. Under a given spec, vocabulary rows that only one of the two has are left out. */
export async function sketchNetwork(
  network: Network,
  { command, size, spec: wanted, graph: requested }: SketchFileOptions,
  { output, signal }: Pick<Cli, "output" | "signal">,
): Promise<SketchedFile> {
  const { path, source } = network;
  const taken = tellTaken(output, [network]);
  let spec: Pick<SymmetrySpec, "axes" | "tensors">;
  let origin = "the spec of the query";
  let graph = requested;
  if ("axes" in wanted) {
    const fitted = fitVocabulary(wanted, source);
    ({ spec } = fitted);
    checkFit(path, fitted, spec);
    if (requested !== undefined) {
      const { checkBelongs } = await import("../../checkpoints/graph-fit.ts");
      await checkBelongs(requested, network);
    }
  } else {
    const known = await findSpec(network, wanted);
    const found = command === "rank" ? specOrFixed(known, source) : needSpec(command, known);
    for (const warning of found.warnings) output.note(`warning: ${warning}`);
    const once = await withoutTiedCopy(found.spec, source);
    ({ origin, graph } = found);
    ({ spec } = once);
    if (once.copy !== undefined)
      output.note(`${path}: ${once.copy} is a copy of ${once.of}, sketched once`);
  }
  const read = async (name: string) => firstRows(await source.read(name), spec.tensors[name].shape);
  const sketch = await sketchWeights(spec, read, { signal, ...(size !== undefined && { size }) });
  for (const place of sketch.open)
    output.note(
      `warning: ${path}: the weights do not pin down the scales or bases of axis ${place}; its part of the sketch is not invariant`,
    );
  return { sketch, origin, graph, taken, fileRows: rowsIn(spec, source) };
}
