// Tables and the picture of the generalisation experiments, and what pages say of them, follow from the committed results.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { readPage, root, tablesOf } from "./pages.ts";

interface Pages {
  readonly readmePage: () => string;
  readonly guidePage: () => string;
  readonly gainsPicture: () => string;
}

const scripts: Pages = await import(
  pathToFileURL(join(root, "scripts/docs/generalization-tables.js")).href
);

test.each([
  ["README.md", scripts.readmePage],
  ["docs/guide/predict-generalisation.md", scripts.guidePage],
])("%s shows the tables that the results give", (path, pageOf) => {
  const shown = tablesOf(readPage(path));
  expect(shown.flat()).toContain("`network-probes`");
  expect(shown).toEqual(tablesOf(pageOf()));
  expect(tablesOf(readPage(path).replace("± 0.0", "± 0.1"))).not.toEqual(shown); // control: a digit changed
});

test("the picture is the one that the results make", () => {
  const drawn = readFileSync(join(root, "docs/images/generalization.svg"), "utf8");
  expect(drawn).toBe(scripts.gainsPicture());
});
