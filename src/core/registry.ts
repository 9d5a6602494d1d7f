// Open registries: entries by name, those of the package first, to which others may be added. One a kind and process; a name
// is taken once.

import { OptionError } from "./errors.ts";

export interface Registry<Entry> {
  /** @throws {OptionError} when the name is taken, or is not made of letters, digits, ".", "_", "-" and "/" */
  add(name: string, entry: Entry): void;
  get(name: string): Entry | undefined;
  has(name: string): boolean;
  /** Names in the order in which they were added. */
  names(): readonly string[];
  entries(): readonly Entry[];
}

const namePattern = /^[A-Za-z][\w./-]{0,99}$/;

/**
 * A registry of one kind of entry; `kind` is what messages call it, as in "model". Names that are reserved cannot be taken,
 * and are no entries.
 */
export function openRegistry<Entry>(
  kind: string,
  builtIn: Readonly<Record<string, Entry>> = {},
  reserved: readonly string[] = [],
): Registry<Entry> {
  const known = new Map(Object.entries(builtIn));
  return Object.freeze({
    add: (name: string, entry: Entry) => {
      if (typeof name !== "string" || !namePattern.test(name))
        throw new OptionError(
          `register: a ${kind} needs a name that begins with a letter and holds letters, digits, ".", "_", "-" and "/" only, got ${JSON.stringify(name) ?? "none"}`,
        );
      if (known.has(name) || reserved.includes(name))
        throw new OptionError(
          `register: there is a ${kind} "${name}" already; choose another name, or register it once`,
        );
      known.set(name, entry);
    },
    get: (name: string) => known.get(name),
    has: (name: string) => known.has(name),
    names: () => [...known.keys()],
    entries: () => [...known.values()],
  });
}

/** @throws {OptionError} naming the field when one of these is not a function. */
export function checkFunctions(kind: string, entry: object, fields: readonly string[]): void {
  const wrong = fields.find((field) => typeof Reflect.get(entry, field) !== "function");
  if (wrong === undefined) return;
  throw new OptionError(
    `register: ${kind} ${JSON.stringify(Reflect.get(entry, "name"))} expected a function "${wrong}"; see docs/guide/extending.md`,
  );
}
