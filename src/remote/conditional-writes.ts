// Whether a store keeps its promise that of several who create a file one is told so: some servers take no notice of the
// condition and say yes to everybody.

import { EnvironmentError } from "../core/errors.ts";
import type { ZooStore } from "../core/store.ts";

/**
 * Creates a small file twice and removes it again.
 * @throws {EnvironmentError} when the second time is a success as well
 */
export async function checkConditionalWrites(store: ZooStore): Promise<void> {
  const name = `probe-${crypto.randomUUID()}`;
  const bytes = new TextEncoder().encode("weightspace: may be removed\n");
  await store.create(name, bytes);
  try {
    if (!(await store.create(name, bytes))) return;
  } finally {
    await store.remove(name);
  }
  throw new EnvironmentError(
    `${store.location}: the server takes no notice of If-None-Match, so that several builders would replace each other's files; use one that knows conditional writes, or build in one place only`,
  );
}
