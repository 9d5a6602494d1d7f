// `-` on the command line: a file that is read from standard input, or written to standard output.

import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { EnvironmentError } from "../../core/errors.ts";
import type { ByteSource } from "../../formats/byte-source.ts";
import { UsageError } from "./usage-error.ts";

/** What stands for standard input or output. */
export const dash = "-";

/** What people call a path, which may be `-`. */
export const inputName = (path: string): string => (path === dash ? "standard input" : path);

/** What people call an output, which may be `-`. */
export const outputName = (path: string): string => (path === dash ? "standard output" : path);

/** Where a command prints what it did: beside its output, when that is standard output. */
export const printedBeside = (path: string | undefined): "aside" | "result" =>
  path === dash ? "aside" : "result";

/** Bytes that are read from standard input: it is held in memory. */
const maxBytes = 2 ** 31;

let wasRead = false;

/**
 * All bytes of standard input, which can be had once.
 * @throws {UsageError} when it was read before, or is a terminal; {EnvironmentError} when it is too long
 */
export async function readStandardInput(): Promise<Uint8Array<ArrayBuffer>> {
  if (wasRead)
    throw new UsageError(
      "standard input can be read once; give - for one file, and paths for others",
    );
  if (process.stdin.isTTY)
    throw new UsageError("standard input is a terminal; pipe a file into it, or give a path");
  wasRead = true;
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of process.stdin as AsyncIterable<Uint8Array>) {
    size += piece.length;
    if (size > maxBytes)
      throw new EnvironmentError(
        `cannot read standard input: it has more than ${maxBytes} bytes; save it to a file and give its path`,
      );
    pieces.push(piece);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Standard input as a file. @throws as `readStandardInput` */
export async function standardInput(): Promise<ByteSource> {
  const bytes = await readStandardInput();
  return Object.freeze({
    location: "standard input",
    size: bytes.length,
    read: async (start: number, end: number) => bytes.slice(start, end),
  });
}

/**
 * Lets a function write a file and sends that to standard output when the path is `-`; else the function gets the path.
 * The file lies in a temporary folder until it is whole.
 */
export async function throughStandardOutput<T>(
  path: string,
  name: string,
  write: (path: string) => Promise<T>,
): Promise<T> {
  if (path !== dash) return write(path);
  const folder = await mkdtemp(join(tmpdir(), "weightspace-"));
  try {
    const file = join(folder, name);
    const result = await write(file);
    await pipeline(createReadStream(file), process.stdout, { end: false });
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
