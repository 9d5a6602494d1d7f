// Zip archives with the help of fflate: the list of files, and one file at a time, with limits on what sizes are believed.

import { unzipSync } from "fflate";
import { FormatError } from "../core/errors.ts";

const maxEntries = 500_000;
/** No deflated byte gives more than this many. */
const maxRatio = 1032;

const fail = (what: string): never => {
  throw new FormatError(`readZip: ${what}; the file is damaged, fetch or save it again`);
};

interface ZipFile {
  readonly name: string;
  readonly size: number;
  readonly originalSize: number;
}

function walk(
  bytes: Uint8Array,
  filter: (file: ZipFile) => boolean,
): Readonly<Record<string, Uint8Array>> {
  try {
    return unzipSync(bytes, { filter });
  } catch (error) {
    if (error instanceof FormatError) throw error;
    return fail(`the zip archive cannot be read (${(error as Error).message})`);
  }
}

/** Unpacked sizes of all files in an archive, by name. @throws {FormatError} */
export function zipEntries(bytes: Uint8Array): Map<string, number> {
  const sizes = new Map<string, number>();
  let seen = 0;
  walk(bytes, ({ name, originalSize }) => {
    if (++seen > maxEntries) fail(`more than ${maxEntries} files in the archive`);
    sizes.set(name, originalSize);
    return false;
  });
  return sizes;
}

/** One file of an archive, unpacked. @throws {FormatError} when it is missing or its size cannot be true */
export function zipEntry(bytes: Uint8Array, wanted: string): Uint8Array {
  const files = walk(bytes, ({ name, originalSize, size }) => {
    if (name !== wanted) return false;
    if (!(size <= bytes.length) || !(originalSize <= Math.max(maxRatio * size, 1024)))
      fail(`"${wanted}" claims ${originalSize} bytes`);
    return true;
  });
  return files[wanted] ?? fail(`"${wanted}" is missing in the archive`);
}
