// Writing a checkpoint of any size: tensor by tensor into a safetensors file that replaces the old one when it is whole.

import {
  type PlannedTensor,
  streamSafetensors,
  type WritableTensor,
} from "../formats/safetensors/safetensors-write.ts";
import { type WriteOptions, writeFileAtomic } from "./write-file.ts";

export interface WriteWeightsOptions extends WriteOptions {
  /** Texts to write beside the tensors. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes the tensors that `entries` announce, asking for one at a time; numbers are rounded to the format of their entry.
 * With the `entries` of a source, every tensor keeps the format it had.
 * @throws {EnvironmentError} naming the file, for a full disk among others; the old file is untouched then, as it is
 * when the signal stops it; {ShapeError} {OptionError} {FormatError} as `streamSafetensors`.
 */
export async function writeWeights(
  path: string,
  entries: Iterable<readonly [string, PlannedTensor]>,
  read: (name: string) => Promise<WritableTensor>,
  { metadata, ...options }: WriteWeightsOptions = {},
): Promise<void> {
  await writeFileAtomic(path, streamSafetensors(entries, read, metadata), options);
}
