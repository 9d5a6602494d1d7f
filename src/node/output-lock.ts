// The lock of an output file that a command writes again and again: two commands at once would mix their results.

import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { EnvironmentError } from "../core/errors.ts";
import { releaseLock, takeLock } from "./file-lock.ts";
import { fileError } from "./file-error.ts";
import { makeFolder } from "./files.ts";
import { targetOf } from "./write-file.ts";

/**
 * Takes the only right to write a file, as `<file>.lock` beside it, and returns how to give it back. Folders on the way
 * are made; links are followed, so that two names of one file are one lock.
 * @throws {EnvironmentError} while another process holds it, and when the folder cannot be written
 */
export async function lockOutput(path: string): Promise<() => Promise<void>> {
  try {
    const target = await targetOf(path);
    await makeFolder(dirname(target));
    const folder = await realpath(dirname(target));
    const lock = join(folder, `${basename(target)}.lock`);
    await takeLock(lock, path);
    return () => releaseLock(lock);
  } catch (error) {
    if (error instanceof EnvironmentError) throw error;
    throw fileError("write", path, error);
  }
}
