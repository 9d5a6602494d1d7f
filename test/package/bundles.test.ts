// Every subpath that promises to run in a browser bundles for one, with esbuild and with Vite, without a warning and within
// its budget.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { root } from "../docs/pages.ts";

interface Bundles {
  browserSubpaths: () => { subpath: string; file: string }[];
  budgets: () => Record<string, number>;
  bundleWithEsbuild: (file: string) => Promise<{ warnings: string[]; bytes: number }>;
  bundleWithVite: (file: string, folder: string) => Promise<{ warnings: string[] }>;
}

const { browserSubpaths, budgets, bundleWithEsbuild, bundleWithVite } = (await import(
  new URL("../../scripts/bundles.js", import.meta.url).href
)) as Bundles;
const folder = mkdtempSync(join(root, "dist", "bundles-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A module of our own that breaks the promise. */
function moduleWith(name: string, text: string): string {
  writeFileSync(join(folder, `${name}.js`), text);
  return join(folder, `${name}.d.ts`).slice(root.length);
}

describe.each(browserSubpaths())("$subpath", ({ subpath, file }) => {
  test("bundles with esbuild without a warning, within its budget", async () => {
    const { warnings, bytes } = await bundleWithEsbuild(file);
    expect(warnings).toEqual([]);
    expect(bytes).toBeLessThanOrEqual(budgets()[subpath] ?? 0);
  });
  test("bundles with Vite without a warning", async () => {
    expect((await bundleWithVite(file, join(folder, "vite"))).warnings).toEqual([]);
  });
});

test("every browser subpath has a budget, and nothing else has one", () => {
  expect(Object.keys(budgets()).sort()).toEqual(
    browserSubpaths()
      .map(({ subpath }) => subpath)
      .sort(),
  );
});

test("a module that needs Node is noticed by both", async () => {
  const file = moduleWith("node", 'import { readFileSync } from "node:fs"; readFileSync("x");');
  await expect(bundleWithEsbuild(file)).rejects.toThrow("node:fs");
  const noticed = await bundleWithVite(file, join(folder, "control")).then(
    ({ warnings }) => warnings.join(),
    (error: Error) => error.message,
  );
  expect(noticed).toMatch(/node:fs|readFileSync/);
});
