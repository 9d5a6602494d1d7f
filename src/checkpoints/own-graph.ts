// The graph that a network is run in.

import { UnsupportedError } from "../core/errors.ts";
import type { FoundSpec } from "./found-spec.ts";
import type { Network } from "./network.ts";

/**
 * The spec with the graph that a network is run in: an ONNX model carries its own. One that holds no weights, or nests too deeply,
 * leaves the spec as it was.
 * @throws {FormatError} {EnvironmentError} when the model cannot be read
 */
export async function withOwnGraph(found: FoundSpec, { path, onnx }: Network): Promise<FoundSpec> {
  if (onnx === undefined || found.graph?.path === path) return found;
  const { ownGraph } = await import("./graph-fit.ts");
  try {
    return { ...found, graph: ownGraph({ path, onnx, ignores: () => false }) };
  } catch (error) {
    if (error instanceof UnsupportedError) return found; // it holds no weights, or nests too deeply
    throw error;
  }
}
