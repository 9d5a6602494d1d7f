// Where a long command keeps its finished units: in its own folder, and as small files in the folder of `--parts`.

import { folderStore } from "../../node/folder-store.ts";
import { openStore } from "../../node/open-store.ts";
import { openParts, type UnitParts, type PartsOptions } from "../../work/unit-parts.ts";
import type { Cli } from "../app/context.ts";

export interface KeptUnitsOptions<T> extends Omit<PartsOptions<T>, "warn" | "isOwnFolder"> {
  /** The command's own folder of units. @default none */
  readonly folder?: string;
  /** The value of `--parts`. @default none */
  readonly parts?: string | undefined;
}

/**
 * The finished units of a command. One that is in one of the places is taken from there; a new one becomes a part, and goes to
 * the command's own folder where there are no parts, or where it is too large for one.
 * @throws {OptionError} when the folder of `--parts` holds parts of other settings
 */
export async function keptUnits<T>(
  { folder, parts, ...options }: KeptUnitsOptions<T>,
  cli: Cli,
): Promise<UnitParts<T>> {
  const shared = { ...options, warn: (message: string) => cli.output.note(`warning: ${message}`) };
  const unlimited = { ...shared, isOwnFolder: true };
  const inFolder =
    folder === undefined ? nowhere : await openParts<T>(folderStore(folder), unlimited);
  if (parts === undefined) return inFolder;
  const small = await openParts(await openStore(parts), shared);
  return {
    read: async (unit) => {
      const part = await small.read(unit);
      if (part !== undefined) return part;
      const kept = await inFolder.read(unit);
      if (kept !== undefined) await small.keep(unit, kept);
      return kept;
    },
    keep: async (unit, value) => (await small.keep(unit, value)) || inFolder.keep(unit, value),
  };
}

const nowhere: UnitParts<never> = {
  read: async () => undefined,
  keep: async () => false,
};
