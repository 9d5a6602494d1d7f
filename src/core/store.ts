// Where a zoo lives: a few named files, behind an interface so that a folder, memory or a page can hold them.

import { EnvironmentError, OptionError } from "./errors.ts";
import { visibleName } from "./visible.ts";

/** Named files. Every method fails with an {EnvironmentError} when the place itself fails. */
export interface ZooStore {
  /** For messages: a path, or what else the place is called. */
  readonly location: string;
  /** Names of all files, in no particular order. */
  list(): Promise<string[]>;
  /** Bytes of a file; undefined when there is none of that name. */
  size(name: string): Promise<number | undefined>;
  /** A file, or its bytes from `start` to `end`; undefined when there is none of that name. */
  read(name: string, start?: number, end?: number): Promise<Uint8Array | undefined>;
  /** Writes a whole file or nothing: after a failure, or a kill at any moment, an older file of that name is still whole. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Writes a whole file unless there is one of that name: false then, and the file stays as it is. Of several who create a file
   * at once, one is told true at most.
   */
  create(name: string, bytes: Uint8Array): Promise<boolean>;
  /** Removes a file; nothing happens when there is none. */
  remove(name: string): Promise<void>;
  /** Takes the only right to build here and returns how to give it back. Fails while another builder holds it. */
  lock(): Promise<() => Promise<void>>;
}

const longestName = 200;

/**
 * The name of a file in a store: one name without folders, so that no name leads out of the store.
 * @throws {OptionError} for any other
 */
export function checkStoreName(name: string, location: string): string {
  const isPlain = /^[^./\\\p{Cc}][^/\\\p{Cc}]*$/u.test(name) && name.length <= longestName;
  if (isPlain) return name;
  throw new OptionError(
    `store: ${JSON.stringify(visibleName(name.slice(0, 80)))} is no name of a file in ${location}, expected at most ${longestName} characters that begin with no dot and hold no slash`,
  );
}

/**
 * The name of a file to be looked at: one of any form that a folder may hold, and still none that leads out of it.
 * @throws {OptionError} for any other
 */
export function checkReadName(name: string, location: string): string {
  if (/^(?!\.{1,2}$)[^/\\\0]+$/.test(name)) return name;
  throw new OptionError(
    `store: ${JSON.stringify(visibleName(name.slice(0, 80)))} is no name of a file in ${location}, expected one without slashes`,
  );
}

/** A store in memory, gone with the process. */
export function memoryStore(location = "memory"): ZooStore {
  const files = new Map<string, Uint8Array>();
  const checked = (name: string) => checkStoreName(name, location);
  let locked = false;
  return {
    location,
    list: async () => [...files.keys()],
    size: async (name) => files.get(name)?.length,
    read: async (name, start = 0, end) => files.get(name)?.slice(start, end),
    write: async (name, bytes) => void files.set(checked(name), bytes.slice()),
    create: async (name, bytes) => {
      if (files.has(checked(name))) return false;
      files.set(name, bytes.slice());
      return true;
    },
    remove: async (name) => void files.delete(name),
    lock: async () => {
      if (locked) throw new EnvironmentError(lockedMessage(location, "another builder"));
      locked = true;
      return async () => {
        locked = false;
      };
    },
  };
}

/** What a builder is told whose place is taken. */
export function lockedMessage(location: string, holder: string): string {
  return `${location} is in use by ${holder}; wait for it, stop it, or choose another place`;
}
