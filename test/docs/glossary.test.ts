// The glossary is the dictionary: every name that the library exports appears in it, and it names nothing else as one.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as library from "../../src/index.ts";
import * as checkers from "../../src/testing/index.ts";
import { readPage, root } from "./pages.ts";

const glossary = readPage("docs/glossary.md");
const inCode = new Set([...glossary.matchAll(/`([A-Za-z]\w*)`/g)].map(([, name]) => name));

/** Names in the export lists of a file, types included. */
function exportedNames(path: string): string[] {
  const text = readFileSync(join(root, path), "utf8").replaceAll(/\/\/[^\n]*/g, "");
  return [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) =>
    list
      .split(",")
      .map((name) => name.replace(/^\s*type\s+/, "").trim())
      .filter((name) => name !== ""),
  );
}

const types = [...exportedNames("src/index.ts"), ...exportedNames("src/testing/index.ts")];
const names = [...new Set([...types, ...Object.keys(library), ...Object.keys(checkers)])].sort();

describe("docs/glossary.md", () => {
  test("has an entry or a mention of every exported name", () => {
    expect(names.filter((name) => !inCode.has(name))).toEqual([]);
  });
  test("sees types as well as values", () => {
    expect(names).toContain("SymmetrySpec");
    expect(names).toContain("defineSpec");
    expect(names).toContain("SpecError");
    expect(names.length).toBeGreaterThan(100);
  });
  test("lists every name under `weightspace` that exists", () => {
    const table = glossary.split("\n").filter((line) => line.startsWith("| `"));
    const listed = table.flatMap((line) => [...line.split("|")[1].matchAll(/`([A-Za-z]\w*)`/g)]);
    expect(listed.map(([, name]) => name).filter((name) => !names.includes(name))).toEqual([]);
  });
});
