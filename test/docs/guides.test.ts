// Every TypeScript and shell block of the README and the guide runs, and prints what the page says it prints.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { blocksOf, markdownFiles, readPage, root } from "./pages.ts";
import { commandsOf, runPage, withoutDecimals } from "./run-page.ts";

const pages = ["README.md", ...markdownFiles("docs/guide")];

afterAll(() => rm(join(root, "test/docs/.generated"), { recursive: true, force: true }));

test.each(pages)("every block of %s runs and prints what it shows", async (page) => {
  expect(await runPage(page)).toBeGreaterThan(0);
});

describe("the runner itself", () => {
  test("reads commands with comments, quotes and continued lines", () => {
    const text = 'npm ci\nnpx weightspace a --b "c d" # why\nnpx weightspace e \\\n  --f';
    expect(commandsOf(text)).toEqual([
      ["a", "--b", "c d"],
      ["e", "--f"],
    ]);
  });
  test("masks decimals but not whole numbers", () => {
    expect(withoutDecimals("tau 0.25 of 12, 9.7e-8")).toBe("tau # of 12, #");
  });
  test("finds the blocks of a page by language", () => {
    const fence = "```";
    const [block] = blocksOf(`a\n${fence}ts\nconst x = 1;\n${fence}\n`);
    expect(block).toEqual({ language: "ts", text: "const x = 1;", line: 2 });
  });
  test("knows the Python blocks it skips", () => {
    const page = readPage("docs/guide/from-export-to-functional.md");
    expect(blocksOf(page).some(({ language }) => language === "python")).toBe(true);
  });
});
