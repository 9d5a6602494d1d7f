// Sketches for commands: read from `.sketch.json` files or made from checkpoints.

import { type Sketch, sketchWeights } from "../align/sketch.ts";
import { sketchFromJSON } from "../align/sketch-json.ts";
import { FormatError } from "../core/errors.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import { checkFit, findSpec, openCheckpoint, type SpecFlags } from "./checkpoint-spec.ts";
import type { Cli } from "./context.ts";
import { readJson } from "./files.ts";
import { checkBelongs, type FittedGraph } from "./graph-fit.ts";
import { needSpec } from "./need-spec.ts";

export const sketchEnding = ".sketch.json";

export const isSketchFile = (path: string): boolean => path.toLowerCase().endsWith(sketchEnding);

/** @throws {EnvironmentError} {FormatError} {SpecError} naming the file */
export async function readSketch(path: string): Promise<Sketch> {
  const value = await readJson(path);
  try {
    return sketchFromJSON(value);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`${path}: ${error.message}`, { cause: error });
  }
}

interface SketchFileOptions {
  /** Who asks, for messages. */
  readonly command: string;
  readonly size?: number | undefined;
  /** Where the spec comes from: told, or found as for other commands. */
  readonly spec: Pick<SymmetrySpec, "axes" | "tensors"> | SpecFlags;
  /** The graph that a told spec comes from: it must belong to this checkpoint too. */
  readonly graph?: FittedGraph | undefined;
}

/** A sketch, and where its spec comes from. */
export interface SketchOfFile {
  readonly sketch: Sketch;
  readonly origin: string;
  readonly graph?: FittedGraph | undefined;
}

/** The sketch of a checkpoint, and where its spec comes from. */
export async function sketchFile(
  path: string,
  { command, size, spec: wanted, graph: told }: SketchFileOptions,
  { output, signal }: Pick<Cli, "output" | "signal">,
): Promise<SketchOfFile> {
  const source = await openCheckpoint(path);
  try {
    let spec: Pick<SymmetrySpec, "axes" | "tensors">;
    let origin = "the spec of the query";
    let graph = told;
    if ("axes" in wanted) {
      spec = wanted;
      checkFit(path, source, spec);
      if (told !== undefined) await checkBelongs(told, { path, source });
    } else {
      const found = needSpec(command, await findSpec(path, source, wanted));
      for (const warning of found.warnings) output.note(`warning: ${warning}`);
      ({ spec, origin, graph } = found);
    }
    const sketch = await sketchWeights(spec, (name) => source.read(name), {
      signal,
      ...(size !== undefined && { size }),
    });
    for (const place of sketch.open)
      output.note(
        `warning: ${path}: the weights do not pin down the scales or bases of axis ${place}; its part of the sketch is not invariant`,
      );
    return { sketch, origin, graph };
  } finally {
    await source.close();
  }
}
