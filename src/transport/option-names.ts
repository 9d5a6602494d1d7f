// Options of distances: an object, and no names but those that a function reads, so that `n_projections` or weights given by
// place, as in Python, are not passed over in silence.

import { OptionError } from "../core/errors.ts";

export const slicedNames = ["a", "b", "nProjections", "p", "projections", "seed", "log"] as const;
export const treeNames = [
  "trees",
  "splitting",
  "order",
  "a",
  "b",
  "sobolev",
  "partial",
  "log",
] as const;

/** What Python's names are here. */
const renamed: Readonly<Record<string, string>> = { n_projections: "nProjections" };

/** @throws {OptionError} for what is no object, and for names that are not in the list */
export function checkOptions(caller: string, options: unknown, names: readonly string[]): void {
  const example = `expected an object with some of ${names.join(", ")}`;
  if (Array.isArray(options) || ArrayBuffer.isView(options))
    throw new OptionError(
      `${caller}: options is a list of ${(options as ArrayLike<unknown>).length}, ${example}; weights are given by name, { a, b }`,
    );
  if (typeof options !== "object" || options === null) {
    const shown = typeof options === "string" ? JSON.stringify(options) : String(options);
    throw new OptionError(`${caller}: options is ${shown}, ${example}`);
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const meant = renamed[unknown];
  throw new OptionError(
    `${caller}: there is no option ${JSON.stringify(unknown)}, ${meant !== undefined && names.includes(meant) ? `it is ${meant} here` : `expected ${names.join(", ")}`}`,
  );
}
