// Locks: files that name the process at work on a folder or an output, and are taken over when that process is gone.

import { constants, rmSync } from "node:fs";
import { copyFile, link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename } from "node:path";
import { EnvironmentError } from "../core/errors.ts";
import { lockedMessage } from "../core/store.ts";

/** The system's name of what went wrong, such as ENOENT. */
export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** A process. `started` tells it from a later one with the same number, where the system says. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly started: string | null;
}

/** Paths of the locks held by this process. */
const held = new Set<string>();

/** A process that exits in the middle, on a second Ctrl-C or a closed pipe, leaves no lock behind. */
const releaseAll = (): void => {
  for (const lock of held) {
    try {
      rmSync(lock, { force: true });
    } catch {
      continue; // the next one sees that this process is gone
    }
  }
};

/** This process. */
export const thisProcess = async (): Promise<Holder> => ({
  pid: process.pid,
  host: hostname(),
  started: (await statOf(process.pid)).started,
});

/**
 * Creates a lock file with its content in one go; takes over one whose process is gone. `location` is what messages call
 * the place.
 * @throws {EnvironmentError} naming the process that holds it; the system's errors as they are
 */
export async function takeLock(lock: string, location: string): Promise<void> {
  if (held.has(lock)) throw new EnvironmentError(lockedMessage(location, "this process already"));
  const me = await thisProcess();
  const partial = `${lock}.${process.pid}.tmp`;
  for (let attempts = 0; attempts < 5; attempts++) {
    try {
      await writeFile(partial, JSON.stringify(me));
      await linkOrCopy(partial, lock);
      if (held.size === 0) process.once("exit", releaseAll);
      held.add(lock);
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
        holder.host === hostname() ? "" : ` (if that one is gone, delete ${basename(lock)} there)`;
      throw new EnvironmentError(lockedMessage(location, who) + elsewhere);
    }
    await removeStale(lock, text);
  }
  throw new EnvironmentError(lockedMessage(location, "others, who come and go"));
}

/** Gives a lock back that this process holds. */
export async function releaseLock(lock: string): Promise<void> {
  if (!held.has(lock)) return;
  await rm(lock, { force: true });
  held.delete(lock);
  if (held.size === 0) process.off("exit", releaseAll);
}

/** A second name for a file, which must not exist yet; a copy where the file system has no links. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error) ?? "")) throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}

/** Removes a stale lock, unless another builder has replaced it meanwhile. */
async function removeStale(lock: string, text: string): Promise<void> {
  const aside = `${lock}.${process.pid}.stale.tmp`;
  try {
    await rename(lock, aside);
    if ((await readFile(aside, "utf8")) !== text) await linkOrCopy(aside, lock);
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

/** Processes of other machines count as alive: nothing here can tell. One with the number of this process is another. */
export async function isAlive({ pid, host, started }: Holder): Promise<boolean> {
  if (host !== hostname()) return true;
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
  const { state, started: now } = await statOf(pid);
  return state !== "Z" && state !== "X" && started === now; // a zombie works no more
}

/** State of a process and when it started, as Linux tells them; null elsewhere. */
async function statOf(pid: number): Promise<{ state: string | null; started: string | null }> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? null, started: fields[19] ?? null };
  } catch {
    return { state: null, started: null };
  }
}
