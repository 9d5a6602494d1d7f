// The public surface: every type that a public declaration names can be imported, and the API reference is current.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readPage, root } from "../docs/pages.ts";

interface Entry {
  readonly subpath: string;
  readonly name: string;
  readonly file: string;
  readonly source: string;
  readonly isType: boolean;
  readonly doc: string;
  readonly declaration: string;
}
interface Surface {
  publicSurface: () => Entry[];
  missingTypes: (surface?: readonly Entry[]) => { type: string; file: string; user: string }[];
}

const load = async (path: string): Promise<unknown> =>
  import(new URL(`../../scripts/${path}`, import.meta.url).href);
const { publicSurface, missingTypes } = (await load("support/public-surface.js")) as Surface;
const { referencePages } = (await load("docs/api-reference.js")) as {
  referencePages: (surface?: readonly Entry[]) => Record<string, string>;
};
const surface = publicSurface();

test("every type that a public declaration names is exported by a subpath", () => {
  expect(missingTypes(surface)).toEqual([]);
  const without = surface.filter(({ name }) => name !== "Executor");
  expect(missingTypes(without).map(({ type }) => type)).toEqual(["Executor"]);
});

test("a name means the same thing in every subpath that exports it, Node's own aside", () => {
  const meanings = new Map<string, Set<string>>();
  for (const { subpath, name, file, source } of surface)
    if (subpath !== "weightspace/node")
      meanings.set(name, (meanings.get(name) ?? new Set()).add(`${file}#${source}`));
  const twice = [...meanings].filter(([, places]) => places.size > 1).map(([name]) => name);
  expect(twice).toEqual([]);
});

test("every function and value has a doc comment", () => {
  const bare = surface.filter(({ isType, doc }) => !isType && doc === "");
  expect(bare.map(({ subpath, name }) => `${subpath}: ${name}`)).toEqual([]);
});

test("every type has a doc comment, but for options of functions and events, whose fields have theirs", () => {
  const isBare = ({ name, doc, isType }: Entry) =>
    isType && doc === "" && !/(Options|Event|Limits)$/.test(name);
  expect(surface.filter(isBare).map(({ name }) => name)).toEqual([]);
  expect(isBare({ ...surface[0], name: "Proof", doc: "", isType: true })).toBe(true); // control
});

test("docs/api is what `npm run docs` writes", () => {
  const pages = referencePages(surface);
  expect(readdirSync(join(root, "docs/api")).sort()).toEqual(Object.keys(pages).sort());
  for (const [name, text] of Object.entries(pages)) expect(readPage(`docs/api/${name}`)).toBe(text);
});
