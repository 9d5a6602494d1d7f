// A safetensors file read lazily: the header at once, every tensor's byte range when asked for.

import { FormatError } from "../../core/errors.ts";
import { type Bytes, byteSource } from "../byte-source.ts";
import {
  safetensorsHeader,
  type SafetensorsOptions,
  safetensorsPrefixBytes,
} from "./safetensors.ts";
import { makeTensorSource, type TensorSource } from "../tensor-source.ts";

/**
 * The tensors of one safetensors file.
 * @throws {FormatError} when the header is damaged or the file has another length than it says; {UnsupportedError} for
 * formats of less than a byte; {EnvironmentError} when the file cannot be read.
 */
export async function openSafetensors(
  bytes: Bytes,
  options: SafetensorsOptions = {},
): Promise<TensorSource> {
  const file = byteSource(bytes);
  const first = await file.read(0, Math.min(8, file.size));
  const prefix = safetensorsPrefixBytes(first, options);
  const header = safetensorsHeader(await file.read(0, Math.min(prefix, file.size)), options);
  const { entries, metadata, dataStart, fileBytes } = header;
  if (file.size !== fileBytes) {
    const last = [...entries].find(([, { end }]) => end > file.size);
    const where = last === undefined ? "" : ` (tensor ${JSON.stringify(last[0])} is cut off)`;
    throw new FormatError(
      `readSafetensors: tensors take ${fileBytes - dataStart} bytes, but ${file.size - dataStart} follow the header${where}; the file is damaged, fetch or export it again`,
    );
  }
  return makeTensorSource({
    file,
    format: "safetensors",
    entries,
    metadata,
    load: (name) => {
      const { start, end } = entries.get(name)!;
      return file.read(start, end);
    },
  });
}
