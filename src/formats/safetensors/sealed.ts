// Safetensors files that carry their own checksum, as everything does that the package writes for itself: functionals,
// theta, populations.

import { blankChecksum, checksumHolds, withChecksum } from "../../core/checksum.ts";
import { writeSafetensors } from "./safetensors-write.ts";

/** The bytes of a file of these tensors and metadata, the checksum first among the metadata. */
export async function writeSealed(
  tensors: Parameters<typeof writeSafetensors>[0],
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const bytes = writeSafetensors(tensors, { checksum: blankChecksum, ...metadata });
  return withChecksum(bytes as Uint8Array<ArrayBuffer>);
}

/** Whether the bytes are those that were written with the checksum that their metadata hold. */
export const sealHolds = async (
  bytes: Uint8Array,
  { checksum }: Readonly<Record<string, string>>,
): Promise<boolean> => checksum !== undefined && (await checksumHolds(bytes, checksum));
