// The settings of a piece of work, kept beside its finished units, so that whoever goes on does the same work.

import { FormatError, OptionError } from "../core/errors.ts";
import { parseJson } from "../core/json-limits.ts";
import type { ZooStore } from "../core/store.ts";

/** Where settings are kept, and what they bind. */
export interface SettingsFile {
  /** The command, for messages. */
  readonly caller: string;
  /** Its name in the store. */
  readonly name: string;
  /** What the store holds, for messages, such as `runs`. */
  readonly holds: string;
  /** Whether a file of the store was made under the settings; they bind as long as there is one. */
  readonly binds: (name: string) => boolean;
}

/** Settings as plain data. */
export type PlainSettings = Readonly<Record<string, unknown>>;

/** More than the settings of any work need. */
const maxSettingsBytes = 2 ** 24;

/** The settings under which the store's files were made; undefined when it holds none of them. */
async function bindingSettings(
  store: ZooStore,
  { caller, name, binds }: SettingsFile,
): Promise<PlainSettings | undefined> {
  const names = await store.list();
  const isBound = names.some((each) => each !== name && binds(each));
  const bytes = isBound ? await store.read(name) : undefined;
  if (bytes === undefined) return undefined;
  const fail = (problem: string) =>
    new FormatError(
      `${caller}: ${name} in ${store.location} is damaged (it ${problem}); choose another folder`,
    );
  const kept = parseJson(bytes, { bytes: maxSettingsBytes, fail });
  if (typeof kept !== "object" || kept === null) throw fail("holds no settings");
  return kept as PlainSettings;
}

/**
 * Checks, without changing anything, that the settings are those under which the store's files were made.
 * @throws {OptionError} naming the first difference; {FormatError} when the file of settings is damaged
 */
export async function checkKeptSettings(
  store: ZooStore,
  file: SettingsFile,
  wanted: PlainSettings,
): Promise<void> {
  const kept = await bindingSettings(store, file);
  if (kept === undefined) return;
  const differing = Object.keys({ ...kept, ...wanted }).find(
    (key) => JSON.stringify(kept[key]) !== JSON.stringify(wanted[key]),
  );
  if (differing === undefined) return;
  throw new OptionError(
    `${file.caller}: ${store.location} holds ${file.holds} with ${differing} ${JSON.stringify(kept[differing])}, got ${JSON.stringify(wanted[differing])}; choose another folder or the same settings`,
  );
}

/** Keeps the settings beside the files that are about to be made under them. */
export async function keepSettings(
  store: ZooStore,
  { name }: SettingsFile,
  settings: PlainSettings,
): Promise<void> {
  await store.write(name, new TextEncoder().encode(JSON.stringify(settings, null, 2)));
}
