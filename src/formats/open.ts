// The one way to open weights, whatever their format: a file, or the index of a checkpoint in several files.

import { UnsupportedError } from "../core/errors.ts";
import { type Bytes, type ByteSource, byteSource } from "./byte-source.ts";
import { openTensorFile, refuseKey } from "./open-file.ts";
import type { OpenBeside } from "./byte-source.ts";
import { openAdded } from "./registry.ts";
import { openSharded } from "./safetensors/sharded-source.ts";
import type { TensorSource } from "./tensor-source.ts";

/** What {@link openTensorSource} needs beside the bytes of a file. */
export interface OpenOptions {
  /** How to open the shards that an index names, and the files in which an ONNX model keeps its numbers. */
  readonly openBeside?: OpenBeside;
  /**
   * The dictionary of a PyTorch file that is meant: a path of its keys joined by dots, `"."` for the top level. A key that
   * itself holds dots is tried before its parts. @default the only dictionary that holds weights
   */
  readonly key?: string;
}

/** Space or a byte order mark may come before the brace of an index. */
const jsonStart = /^\uFEFF?\s*\{\s*("|\})/;

/**
 * The tensors of a checkpoint: names, formats and shapes now, numbers on request. The format is told by the first bytes:
 * safetensors, an index of shards (JSON), PyTorch's archives and its older layout, NumPy's archives and .npy, GGUF, HDF5 and
 * Keras's archives, ONNX.
 * @throws {FormatError} for damaged or unknown files, saying what was seen and what is read; {UnsupportedError} for known
 * files that are not read, for an index without `openBeside`, and for a PyTorch file of several dictionaries, listing
 * them; {OptionError} for a key that leads nowhere; {EnvironmentError} when bytes cannot be read. The file is closed then.
 */
export async function openTensorSource(
  bytes: Bytes,
  options: OpenOptions = {},
): Promise<TensorSource> {
  const file = byteSource(bytes);
  try {
    return await open(file, options);
  } catch (error) {
    await file.close?.();
    throw error;
  }
}

async function open(file: ByteSource, { openBeside, key }: OpenOptions): Promise<TensorSource> {
  const added = await openAdded(file);
  if (added !== undefined) {
    if (key !== undefined) refuseKey(key, file.location, added.format);
    return added;
  }
  const start = new TextDecoder().decode(await file.read(0, Math.min(32, file.size)));
  // A safetensors file may begin with a length that reads as a brace; its upper bytes are zero.
  if (!jsonStart.test(start) || start.includes("\0")) return openTensorFile(file, key, openBeside);
  if (key !== undefined) refuseKey(key, file.location, "an index of several files");
  if (openBeside === undefined)
    throw new UnsupportedError(
      `openTensorSource: ${file.location} is the index of a checkpoint in several files; give \`openBeside\`, which opens them`,
    );
  return openSharded(file, openBeside);
}
