// The table of operators in the documentation is what the code follows.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { operatorFamilies } from "../../src/infer/ops/registry.ts";

const page = readFileSync(new URL("../../docs/operators.md", import.meta.url), "utf8");

test("docs/operators.md lists every operator that is followed and no other; made by npm run operators", () => {
  const rows = page.split("\n").filter((line) => /^\| (standard|`)/.test(line));
  const listed = rows.map((row) => {
    const [, domain, family, names] = row.split("|").map((cell) => cell.trim());
    const found = [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
    return {
      domain: domain === "standard" ? "" : domain.replaceAll("`", ""),
      family,
      names: found,
    };
  });
  expect(listed).toEqual(operatorFamilies);
  // The control: a page without one of them is told.
  const shorter = listed.map(({ names, ...rest }, i) => ({
    ...rest,
    names: i === 0 ? names.slice(1) : names,
  }));
  expect(shorter).not.toEqual(operatorFamilies);
});
