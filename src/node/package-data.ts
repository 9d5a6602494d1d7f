// Reads files of the package's own data folder, in Node from disk and in a page by address.

import { EnvironmentError } from "../core/errors.ts";

/** The bytes of a file in data/. @throws {EnvironmentError} when it cannot be read. */
export async function readPackageData(name: string): Promise<Uint8Array> {
  const address = new URL(`../../data/${name}`, import.meta.url);
  try {
    if (address.protocol === "file:") {
      const { readFile } = await import("node:fs/promises");
      return new Uint8Array(await readFile(address));
    }
    const response = await fetch(address);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new EnvironmentError(
      `readPackageData: cannot read ${address.href} (${(error as Error).message}); install the package again`,
      { cause: error },
    );
  }
}
