// Files for the command line: reading with clear errors, and folders.

import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { EnvironmentError, FormatError } from "../core/errors.ts";

const remedies: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder; check the path",
  EACCES: "permission denied; check who may use it",
  EPERM: "the operation is not permitted there; choose another place",
  EISDIR: "it is a folder, expected a file",
  EBUSY: "it is a folder or in use; choose another name",
  ENOTDIR: "part of the path is a file, not a folder; choose another folder",
  EEXIST: "part of the path is a file, not a folder; choose another folder",
  ENOSPC: "the disk is full; free some space and run again",
  EDQUOT: "the disk quota is used up; free some space and run again",
  EFBIG: "the file is larger than the file system allows; choose another place",
  EROFS: "the file system is read-only; choose another place",
  EMFILE: "too many files are open; close some programs",
  ENAMETOOLONG: "the name is too long",
};

/** The system's error as one of ours: `cannot write out.html: the disk is full; ...`. */
export function fileError(action: string, path: string, error: unknown): EnvironmentError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = (code === undefined ? undefined : remedies[code]) ?? message;
  return new EnvironmentError(`cannot ${action} ${path}: ${why}`, { cause: error });
}

/** The bytes of a file. @throws {EnvironmentError} */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileError("read", path, error);
  }
}

/** The value of a JSON file. @throws {EnvironmentError} {FormatError} when it is not JSON */
export async function readJson(path: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readBytes(path));
  try {
    return JSON.parse(text);
  } catch (error) {
    const detail = (error as Error).message.replace(/\s+/g, " ");
    throw new FormatError(`${path} is not valid JSON: ${detail}`, { cause: error });
  }
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
