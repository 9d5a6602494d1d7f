// Every TypeScript and shell block of the README and the guide runs, and prints what the page says it prints.

import { rm } from "node:fs/promises";
import { afterAll, describe, expect, test } from "vitest";
import { blocksOf, markdownFiles, readPage } from "./pages.ts";
import { commandsOf, generated, runPage, withoutDecimals } from "./run-page.ts";

/** A page of commands that serve until they are stopped: test/page runs them. */
const serving = "docs/guide/page.md";
const pages = ["README.md", ...markdownFiles("docs/guide")].filter((page) => page !== serving);

afterAll(() => rm(generated, { recursive: true, force: true }));

test.each(pages)("every block of %s runs and prints what it shows", async (page) => {
  expect(await runPage(page)).toBeGreaterThan(0);
});

describe("the runner itself", () => {
  const block = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\`\n`;
  test("runs blocks in order, with what earlier ones left", async () => {
    const page = block("ts", "const x = 2;\nconsole.log(x);") + block("text", "2");
    expect(await runPage("control", page + block("ts", "console.log(x + 1);"))).toBe(2);
  });
  test.each([
    ["a block that throws", block("ts", "throw new Error('broken block');"), /broken block/],
    ["another output than shown", block("ts", "console.log(2);") + block("text", "3"), /control:4/],
    ["a command that fails", block("sh", "npx weightspace symmetries none.onnx"), /failed \(1\)/],
    ["an unknown command", block("sh", "npx weightspace no-such-command"), /failed \(2\)/],
  ])("refuses %s", async (_, page, message) => {
    await expect(runPage("control", page)).rejects.toThrow(message);
  });
  test("reads commands with comments, quotes and continued lines", () => {
    const text = 'npm ci\nnpx weightspace a --b "c d" # why\nnpx weightspace e \\\n  --f';
    expect(commandsOf(text).map(({ args }) => args)).toEqual([
      ["a", "--b", "c d"],
      ["e", "--f"],
    ]);
    expect(commandsOf("npx weightspace a # says exit code 10")[0].exitCode).toBe(10);
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
