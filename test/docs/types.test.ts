// The TypeScript of the README and the guide passes the compiler under the house's options, page by page.

import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { blocksOf, markdownFiles, readPage, root } from "./pages.ts";

const folder = join(root, "test/docs/.generated/types");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the compiler says about modules, by file name. */
function compile(modules: Readonly<Record<string, string>>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(modules)) writeFileSync(join(folder, name), text);
  const config = { extends: "../../../../tsconfig.test.json", files: Object.keys(modules) };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ ...config, include: [] }));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  return stdout + stderr;
}

test("every page compiles", () => {
  const pages = ["README.md", ...markdownFiles("docs/guide")].map((page) => {
    const blocks = blocksOf(readPage(page)).filter(({ language }) => language === "ts");
    const text = blocks.map((block) => block.text).join("\n");
    return [`${page.replaceAll(/\W+/g, "-")}.ts`, `${text}\nexport {};\n`] as const;
  });
  expect(compile(Object.fromEntries(pages))).toBe("");
});

test("a wrong type is noticed", () => {
  const text = 'import { mlpSpec } from "weightspace";\nmlpSpec("wide");\n';
  expect(compile({ "control.ts": text })).toMatch(/control\.ts\(2,9\)/);
});
