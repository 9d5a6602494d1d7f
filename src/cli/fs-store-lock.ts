// The lock of a zoo's folder: a file that names the builder at work, and is taken over when that process is gone.

import { constants, rmSync } from "node:fs";
import { copyFile, link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { EnvironmentError } from "../core/errors.ts";
import { lockedMessage } from "../zoo/store.ts";

export const lockName = "zoo.lock";

/** The system's name of what went wrong, such as ENOENT. */
export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Who holds a lock. `started` tells a process from a later one with the same number, where the system says. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly started: string | null;
}

/** Locks held by this process. */
const held = new Set<string>();

/** A process that exits in the middle, on a second Ctrl-C or a closed pipe, leaves no lock behind. */
const releaseAll = (): void => {
  for (const root of held) {
    try {
      rmSync(join(root, lockName), { force: true });
    } catch {
      continue; // the next builder sees that this process is gone
    }
  }
};

/** Creates the lock file with its content in one go; takes over one whose process is gone. */
export async function takeLock(root: string, location: string): Promise<void> {
  if (held.has(root)) throw new EnvironmentError(lockedMessage(location, "this process already"));
  const lock = join(root, lockName);
  const me: Holder = {
    pid: process.pid,
    host: hostname(),
    started: (await statOf(process.pid)).started,
  };
  const partial = join(root, `${lockName}.${process.pid}.tmp`);
  for (let attempts = 0; attempts < 5; attempts++) {
    try {
      await writeFile(partial, JSON.stringify(me));
      await linkOrCopy(partial, lock);
      if (held.size === 0) process.once("exit", releaseAll);
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

/** Gives a lock back that this process holds. */
export async function releaseLock(root: string): Promise<void> {
  if (!held.has(root)) return;
  await rm(join(root, lockName), { force: true });
  held.delete(root);
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

/** Processes of other machines count as alive: nothing here can tell. */
async function isAlive({ pid, host, started }: Holder): Promise<boolean> {
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
