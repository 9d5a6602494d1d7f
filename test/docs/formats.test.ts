// The table of formats is that of the readers: the page is current, and what it says of a format holds.

import { expect, test } from "vitest";
import { ggufTypes } from "../../src/formats/gguf/gguf-types.ts";
import { knownFormats } from "../../src/formats/known-formats.ts";
import { quantisedTypes, torchTypes } from "../../src/formats/pytorch/pytorch-types.ts";
import { readPage } from "./pages.ts";

const { formatsPage } = (await import(
  new URL("../../scripts/docs/format-tables.js", import.meta.url).href
)) as { formatsPage: () => string };

test("docs/formats.md is what `npm run docs` makes of the readers", () => {
  expect(readPage("docs/formats.md")).toBe(formatsPage());
});

test("every format and every number format of the readers is on the page", () => {
  const page = readPage("docs/formats.md");
  const names = [
    ...knownFormats.filter(({ toldBy }) => toldBy !== "").map(({ name }) => name),
    ...torchTypes.map(({ name }) => name),
    ...[...quantisedTypes.values()].map(({ name }) => name),
    ...[...ggufTypes.values()].map(({ name }) => name),
  ];
  expect(names.length).toBeGreaterThan(60);
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  // Control: a name that no reader has is not there.
  expect(page).not.toContain("`Q9_K`");
});
