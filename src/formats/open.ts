// Opens a file of weights by what its first bytes say.

import { type Bytes, byteSource } from "./byte-source.ts";
import { openSafetensors } from "./safetensors-source.ts";
import type { TensorSource } from "./tensor-source.ts";

/** The tensors of a file of any known format. */
export async function openTensorSource(bytes: Bytes): Promise<TensorSource> {
  return openSafetensors(byteSource(bytes));
}
