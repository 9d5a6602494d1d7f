// The graph behind a path, with errors that name the file.

import type { OnnxGraph } from "../../formats/onnx-types.ts";
import { readOnnx } from "../../formats/onnx.ts";
import { readModelBytes } from "../../node/beside.ts";

/** @throws {EnvironmentError} {FormatError} {UnsupportedError} naming the file */
export async function readGraph(
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly graph: OnnxGraph }> {
  const bytes = await readModelBytes(path);
  try {
    return { bytes, graph: readOnnx(bytes) };
  } catch (error) {
    if (error instanceof Error && !error.message.includes(path))
      error.message = `${path}: ${error.message}`;
    throw error;
  }
}
