// A zoo's store in a folder: files appear whole or not at all, and one builder at a time holds the lock.

import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { EnvironmentError } from "../core/errors.ts";
import { checkReadName, checkStoreName, type ZooStore } from "../core/store.ts";
import { fileError } from "./file-error.ts";
import { makeFolder } from "./files.ts";
import { createFile, isWriterMark, replaceFile, writerIsGone, writerMark } from "./write-file.ts";
import { codeOf, releaseLock, takeLock } from "./file-lock.ts";

const temporary = /\.tmp$/;
/** What a file is called while it is being created by one of several who hold no lock. */
const beingCreated = /\.new$/;
/** The mark of its writer in such names. */
const markOfWriter = /([^.]+\.[^.]+)\.(?:new|tmp)$/;
/** A file that a writer of another machine has not finished after so many milliseconds belongs to nobody. */
const abandonedMilliseconds = 60 * 60_000;
const lockName = "zoo.lock";

/** A store in a folder, which is made when something is first written. */
export function folderStore(folder: string): ZooStore {
  const root = resolve(folder);
  const path = (name: string) => join(root, name === "" ? "" : checkReadName(name, folder));

  /** Runs an operation; a missing file gives `absent`, everything else fails with one clear error. */
  async function attempt<T>(
    what: string,
    name: string,
    absent: T,
    run: () => Promise<T>,
  ): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (codeOf(error) === "ENOENT") return absent;
      throw fileError(what, path(name), error);
    }
  }

  /** Writes a file in one of several ways; the folder is made before. */
  async function place<T>(name: string, write: (target: string) => Promise<T>): Promise<T> {
    const target = path(checkStoreName(name, folder));
    try {
      await makeFolder(root);
      return await write(target);
    } catch (error) {
      throw fileError("write", target, error);
    }
  }

  const store: ZooStore = {
    location: folder,
    list: () =>
      attempt("list", "", [], async () => {
        const names = await readdir(root);
        return names.filter(
          (name) => !temporary.test(name) && !beingCreated.test(name) && name !== lockName,
        );
      }),
    size: (name) =>
      attempt<number | undefined>("look at", name, undefined, async () => {
        const { size } = await stat(path(name));
        return size;
      }),
    read: (name, start, end) =>
      attempt<Uint8Array | undefined>("read", name, undefined, async () => {
        if (start === undefined && end === undefined)
          return new Uint8Array(await readFile(path(name)));
        return readRange(path(name), start ?? 0, end);
      }),
    write: (name, bytes) =>
      place(name, async (at) => replaceFile(at, `${at}.${await writerMark()}.tmp`, bytes)),
    create: (name, bytes) =>
      place(name, async (at) => createFile(at, `${at}.${await writerMark()}.new`, bytes)),
    remove: (name) => attempt("remove", name, undefined, () => rm(path(name), { force: true })),
    lock: () => lockFolder(root, folder, attempt),
  };
  return Object.freeze(store);
}

/** Runs a step of the store under a name for messages, with what a missing file gives. */
type Attempt = <T>(what: string, name: string, missing: T, run: () => Promise<T>) => Promise<T>;

/** Takes the lock of a folder and clears what killed builders left; gives the function that releases it. */
async function lockFolder(
  root: string,
  folder: string,
  attempt: Attempt,
): Promise<() => Promise<void>> {
  const path = join(root, lockName);
  try {
    await makeFolder(root);
    await takeLock(path, folder);
  } catch (error) {
    if (error instanceof EnvironmentError) throw error;
    throw fileError("write to", root, error);
  }
  try {
    await attempt("tidy", "", undefined, () => removeLeftovers(root));
  } catch (error) {
    await releaseLock(path);
    throw error;
  }
  return () => attempt("unlock", lockName, undefined, () => releaseLock(path));
}

async function readRange(path: string, start: number, end?: number): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const bytes = new Uint8Array(Math.max(0, Math.min(size, end ?? size) - start));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Files that a killed builder was writing. Called under the lock, which workers of a queue and others who wait for it do not hold. */
async function removeLeftovers(root: string): Promise<void> {
  const now = (await stat(join(root, lockName))).mtimeMs; // by the clock of the file system, as that of all its files
  for (const name of await readdir(root)) {
    if (!temporary.test(name) && !beingCreated.test(name)) continue;
    const path = join(root, name);
    if (await isAbandoned(path, name, now)) await rm(path, { force: true });
  }
}

/** Whether nobody will finish a file that was being written: its writer is gone, or it has been there for long. */
async function isAbandoned(path: string, name: string, now: number): Promise<boolean> {
  const [, mark = ""] = markOfWriter.exec(name) ?? [];
  const isMarked = isWriterMark(mark);
  if (isMarked && (await writerIsGone(mark))) return true;
  const isUnmarked = !isMarked && temporary.test(name) && !name.startsWith(`${lockName}.`);
  if (isUnmarked) return true; // of an earlier version
  const written = await stat(path).catch(() => undefined);
  return written !== undefined && written.mtimeMs < now - abandonedMilliseconds;
}
