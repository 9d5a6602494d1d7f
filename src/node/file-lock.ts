// Locks: files that name the process at work on a folder or an output, and are taken over when that process is gone, or when
// its lease has ended: a holder renews its lock as long as it lives, so that one of another machine is not respected for ever.
// When it was renewed is told by the file system, whose clock is the same for all machines that share a folder.

import { constants, rmSync } from "node:fs";
import { copyFile, link, readFile, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
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
  /** Where its number counts, where the system says: processes of another container may have the same host and number. */
  readonly space?: string | undefined;
  /** When the lock was written or renewed, by the holder's clock, in milliseconds since 1970; absent from locks of version 0.1. */
  readonly renewed?: number | undefined;
}

/** How long a lock that is not renewed is respected, in milliseconds. */
export const leaseMilliseconds = 10 * 60_000;

/** How often a held lock is renewed. */
const renewMilliseconds = 60_000;

/** The locks held by this process, by path, and what renews them. */
const held = new Map<string, NodeJS.Timeout>();

/** A process that exits in the middle, on a second Ctrl-C or a closed pipe, leaves no lock behind. */
const releaseAll = (): void => {
  for (const lock of held.keys()) {
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
  space: await processSpace(),
});

/** The namespace of process numbers, where the system has such. */
const processSpace = (): Promise<string | undefined> =>
  readlink("/proc/self/ns/pid").catch(() => undefined);

/** Whether nothing can be told here of a process by its number. */
const isElsewhere = ({ host, space }: Holder, me: Holder): boolean =>
  host !== me.host || (space !== undefined && me.space !== undefined && space !== me.space);

/**
 * Creates a lock file with its content in one go; takes over one whose process is gone. `location` is what messages call
 * the place.
 * @throws {EnvironmentError} naming the process that holds it; the system's errors as they are
 */
export async function takeLock(lock: string, location: string): Promise<void> {
  if (held.has(lock)) throw new EnvironmentError(lockedMessage(location, "this process already"));
  const me = await thisProcess();
  const signed = () => JSON.stringify({ ...me, renewed: Date.now() });
  const partial = `${lock}.${process.pid}.tmp`;
  for (let attempts = 0; attempts < 5; attempts++) {
    let now = 0;
    try {
      await writeFile(partial, signed());
      now = (await stat(partial)).mtimeMs;
      await linkOrCopy(partial, lock);
      if (held.size === 0) process.once("exit", releaseAll);
      held.set(lock, renewing(lock, me));
      return;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    } finally {
      await rm(partial, { force: true });
    }
    const text = await readFile(lock, "utf8").catch(() => undefined);
    const written = await stat(lock).catch(() => undefined);
    if (text === undefined || written === undefined) continue;
    const holder = parseHolder(text);
    const silent = now - written.mtimeMs;
    if (holder !== undefined && (await isAlive(holder, silent))) {
      const who = `process ${holder.pid} on ${holder.host}`;
      const elsewhere = isElsewhere(holder, me) ? remedyOf(holder, lock, silent) : "";
      throw new EnvironmentError(lockedMessage(location, who) + elsewhere);
    }
    await removeStale(lock, text);
  }
  throw new EnvironmentError(lockedMessage(location, "others, who come and go"));
}

/** What can be done about a lock of another machine, which has not been renewed for so many milliseconds. */
function remedyOf({ renewed }: Holder, lock: string, silent: number): string {
  if (renewed === undefined)
    return ` (if that one is gone, delete ${basename(lock)} there: it is of version 0.1, which renews no locks)`;
  const minutes = Math.max(1, Math.ceil((leaseMilliseconds - silent) / 60_000));
  return ` (unless it renews its lock, which is taken over in ${minutes} min; if it is gone for certain, delete ${basename(lock)} there)`;
}

/** Renews a lock of this process now and then, as long as it is its own; keeps no process alive. */
function renewing(lock: string, me: Holder): NodeJS.Timeout {
  const renew = async (): Promise<void> => {
    const partial = `${lock}.${process.pid}.renewed.tmp`;
    try {
      const now = parseHolder(await readFile(lock, "utf8"));
      if (!held.has(lock)) return;
      if (now === undefined || !isSame(now, me)) return void forget(lock); // it was taken over
      await writeFile(partial, JSON.stringify({ ...me, renewed: Date.now() }));
      if (held.has(lock)) await rename(partial, lock);
    } catch {
      // The next renewal may succeed; the lease is ten renewals long.
    } finally {
      await rm(partial, { force: true }).catch(() => undefined);
    }
  };
  return setInterval(() => void renew(), renewMilliseconds).unref();
}

/** Stops renewing a lock; false when it was not held. */
function forget(lock: string): boolean {
  clearInterval(held.get(lock));
  const wasHeld = held.delete(lock);
  if (wasHeld && held.size === 0) process.off("exit", releaseAll);
  return wasHeld;
}

const isSame = (a: Holder, b: Holder): boolean =>
  a.pid === b.pid && a.started === b.started && !isElsewhere(a, b);

/** Gives a lock back that this process holds. */
export async function releaseLock(lock: string): Promise<void> {
  if (!forget(lock)) return;
  const holder = parseHolder(await readFile(lock, "utf8").catch(() => ""));
  const isOurs = holder !== undefined && isSame(holder, await thisProcess());
  if (isOurs) await rm(lock, { force: true }); // else another has taken it over
}

/** A second name for a file, which must not exist yet; a copy where the file system has no links. */
export async function linkOrCopy(from: string, to: string): Promise<void> {
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
    const { pid, host, started, space, renewed } = value ?? {};
    if (typeof pid !== "number" || typeof host !== "string") return undefined;
    return {
      pid,
      host,
      started: started ?? null,
      ...(typeof space === "string" && { space }),
      ...(typeof renewed === "number" && { renewed }),
    };
  } catch {
    return undefined;
  }
}

/**
 * Whether a holder is at work. Processes of other machines and containers are, as far as can be told, until their lease ends; a
 * lock of version 0.1 has none. One with the number of this process is another.
 * @param silent milliseconds since its lock was renewed
 */
export async function isAlive(holder: Holder, silent = 0): Promise<boolean> {
  const { pid, started, renewed } = holder;
  if (isElsewhere(holder, await thisProcess()))
    return renewed === undefined || silent < leaseMilliseconds;
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
