// Opens files that lie beside another one: by the names it gives, inside its folder only. A link that leads out of the
// folder is not followed, so that a file from a stranger cannot make this program read others; in a hub's cache links lead to
// the blobs of the same model.

import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { EnvironmentError, FormatError } from "../core/errors.ts";
import type { EmbedOptions } from "../formats/onnx/onnx-data.ts";
import type { FindBeside, OpenBeside, ReadableFile } from "../formats/byte-source.ts";
import { homeOf } from "./checkpoint-folder.ts";
import { fileError } from "./file-error.ts";
import { readBytes } from "./files.ts";
import { fileSource } from "./file-source.ts";

/**
 * A function that opens files of the folder of a file.
 * @returns opens a file by its name relative to that folder; undefined where there is none.
 * The function throws {FormatError} for a name or a link that leads out of the folder, {EnvironmentError} when it cannot be read
 */
export function besideFile(path: string): OpenBeside {
  return async (name) => {
    const folder = dirname(path);
    const target = join(folder, name);
    const [home, place] = await Promise.all([realpath(homeOf(folder)), realpath(target)]).catch(
      (error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        throw fileError("read", target, error);
      },
    );
    if (home === undefined || place === undefined) return undefined;
    refuseOutside(path, name, home, place);
    return fileSource(place);
  };
}

/** @throws {FormatError} when a data file lies outside the home of its model */
function refuseOutside(path: string, name: string, home: string, place: string): void {
  const inside = relative(home, place);
  if (inside === ".." || inside.startsWith(`..${sep}`) || inside.startsWith(sep))
    throw new FormatError(
      `${path}: its data file ${JSON.stringify(name)} is a link out of the folder, which is not followed; copy the file itself into the folder`,
    );
}

/**
 * The same for readers that cannot wait. A file is opened for each read, so that none is held.
 * @returns finds a file by its name relative to the folder of `path`; undefined where there is none. Each is looked for once.
 * It throws as the function of `besideFile` does, its reads {EnvironmentError} when the file has changed since
 */
export function findBesideFile(path: string): FindBeside {
  const found = new Map<string, ReadableFile | undefined>();
  return (name) => {
    if (!found.has(name)) found.set(name, lookBeside(path, name));
    return found.get(name);
  };
}

function lookBeside(path: string, name: string): ReadableFile | undefined {
  const folder = dirname(path);
  const target = join(folder, name);
  try {
    const [home, place] = [realpathSync(homeOf(folder)), realpathSync(target)];
    refuseOutside(path, name, home, place);
    const { size, mtimeMs } = withFile(place, (handle) => fstatSync(handle));
    const read = (start: number, end: number) =>
      withFile(place, (handle) => {
        const now = fstatSync(handle);
        if (now.size !== size || now.mtimeMs !== mtimeMs)
          throw new EnvironmentError(
            `cannot read ${target}: it has changed since it was opened; wait until nothing writes to it and run again`,
          );
        return fill(handle, new Uint8Array(end - start), start);
      });
    return Object.freeze({ size, read });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (error instanceof FormatError || error instanceof EnvironmentError) throw error;
    throw fileError("read", target, error);
  }
}

/** The longest single read. */
const piece = 2 ** 30;

function fill(
  handle: number,
  bytes: Uint8Array<ArrayBuffer>,
  start: number,
): Uint8Array<ArrayBuffer> {
  for (let at = 0; at < bytes.length;) {
    const count = readSync(handle, bytes, at, Math.min(piece, bytes.length - at), start + at);
    if (count === 0)
      throw new EnvironmentError(`cannot read a data file: it ends at byte ${start + at}`);
    at += count;
  }
  return bytes;
}

/** Opens a regular file for one use; a pipe in its place is neither waited for nor read. */
function withFile<T>(path: string, use: (handle: number) => T): T {
  const handle = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (!fstatSync(handle).isFile())
      throw new EnvironmentError(
        `cannot read ${path}: it is a device, pipe or folder, expected a file; save it to a file first`,
      );
    return use(handle);
  } finally {
    closeSync(handle);
  }
}

/**
 * The bytes of a model file, with the data of files beside it inside.
 * @throws {EnvironmentError} {FormatError} {UnsupportedError} as `readBytes` and `embedData`
 */
export async function readModelBytes(path: string, options?: EmbedOptions): Promise<Uint8Array> {
  const { embedData } = await import("../formats/onnx/onnx-data.ts");
  const bytes = await readBytes(path);
  try {
    return await embedData(bytes, besideFile(path), options);
  } catch (error) {
    if (error instanceof Error && !error.message.includes(path))
      error.message = `${path}: ${error.message}`;
    throw error;
  }
}
