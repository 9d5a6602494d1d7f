// The page of families and conversions is that of the code.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { conversionKinds } from "../../src/compare/conversions/conversion-words.ts";
import { families } from "../../src/infer/names/registry.ts";

const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

test("docs/names.md is made from the code: run `npm run docs` after a change", async () => {
  const script: { namesPage: () => string } = await import(file("scripts/docs/names-reference.js"));
  const written = readFileSync(file("docs/names.md"), "utf8");
  expect(written).toBe(script.namesPage());
  for (const name of [...families(), ...conversionKinds])
    expect(written).toContain(`| \`${name}\` |`);
});
