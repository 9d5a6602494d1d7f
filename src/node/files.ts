// Files for the command line: reading with clear errors, and folders.

import { mkdir, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { EnvironmentError, FormatError, OptionError } from "../core/errors.ts";
import { parseJson } from "../core/json-limits.ts";
import { sniffBinary } from "../formats/sniff.ts";

/** Bytes that are read at once; no model file of one piece is larger. */
const maxBytes = 2 ** 31;

/**
 * The bytes of a file.
 * @throws {EnvironmentError} for what is no file (a pipe, a device, a folder), and for more bytes than `limit`
 */
export async function readBytes(path: string, limit = maxBytes): Promise<Uint8Array> {
  const { fileSource } = await import("./file-source.ts");
  const file = await fileSource(path);
  try {
    if (file.size > limit)
      throw new EnvironmentError(
        `cannot read ${path}: it has ${file.size} bytes, at most ${limit} are read at once; check the path, or split the file where it was made`,
      );
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}

/** Bytes of the largest JSON file that is read: specs and sketches of large models, results with all their predictions. */
const maxJsonBytes = 2 ** 28;

/** Bytes of the largest file of options or settings. */
export const maxOptionBytes = 2 ** 20;

export interface JsonFileLimits {
  /** Bytes at most. @default 256 MiB */
  readonly bytes?: number;
}

/**
 * The value of a JSON file.
 * @throws {EnvironmentError}; {FormatError} when it is not JSON; {OptionError} when it is larger or nested deeper than such
 * files can need
 */
export async function readJson(
  path: string,
  { bytes = maxJsonBytes }: JsonFileLimits = {},
): Promise<unknown> {
  const { fileSource } = await import("./file-source.ts");
  const file = await fileSource(path);
  let text: Uint8Array;
  try {
    text = await file.read(0, Math.min(file.size, bytes + 1));
  } finally {
    await file.close();
  }
  return readJsonBytes(path, text, { bytes });
}

/** The value of JSON text that was read from a place. @throws as `readJson`, naming the place */
export function readJsonBytes(
  path: string,
  text: Uint8Array,
  { bytes = maxJsonBytes }: JsonFileLimits = {},
): unknown {
  return parseJson(text, {
    bytes,
    fail: (problem, cause) => {
      const found = cause === undefined ? undefined : sniffBinary(text);
      if (found !== undefined)
        return new FormatError(`${path} is ${found.what}, expected a JSON file; ${found.remedy}`, {
          cause,
        });
      const message = `${path} ${problem}`;
      if (cause !== undefined) return new FormatError(message, { cause });
      return new OptionError(`${message}; give another file`);
    },
  });
}

/** Whether two paths lead to one file, through whatever links; false when one of them leads nowhere. */
export async function isSameFile(path: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all(
    [path, other].map((each) => realpath(each).catch(() => undefined)),
  );
  return a !== undefined && a === b;
}

/** Makes a folder and those above it. Node's own recursive mkdir never returns for a folder in /proc (Node 20.20). */
export async function makeFolder(folder: string, makeParents = true): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const there = await stat(folder).catch(() => undefined);
    if (there?.isDirectory() === true) return;
    const { code } = error as NodeJS.ErrnoException;
    const parent = dirname(folder);
    if (code !== "ENOENT" || !makeParents || parent === folder) throw error;
    await makeFolder(parent);
    await makeFolder(folder, false);
  }
}
