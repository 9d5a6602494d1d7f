// A store seen by a worker: nothing of a list is written into it once it holds other work than when the list was opened.

import { EnvironmentError } from "../../core/errors.ts";
import type { ZooStore } from "../../core/store.ts";
import { visibleName } from "../../core/visible.ts";

/** A store that is watched for other work. */
export interface WatchedStore {
  /** Writes only while the work is the same. */
  readonly store: ZooStore;
  /** What is wrong when the work of the store is gone, or another one; undefined as long as it is the same. */
  readonly changed: () => Promise<string | undefined>;
}

/**
 * Watches the file that says what the work of a store is: someone may empty the store and begin other work there, whose results
 * have the same names, while workers still hold the list of the old one.
 */
export function watchWork(
  store: ZooStore,
  name: string,
  isSame: (bytes: Uint8Array) => boolean | Promise<boolean>,
): WatchedStore {
  const changed = async (): Promise<string | undefined> => {
    const bytes = await store.read(name);
    if (bytes !== undefined && (await isSame(bytes))) return undefined;
    return `queue: ${name} in ${visibleName(store.location)} is gone, or says other work than when this list was opened; nothing more of the list is done`;
  };
  const check = async (): Promise<void> => {
    const problem = await changed();
    if (problem !== undefined) throw new EnvironmentError(problem);
  };
  const watched: ZooStore = {
    ...store,
    write: async (file, bytes) => {
      await check();
      return store.write(file, bytes);
    },
    create: async (file, bytes) => {
      await check();
      return store.create(file, bytes);
    },
  };
  return { store: Object.freeze(watched), changed };
}
