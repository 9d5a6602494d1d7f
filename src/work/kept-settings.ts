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
  /**
   * Settings that files of earlier versions lack, which bind only where they stand; each with what is said where they differ.
   * @default none
   */
  readonly later?: Readonly<Record<string, (kept: unknown, wanted: unknown) => string>>;
}

/** Settings as plain data. */
export type PlainSettings = Readonly<Record<string, unknown>>;

/** More than the settings of any work need. */
const maxSettingsBytes = 2 ** 24;

/** Said of settings that several workers have agreed on, which bind before the first unit is finished. */
const sharedKey = "shared";

/** The settings in a store; undefined without any. @throws {FormatError} when they are damaged */
async function settingsIn(
  store: ZooStore,
  { caller, name }: SettingsFile,
): Promise<PlainSettings | undefined> {
  const bytes = await store.read(name);
  if (bytes === undefined) return undefined;
  const fail = (problem: string) =>
    new FormatError(
      `${caller}: ${name} in ${store.location} is damaged (it ${problem}); choose another folder`,
    );
  const kept = parseJson(bytes, { bytes: maxSettingsBytes, fail });
  if (typeof kept !== "object" || kept === null || Array.isArray(kept))
    throw fail("holds no settings");
  return kept as PlainSettings;
}

/** The settings under which the store's files were made; undefined when it holds none of them, or does not say. */
async function bindingSettings(
  store: ZooStore,
  file: SettingsFile,
  names: readonly string[],
): Promise<PlainSettings | undefined> {
  if (isBound(file, names)) return settingsIn(store, file);
  if (!names.includes(file.name)) return undefined;
  const kept = await settingsIn(store, file).catch((error: unknown) => {
    if (error instanceof FormatError) return undefined; // nothing was made under them
    throw error;
  });
  return kept?.[sharedKey] === true ? kept : undefined;
}

/** Whether some files were made under the settings. */
const isBound = ({ name, binds }: SettingsFile, names: readonly string[]): boolean =>
  names.some((each) => each !== name && binds(each));

/** The settings that a store with finished units is silent about, since an earlier version has begun it. */
const silentAbout = (
  file: SettingsFile,
  names: readonly string[],
  kept: PlainSettings | undefined,
): readonly string[] =>
  kept === undefined && !isBound(file, names)
    ? []
    : Object.keys(file.later ?? {}).filter((key) => kept === undefined || !(key in kept));

const plainly = (value: unknown): string => JSON.stringify(value) ?? "not said";

/** @throws {OptionError} naming the first setting that differs */
function checkSame(
  { location }: ZooStore,
  { caller, holds, later = {} }: SettingsFile,
  kept: PlainSettings,
  wanted: PlainSettings,
): void {
  const differing = Object.keys({ ...kept, ...wanted }).find(
    (key) =>
      key !== sharedKey &&
      !(key in later && !(key in kept)) &&
      JSON.stringify(kept[key]) !== JSON.stringify(wanted[key]),
  );
  if (differing === undefined) return;
  const [before, now] = [kept[differing], wanted[differing]];
  const said = Object.hasOwn(later, differing) ? later[differing](before, now) : undefined;
  throw new OptionError(
    `${caller}: ${location} holds ${holds} ${said ?? `with ${differing} ${plainly(before)}, got ${plainly(now)}; choose another folder or the same settings`}`,
  );
}

/**
 * Checks, without changing anything, that the settings are those under which the store's files were made.
 * @returns the settings that the store is silent about, since an earlier version has begun it
 * @throws {OptionError} naming the first difference; {FormatError} when the file of settings is damaged
 */
export async function checkKeptSettings(
  store: ZooStore,
  file: SettingsFile,
  wanted: PlainSettings,
): Promise<readonly string[]> {
  const names = await store.list();
  const kept = await bindingSettings(store, file, names);
  if (kept !== undefined) checkSame(store, file, kept, wanted);
  return silentAbout(file, names, kept);
}

/**
 * Keeps the settings beside the files that are about to be made under them.
 * @param isShared several workers begin at once without a lock: the first who comes decides, and its settings bind from then on
 * @throws {OptionError} when they are shared, and another worker has come with others
 */
export async function keepSettings(
  store: ZooStore,
  file: SettingsFile,
  settings: PlainSettings,
  isShared = false,
): Promise<void> {
  const encode = (value: PlainSettings) => new TextEncoder().encode(JSON.stringify(value, null, 2));
  const names = await store.list();
  const bound = await bindingSettings(store, file, names);
  // What the files of an earlier version were made with is not known, and not claimed afterwards.
  const unknown = silentAbout(file, names, bound);
  const known = Object.entries(settings).filter(([key]) => !unknown.includes(key));
  const value = { ...Object.fromEntries(known), ...(isShared && { [sharedKey]: true }) };
  if (isShared && (await store.create(file.name, encode(value)))) return;
  if (isShared) {
    const there = await settingsIn(store, file);
    if (there !== undefined) checkSame(store, file, there, settings);
    if (there?.[sharedKey] === true) return;
  } else if (bound?.[sharedKey] === true) return; // the same, as was checked
  await store.write(file.name, encode(value));
}
