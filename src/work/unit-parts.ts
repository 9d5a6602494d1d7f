// Parts of long work: one small file for every finished unit, with what was measured and without weights, that can be kept in
// a repository while the work goes on, and from which the next call takes what is finished.

import { blankChecksum, checksumHolds, withChecksum } from "../core/checksum.ts";
import { FormatError } from "../core/errors.ts";
import { parseJson } from "../core/json-limits.ts";
import type { ZooStore } from "../core/store.ts";
import { checkKeptSettings, keepSettings, type PlainSettings } from "./kept-settings.ts";
import { digestOf } from "./work-list.ts";

/** Bytes of the largest part. */
export const maxPartBytes = 200_000;

/** Why a part is not kept; `instead` says where its unit is. */
export const tooLargePart = (name: string, bytes: number, instead: string): string =>
  `${name} would have ${bytes} bytes, and parts have at most ${maxPartBytes}; ${instead}`;

/** An object as JSON that carries its own checksum. */
export const sealedJson = (value: object): Promise<Uint8Array<ArrayBuffer>> =>
  withChecksum(new TextEncoder().encode(JSON.stringify({ checksum: blankChecksum, ...value })));

/** More than any unit's file holds. */
const maxUnitBytes = 2 ** 28;

/** The object in the bytes of {@link sealedJson}; undefined when they are damaged or hold something else. */
export async function fromSealedJson(
  bytes: Uint8Array,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const fail = (problem: string) => new FormatError(problem);
    const value = parseJson(bytes, { bytes: maxUnitBytes, fail });
    if (typeof value !== "object" || value === null) return undefined;
    const { checksum } = value as { readonly checksum?: unknown };
    const isSound = typeof checksum === "string" && (await checksumHolds(bytes, checksum));
    return isSound ? (value as Record<string, unknown>) : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** A unit of one piece of work. */
export interface PartUnit {
  /** Unique in the work. */
  readonly name: string;
  /** What decides this unit besides the settings, as a digest. @default nothing */
  readonly origin?: string | undefined;
}

/** The finished units of one piece of work. */
export interface UnitParts<T> {
  /** What a unit measured: undefined when it is not finished, and when its part is damaged, which is told. */
  read(unit: PartUnit): Promise<T | undefined>;
  /** Keeps a finished unit, whole or not at all: false when it is too large, which is told. */
  keep(unit: PartUnit, value: T): Promise<boolean>;
}

/** What parts are of. */
export interface PartsOptions<T> {
  /** The command, for messages. */
  readonly caller: string;
  /** Everything that decides what units measure. */
  readonly settings: PlainSettings;
  /** What a unit measures, from what JSON holds; undefined for anything else. */
  readonly fromJson: (value: unknown) => T | undefined;
  /** Told what is wrong with a part. */
  readonly warn: (message: string) => void;
  /**
   * Whether the store is the work's own folder: units of any size and of other settings may stand beside each other there.
   * @default false
   */
  readonly isOwnFolder?: boolean;
}

/** The file of a command's settings beside its parts. */
export const partsSettings = (caller: string): string =>
  `${caller.replaceAll(" ", "-")}-settings.json`;

const partFormat = "weightspace/part@1";
const isPart = (name: string) => /-[0-9a-f]{16}\.json$/.test(name);

/**
 * Opens the parts in a store; nothing is written before the first unit is kept.
 * @throws {OptionError} when the store holds parts of other settings
 */
export async function openParts<T>(
  store: ZooStore,
  { caller, settings, fromJson, warn, isOwnFolder = false }: PartsOptions<T>,
): Promise<UnitParts<T>> {
  const file = {
    caller,
    name: partsSettings(caller),
    holds: "parts",
    binds: isPart,
  };
  let isChecked = isOwnFolder;
  if (!isOwnFolder) await checkKeptSettings(store, file, settings);
  const identify = async (unit: PartUnit) => {
    const digest = await digestOf({ caller, settings, unit });
    const name = unit.name.replaceAll(/[^\w.-]/g, "-");
    return { digest, name: `${name}-${digest.slice(0, 16)}.json` };
  };
  return {
    read: async (unit) => {
      const { digest, name } = await identify(unit);
      const bytes = await store.read(name);
      if (bytes === undefined) return undefined;
      const part = await fromSealedJson(bytes);
      const isOfUnit = part?.["format"] === partFormat && part["digest"] === digest;
      const value = isOfUnit ? fromJson(part["value"]) : undefined;
      if (value !== undefined) return value;
      warn(`${name} in ${store.location} is damaged; it is made anew`);
      return undefined;
    },
    keep: async (unit, value) => {
      const { digest, name } = await identify(unit);
      const bytes = await sealedJson({ format: partFormat, digest, unit: unit.name, value });
      if (bytes.length > maxPartBytes && !isOwnFolder) {
        warn(tooLargePart(name, bytes.length, "it is not kept there"));
        return false;
      }
      if (!isChecked) await keepSettings(store, file, settings);
      isChecked = true;
      await store.write(name, bytes);
      return true;
    },
  };
}
