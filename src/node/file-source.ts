// A file on disk as a source of bytes: one open handle, ranges read on request.

import { constants, type Stats } from "node:fs";
import { type FileHandle, open, stat as lookAt } from "node:fs/promises";
import { EnvironmentError } from "../core/errors.ts";
import type { ByteSource } from "../formats/byte-source.ts";
import { fileError } from "./file-error.ts";

/** The longest single read; some systems refuse 2 GiB and more at once. */
const piece = 2 ** 30;

/** Refuses what is no regular file. @throws {EnvironmentError} */
function refuseOthers(path: string, stat: Stats): void {
  if (stat.isFile()) return;
  if (stat.isDirectory())
    throw fileError("read", path, Object.assign(new Error("not a file"), { code: "EISDIR" }));
  throw new EnvironmentError(
    `cannot read ${path}: it is a device, pipe or socket, expected a file; save it to a file first`,
  );
}

/** Files held open at once; others are opened again when they are read, so that few handles suffice for many files. */
const maxOpen = 8;

/** An open file that may be given back while nobody reads it. */
interface Held {
  readonly handle: FileHandle;
  readers: number;
}

/** By source, those used longest ago first. */
const held = new Map<object, Held>();

async function makeRoom(): Promise<void> {
  for (const [owner, { handle, readers }] of held) {
    if (held.size < maxOpen) return;
    if (readers > 0) continue;
    held.delete(owner);
    await handle.close();
  }
}

/** Reads until an array is full. @throws {EnvironmentError} when the file ends before */
async function fill(
  path: string,
  handle: FileHandle,
  bytes: Uint8Array<ArrayBuffer>,
  start: number,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const length = Math.min(piece, bytes.length - at);
    const { bytesRead } = await handle
      .read(bytes, at, length, start + at)
      .catch((error: unknown) => {
        throw fileError("read", path, error);
      });
    if (bytesRead === 0)
      throw new EnvironmentError(
        `cannot read ${path}: it ends at byte ${start + at}, earlier than when it was opened; wait until nothing writes to it and run again`,
      );
    at += bytesRead;
  }
}

/**
 * Opens a file. Close it when done. What is no regular file is not opened: a pipe would wait for its writer for ever. Should
 * it be exchanged for a pipe in between, opening it does not wait either.
 * @throws {EnvironmentError}
 */
export async function fileSource(path: string): Promise<ByteSource & { close(): Promise<void> }> {
  const failed = (error: unknown): never => {
    throw fileError("read", path, error);
  };
  const owner = {};
  const take = async (): Promise<Held & { readonly stat: Stats }> => {
    await makeRoom();
    refuseOthers(path, await lookAt(path).catch(failed));
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(failed);
    try {
      const stat = await handle.stat().catch(failed);
      refuseOthers(path, stat);
      return { handle, stat, readers: 0 };
    } catch (error) {
      await handle.close();
      throw error;
    }
  };
  const first = await take();
  held.set(owner, first);
  const { size, ino, dev, mtimeMs } = first.stat;
  const again = async (): Promise<Held> => {
    const taken = await take();
    const { stat, handle } = taken;
    if (stat.ino === ino && stat.dev === dev && stat.size === size && stat.mtimeMs === mtimeMs)
      return taken;
    await handle.close();
    throw new EnvironmentError(
      `cannot read ${path}: it has changed since it was opened; wait until nothing writes to it and run again`,
    );
  };
  let opening: Promise<Held> | undefined;
  const hold = async (): Promise<Held> => {
    const known =
      held.get(owner) ?? (await (opening ??= again().finally(() => (opening = undefined))));
    known.readers++;
    held.delete(owner);
    held.set(owner, known);
    return known;
  };
  const read = async (start: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = new Uint8Array(end - start);
    const known = await hold();
    await fill(path, known.handle, bytes, start).finally(() => known.readers--);
    return bytes;
  };
  const close = async () => {
    const known = held.get(owner);
    held.delete(owner);
    await known?.handle.close();
  };
  return Object.freeze({ location: path, size, read, close });
}
