// Writing so that a file is either the old one or the new one, whatever happens on the way. What a killed write leaves
// behind goes with the next write to the same place.

import { createHash } from "node:crypto";
import { unlinkSync } from "node:fs";
import {
  type FileHandle,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  stat,
  unlink,
} from "node:fs/promises";
import { constants } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { codeOf, type Holder, isAlive, linkOrCopy, thisProcess } from "./file-lock.ts";
import { fileError } from "./file-error.ts";
import { makeFolder } from "./files.ts";

/** Bytes that are written between two looks at the signal. */
const piece = 2 ** 26;

/** What a file is written from: at once, or piece by piece. */
export type Content = Uint8Array | string | AsyncIterable<Uint8Array>;

/** How a file is written. */
export interface WriteOptions {
  /** Stops writing; the old file stays and the error is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Looks at the whole file under its temporary name; what it throws keeps the file from getting its own name. */
  readonly check?: ((temporary: string) => Promise<void>) | undefined;
}

/** Temporary files being written; a second Ctrl-C ends the process at once, and they go with it. */
const unfinished = new Set<string>();

function removeUnfinished(): void {
  for (const path of unfinished) {
    try {
      unlinkSync(path);
    } catch {
      continue; // it had its new name already, or nothing can be done about it
    }
  }
}

/** A signal that nobody else answers ends the process, and `removeUnfinished` runs on exit. */
function endOn(name: "SIGINT" | "SIGTERM" | "SIGHUP"): void {
  if (process.listenerCount(name) === 1) process.exit(128 + constants.signals[name]);
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function watch(temporary: string): void {
  if (unfinished.size === 0) {
    process.on("exit", removeUnfinished);
    for (const name of signals) process.on(name, endOn);
  }
  unfinished.add(temporary);
}

function unwatch(temporary: string): void {
  unfinished.delete(temporary);
  if (unfinished.size > 0) return;
  process.off("exit", removeUnfinished);
  for (const name of signals) process.off(name, endOn);
}

/** Makes a rename last; some systems cannot sync a folder, and then it lasts anyway or cannot be helped. */
async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch {
    return;
  }
}

async function writeAll(handle: FileHandle, content: Content, signal?: AbortSignal): Promise<void> {
  if (typeof content === "string") return handle.writeFile(content);
  const write = async (bytes: Uint8Array): Promise<void> => {
    for (let at = 0; at < bytes.length;) {
      signal?.throwIfAborted();
      const { bytesWritten } = await handle.write(bytes, at, Math.min(piece, bytes.length - at));
      at += bytesWritten;
    }
  };
  if (content instanceof Uint8Array) return write(content);
  signal?.throwIfAborted();
  for await (const bytes of content) await write(bytes);
  signal?.throwIfAborted();
}

/**
 * Writes to a temporary file in the same folder, waits until the disk has it, and only then gives it its name. The
 * system's errors, those of the content and the signal's reason come through as they are; the temporary file is gone then.
 */
export const replaceFile = (
  path: string,
  temporary: string,
  content: Content,
  options: WriteOptions = {},
): Promise<void> => placeFile(path, temporary, content, options, rename);

/**
 * The same for a file that must not be there yet: false, and the file that is there stays, when another was faster. Whole
 * files only appear, except where the file system has no links.
 */
export async function createFile(
  path: string,
  temporary: string,
  content: Content,
): Promise<boolean> {
  try {
    await placeFile(path, temporary, content, {}, async (from, to) => {
      await linkOrCopy(from, to);
      await unlink(from);
    });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

async function placeFile(
  path: string,
  temporary: string,
  content: Content,
  { signal, check }: WriteOptions,
  giveName: (temporary: string, path: string) => Promise<void>,
): Promise<void> {
  watch(temporary);
  try {
    const old = await stat(path).catch(() => undefined);
    const handle = await open(temporary, "w");
    try {
      if (old?.isFile() === true) await handle.chmod(old.mode & 0o7777);
      await writeAll(handle, content, signal);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await check?.(temporary);
    signal?.throwIfAborted();
    await giveName(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  } finally {
    unwatch(temporary);
  }
  await syncFolder(dirname(path));
}

/** Short and safe in a file's name. */
const digestOf = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 8);

const longestStem = 150;

/** How the temporary files of a file begin; a long name is cut, so that theirs are not too long. */
function stemOf(name: string): string {
  return Buffer.byteLength(name) <= longestStem ? `.${name}.` : `.${digestOf(name)}.`;
}

/** Where the number of a process counts, in short. */
const homeOf = ({ host, space = "" }: Holder): string => digestOf(`${host}${space}`);

/** What the names of unfinished files say of their writer: host, process, when that started; and a random part. */
export async function writerMark(): Promise<string> {
  const me = await thisProcess();
  const { pid, started } = me;
  return `${homeOf(me)}-${pid}-${started ?? "0"}.${crypto.randomUUID().slice(0, 8)}`;
}

/** Whether a text is the mark of a writer. */
export const isWriterMark = (text: string): boolean => markPattern.test(text);

const markPattern = /^([0-9a-f]{8})-(\d{1,10})-(\d{1,20})\.[0-9a-f]{8}$/;

/** Whether the writer with this mark was a process of this machine that is gone; false when that cannot be told. */
export async function writerIsGone(mark: string): Promise<boolean> {
  const [, home, pid, time] = markPattern.exec(mark) ?? [];
  const me = await thisProcess();
  if (home !== homeOf(me)) return false;
  const writer = { ...me, pid: Number(pid), started: time === "0" ? null : time };
  if (writer.pid === me.pid && writer.started === me.started) return false;
  return !(await isAlive(writer));
}

/** Removes temporary files of this name whose process on this machine is gone; what cannot be removed stays. */
async function removeLeftovers(folder: string, name: string): Promise<void> {
  const stem = stemOf(name);
  for (const each of await readdir(folder).catch(() => [])) {
    if (!each.startsWith(stem) || !each.endsWith(".tmp")) continue;
    if (await writerIsGone(each.slice(stem.length, -".tmp".length)))
      await unlink(join(folder, each)).catch(() => undefined);
  }
}

/** Where a path leads through links, also through one to a file that is not there yet. */
export async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const link = await readlink(path).catch(() => undefined);
    return link === undefined ? path : resolve(dirname(path), link);
  }
}

/**
 * Writes a whole file at once. Killed at any moment, it leaves the old file or the new one. Folders on the way are made,
 * links are followed, and a file that is replaced keeps its permissions.
 * @throws {EnvironmentError} when it cannot be written; the signal's reason; whatever a stream of content throws
 */
export async function writeFileAtomic(
  path: string,
  content: Content,
  options: WriteOptions = {},
): Promise<void> {
  const target = await targetOf(path);
  const folder = dirname(target);
  try {
    await makeFolder(folder);
    await removeLeftovers(folder, basename(target));
    const temporary = join(folder, `${stemOf(basename(target))}${await writerMark()}.tmp`);
    await replaceFile(target, temporary, content, options);
  } catch (error) {
    const isPlain = typeof content === "string" || content instanceof Uint8Array;
    const isSystems = typeof (error as NodeJS.ErrnoException).syscall === "string";
    const isAbort = options.signal?.aborted === true && error === options.signal.reason;
    const { code } = error as { code?: unknown };
    const isOurs = typeof code === "string" && code.startsWith("WEIGHTSPACE_");
    if (!isAbort && !isOurs && (isPlain || isSystems)) throw fileError("write", path, error);
    throw error;
  }
}
