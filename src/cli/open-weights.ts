// The weights behind a path: a file of any known format, an index of shards, or a folder with one.

import { openTensorSource } from "../formats/open.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { fileSource } from "./file-source.ts";

/**
 * Opens the weights at a path, without reading numbers. Close them when done.
 * @throws {EnvironmentError} {FormatError} {UnsupportedError}
 */
export async function openWeights(path: string): Promise<TensorSource> {
  const file = await fileSource(path);
  try {
    return await openTensorSource(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}
