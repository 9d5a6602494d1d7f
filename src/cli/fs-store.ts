// A zoo's store in a folder: files appear whole or not at all, and one builder at a time holds the lock.

import { constants } from "node:fs";
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { EnvironmentError } from "../core/errors.ts";
import { lockedMessage, type ZooStore } from "../zoo/store.ts";

const lockName = "zoo.lock";
const temporary = /\.tmp$/;

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full; make room",
  EDQUOT: "the disk quota is used up; make room",
  EACCES: "there is no permission; change it or choose another folder",
  EPERM: "there is no permission; change it or choose another folder",
  EROFS: "the disk is read-only; choose another folder",
  ENOTDIR: "a part of the path is a file; choose another folder",
  EEXIST: "there is a file of that name; choose another folder",
  EMFILE: "too many files are open; close some",
};

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

function environmentError(what: string, path: string, error: unknown): EnvironmentError {
  const reason = reasons[codeOf(error) ?? ""] ?? (error as Error).message;
  return new EnvironmentError(`folderStore: cannot ${what} ${path}: ${reason}`, { cause: error });
}

/** Who holds a lock. `started` tells a process from a later one with the same number, where the system says. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly started: string | null;
}

/** Locks held by this process. */
const held = new Set<string>();

/** A store in a folder, which is made when something is first written. */
export function folderStore(folder: string): ZooStore {
  const root = resolve(folder);
  const path = (name: string) => join(root, name);

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
      throw environmentError(what, path(name), error);
    }
  }

  const store: ZooStore = {
    location: folder,
    list: () =>
      attempt("list", "", [], async () => {
        const names = await readdir(root);
        return names.filter((name) => !temporary.test(name) && name !== lockName);
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
    write: async (name, bytes) => {
      try {
        await mkdir(root, { recursive: true });
        await writeWhole(root, name, bytes);
      } catch (error) {
        throw environmentError("write", path(name), error);
      }
    },
    remove: (name) => attempt("remove", name, undefined, () => rm(path(name), { force: true })),
    lock: async () => {
      try {
        await mkdir(root, { recursive: true });
        await takeLock(root, folder);
      } catch (error) {
        if (error instanceof EnvironmentError) throw error;
        throw environmentError("write to", root, error);
      }
      await attempt("tidy", "", undefined, () => removeLeftovers(root));
      return async () => {
        held.delete(root);
        await attempt("unlock", lockName, undefined, () => rm(path(lockName), { force: true }));
      };
    },
  };
  return Object.freeze(store);
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

/** Writes to a temporary name, waits until the disk has it, and only then gives it its name. */
async function writeWhole(root: string, name: string, bytes: Uint8Array): Promise<void> {
  const partial = join(root, `${name}.${process.pid}.tmp`);
  try {
    const file = await open(partial, "w");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, join(root, name));
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(root);
}

/** Makes a rename last; some systems cannot open folders, and then it lasts anyway or cannot be helped. */
async function syncFolder(root: string): Promise<void> {
  try {
    const folder = await open(root, constants.O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch {
    return;
  }
}

/** Files that a killed builder was writing. Called under the lock. */
async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (temporary.test(name)) await rm(join(root, name), { force: true });
  }
}

/** Creates the lock file with its content in one go; takes over one whose process is gone. */
async function takeLock(root: string, location: string): Promise<void> {
  if (held.has(root)) throw new EnvironmentError(lockedMessage(location, "this process already"));
  const lock = join(root, lockName);
  const me: Holder = {
    pid: process.pid,
    host: hostname(),
    started: await startOf(process.pid),
  };
  const partial = join(root, `${lockName}.${process.pid}.tmp`);
  for (let attempts = 0; attempts < 5; attempts++) {
    try {
      const file = await open(partial, "w");
      await file.writeFile(JSON.stringify(me)).finally(() => file.close());
      await link(partial, lock);
      held.add(root);
      return;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    } finally {
      await rm(partial, { force: true });
    }
    const text = await readFile(lock, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const holder = parseHolder(text);
    if (holder !== undefined && (await isAlive(holder))) {
      const who = `process ${holder.pid} on ${holder.host}`;
      const elsewhere =
        holder.host === hostname() ? "" : ` (if that one is gone, delete ${lockName} there)`;
      throw new EnvironmentError(lockedMessage(location, who) + elsewhere);
    }
    await removeStale(lock, text);
  }
  throw new EnvironmentError(lockedMessage(location, "others, who come and go"));
}

/** Removes a stale lock, unless another builder has replaced it meanwhile. */
async function removeStale(lock: string, text: string): Promise<void> {
  const aside = `${lock}.${process.pid}.stale.tmp`;
  try {
    await rename(lock, aside);
    if ((await readFile(aside, "utf8")) !== text) await link(aside, lock);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "EEXIST") throw error;
  }
  await rm(aside, { force: true });
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    const { pid, host, started } = value ?? {};
    if (typeof pid !== "number" || typeof host !== "string") return undefined;
    return { pid, host, started: started ?? null };
  } catch {
    return undefined;
  }
}

/** Processes of other machines count as alive: nothing here can tell. */
async function isAlive({ pid, host, started }: Holder): Promise<boolean> {
  if (host !== hostname()) return true;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
  return started === (await startOf(pid));
}

/** When a process started, as Linux tells it; null elsewhere. */
async function startOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
