// A file on disk as a source of bytes: one open handle, ranges read on request.

import { constants, type Stats } from "node:fs";
import { open, stat as lookAt } from "node:fs/promises";
import { EnvironmentError } from "../core/errors.ts";
import type { ByteSource } from "../formats/byte-source.ts";
import { fileError } from "./files.ts";

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

/**
 * Opens a file. Close it when done. What is no regular file is not opened: a pipe would wait for its writer for ever. Should
 * it be exchanged for a pipe in between, opening it does not wait either.
 * @throws {EnvironmentError}
 */
export async function fileSource(path: string): Promise<ByteSource & { close(): Promise<void> }> {
  const failed = (error: unknown): never => {
    throw fileError("read", path, error);
  };
  refuseOthers(path, await lookAt(path).catch(failed));
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(failed);
  const stat = await handle.stat().catch(failed);
  try {
    refuseOthers(path, stat);
  } catch (error) {
    await handle.close();
    throw error;
  }
  const read = async (start: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = new Uint8Array(end - start);
    for (let at = 0; at < bytes.length;) {
      const length = Math.min(piece, bytes.length - at);
      const { bytesRead } = await handle.read(bytes, at, length, start + at).catch(failed);
      if (bytesRead === 0)
        throw new EnvironmentError(
          `cannot read ${path}: it ends at byte ${start + at}, earlier than when it was opened; wait until nothing writes to it and run again`,
        );
      at += bytesRead;
    }
    return bytes;
  };
  return Object.freeze({ location: path, size: stat.size, read, close: () => handle.close() });
}
