// The glossary is the dictionary: every name that the library exports appears in it, and it names nothing else as one.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import * as library from "../../src/index.ts";
import * as checkers from "../../src/testing/index.ts";
import { blocksOf, readPage, root } from "./pages.ts";

const glossary = readPage("docs/glossary.md");
const inCode = new Set([...glossary.matchAll(/`([A-Za-z]\w*)`/g)].map(([, name]) => name));

/** Names that a file exports, types included; files it passes on as a whole are followed. */
function exportedNames(path: string): string[] {
  const text = readFileSync(join(root, path), "utf8").replaceAll(/\/\/[^\n]*/g, "");
  const lists = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list]) =>
    list
      .split(",")
      .map((name) => name.replace(/^\s*type\s+/, "").trim())
      .filter((name) => name !== ""),
  );
  const declared = [...text.matchAll(/^export (?:class|interface|type|const|function) (\w+)/gm)];
  const followed = [...text.matchAll(/export \* from "([^"]+)"/g)].flatMap(([, target]) =>
    exportedNames(join(dirname(path), target)),
  );
  return [...lists, ...declared.map(([, name]) => name), ...followed];
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
    expect(names).toEqual(expect.arrayContaining(["SpecError", "SpecProblem"]));
    expect(names.length).toBeGreaterThan(100);
  });
  test("lists every name under `weightspace` that exists", () => {
    const table = glossary.split("\n").filter((line) => line.startsWith("| `"));
    const listed = table.flatMap((line) => [...line.split("|")[1].matchAll(/`([A-Za-z]\w*)`/g)]);
    expect(listed.map(([, name]) => name).filter((name) => !names.includes(name))).toEqual([]);
  });
});

test("the example of docs/spec-format.md is a spec and reads back to itself", () => {
  const block = blocksOf(readPage("docs/spec-format.md")).find(
    ({ language }) => language === "json",
  );
  const value: unknown = JSON.parse(block?.text ?? "null");
  const spec = library.specFromJSON(value);
  expect(library.specToJSON(spec)).toEqual(value);
  expect(spec.warnings).toEqual([]);
});
