// Formats of weight files that others have added: each tells its files by their first bytes, before those of the package.

import { checkFunctions, openRegistry } from "../core/registry.ts";
import type { ByteSource } from "./byte-source.ts";
import { knownFormats } from "./known-formats.ts";
import type { TensorSource } from "./tensor-source.ts";

/** A format of weight files of one's own. */
export interface NamedFormat {
  /** What its sources call it: their `format`. */
  readonly name: string;
  /** Whether a file is of this format, by its first 4096 bytes (fewer when it is shorter) and its location. */
  sniff(start: Uint8Array, location: string): boolean;
  /** Opens such a file; closes it with the source. @throws {FormatError} when it is damaged */
  open(file: ByteSource): TensorSource | Promise<TensorSource>;
}

const registry = openRegistry<NamedFormat>(
  "format",
  {},
  knownFormats.map(({ name }) => name),
);

/**
 * Adds a format, for this process: {@link openTensorSource} and every command then open its files.
 * @throws {OptionError} when the name is taken
 */
export function registerFormat(format: NamedFormat): void {
  checkFunctions("format", format, ["sniff", "open"]);
  registry.add(format.name, format);
}

const sniffedBytes = 4096;

/** The source of a file that is of an added format; undefined when it is of none. */
export async function openAdded(file: ByteSource): Promise<TensorSource | undefined> {
  const formats = registry.entries();
  if (formats.length === 0) return undefined;
  const start = await file.read(0, Math.min(sniffedBytes, file.size));
  const found = formats.find((format) => format.sniff(start, file.location));
  return found?.open(file);
}
