// The glossary is the dictionary: every function and value that the library exports appears in it, and it names nothing else as one.

import { describe, expect, test } from "vitest";
import { specFromJSON, specToJSON } from "../../src/index.ts";
import { blocksOf, readPage } from "./pages.ts";

interface Entry {
  readonly name: string;
  readonly isType: boolean;
}
const { publicSurface } = (await import(
  new URL("../../scripts/support/public-surface.js", import.meta.url).href
)) as { publicSurface: () => Entry[] };

const glossary = readPage("docs/glossary.md");
const inCode = new Set([...glossary.matchAll(/`([A-Za-z]\w*)`/g)].map(([, name]) => name));
const surface = publicSurface();
const names = new Set(surface.map(({ name }) => name));
const values = new Set(surface.filter(({ isType }) => !isType).map(({ name }) => name));

describe("docs/glossary.md", () => {
  test("has an entry or a mention of every exported function and value", () => {
    expect([...values].filter((name) => !inCode.has(name))).toEqual([]);
    expect(values).toContain("defineSpec");
    expect(values).not.toContain("SymmetrySpec");
    expect(values.size).toBeGreaterThan(80);
  });
  test("lists every name under `weightspace` that exists", () => {
    const table = glossary.split("\n").filter((line) => line.startsWith("| `"));
    const listed = table.flatMap((line) => [...line.split("|")[1].matchAll(/`([A-Za-z]\w*)`/g)]);
    expect(listed.map(([, name]) => name).filter((name) => !names.has(name))).toEqual([]);
  });
});

test("the example of docs/spec-format.md is a spec and reads back to itself", () => {
  const block = blocksOf(readPage("docs/spec-format.md")).find(
    ({ language }) => language === "json",
  );
  const value: unknown = JSON.parse(block?.text ?? "null");
  const spec = specFromJSON(value);
  expect(specToJSON(spec)).toEqual(value);
  expect(spec.warnings).toEqual([]);
});
