// Runs the blocks of a page as a reader would, from top to bottom in one empty folder: `ts` blocks as one module, the
// `npx weightspace` lines of `sh` blocks as child processes. A `text` block right after one of them is its output.

import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, vi } from "vitest";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { type Block, blocksOf, readPage, root } from "./pages.ts";

/** Modules made of pages; ignored by git. */
export const generated = join(root, "test/docs/.generated/pages");
/** Files that pages may use, by their bare names and by their paths in the repository. */
const givenFolders = ["test/fixtures/models", "docs/guide/files"];
const hook = "runBlock";
let serial = 0;

/** Numbers that differ between machines in their last digits are compared by place only. */
export function withoutDecimals(text: string): string {
  return text
    .replaceAll(/-?\d+\.\d+(e[+-]?\d+)?/g, "#")
    .replaceAll(/\d+e[+-]\d+/g, "#")
    .replaceAll(/-{2,}/g, "--")
    .replaceAll(/\d+ networks\/s/g, "# networks/s")
    .replaceAll(/ {2,}/g, "  ")
    .trimEnd();
}

interface PageCommand {
  readonly args: readonly string[];
  /** What it exits with: 0, or n after a comment `# exit code n`. */
  readonly exitCode: number;
}

/** The `npx weightspace` lines; a backslash at the end continues a line. */
export function commandsOf(text: string): PageCommand[] {
  return text
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.startsWith("npx weightspace"))
    .map((line) => {
      const [, code] = /\s#.*exit code (\d+)/.exec(line) ?? [];
      const words = line.replace(/\s+#.*$/, "").matchAll(/"([^"]*)"|(\S+)/g);
      const args = [...words].map(([, quoted, bare]) => quoted ?? bare).slice(2);
      return { args, exitCode: Number(code ?? 0) };
    });
}

async function runCommands(text: string, folder: string): Promise<string> {
  let printed = "";
  for (const { args, exitCode } of commandsOf(text)) {
    const redirect = args.indexOf(">");
    const given = redirect === -1 ? args : args.slice(0, redirect);
    const { code, stdout, stderr } = await weightspace(given, folder);
    if (code !== exitCode)
      throw new Error(`weightspace ${given.join(" ")} failed (${code}): ${stderr}`);
    if (redirect === -1) printed += stdout;
    else await writeFile(join(folder, args[redirect + 1]), stdout);
  }
  return printed;
}

/** One module: the page's `ts` blocks, and a call of the hook wherever a block ends. */
function moduleOf(blocks: readonly Block[]): string {
  const body = blocks.map(({ language, text }, i) => {
    const call = `await globalThis[${JSON.stringify(hook)}](${i});`;
    return language === "ts" ? `${text}\n${call}` : call;
  });
  return ["// @ts-nocheck", ...body, "export {};", ""].join("\n");
}

/** Runs a page and checks the outputs it shows; gives the number of blocks that ran. */
export async function runPage(path: string, page = readPage(path)): Promise<number> {
  const blocks = blocksOf(page).filter(({ language }) => ["ts", "sh", "text"].includes(language));
  const before = process.cwd();
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  let output = "";
  const globals = globalThis as Record<string, unknown>;
  try {
    return await inTemporaryFolder(async (folder) => {
      for (const given of givenFolders) {
        await mkdir(join(folder, given), { recursive: true });
        for (const name of await readdir(join(root, given))) {
          await copyFile(join(root, given, name), join(folder, name));
          await copyFile(join(root, given, name), join(folder, given, name));
        }
      }
      process.chdir(folder);
      globals[hook] = async (at: number) => {
        const { language, text, line } = blocks[at];
        if (language === "sh") output = await runCommands(text, folder);
        else if (language === "ts") {
          output = log.mock.calls.map((call) => call.map(String).join(" ")).join("\n");
          log.mockClear();
        } else expect(withoutDecimals(output), `${path}:${line}`).toBe(withoutDecimals(text));
      };
      await mkdir(generated, { recursive: true });
      const name = `${path.replaceAll(/\W+/g, "-")}-${process.pid}-${serial++}.ts`;
      await writeFile(join(generated, name), moduleOf(blocks));
      await import(pathToFileURL(join(generated, name)).href);
      process.chdir(before);
      return blocks.filter(({ language }) => language !== "text").length;
    });
  } finally {
    process.chdir(before);
    delete globals[hook];
    log.mockRestore();
  }
}
