// The README's table and picture of the generalisation experiments are those of the committed results.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readPage, root } from "./pages.ts";

interface Generalization {
  generalizationTable(): string;
  generalizationFigure(): string;
}

const results = (await import(
  new URL("../../scripts/generalization.js", import.meta.url).href
)) as Generalization;

test("the README holds the table that the results make", () => {
  const table = results.generalizationTable();
  expect(table.split("\n").length).toBeGreaterThan(8);
  expect(readPage("README.md")).toContain(table);
  expect(readPage("README.md")).not.toContain(table.replace("0.", "1.")); // one digit changed
});

test("the picture is the one that the results make", () => {
  const drawn = readFileSync(join(root, "docs/images/generalization.svg"), "utf8");
  expect(drawn).toBe(results.generalizationFigure());
});
