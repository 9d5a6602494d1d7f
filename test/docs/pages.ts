// Reads the documentation: Markdown files, their fenced blocks, their headings and links.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Block {
  /** `ts`, `sh`, `python`, `text`, ... */
  readonly language: string;
  readonly text: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
}

/** Every Markdown file under a folder, or the file itself, as paths from the root. */
export function markdownFiles(path: string): string[] {
  if (path.endsWith(".md")) return [path];
  return readdirSync(join(root, path), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${path}/${name.replaceAll("\\", "/")}`)
    .sort();
}

export function readPage(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The fenced blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  const lines = page.split("\n");
  const blocks: Block[] = [];
  let open: { language: string; line: number } | undefined;
  for (const [i, text] of lines.entries()) {
    const fence = /^```(\w*)\s*$/.exec(text);
    if (fence === null) continue;
    if (open === undefined) open = { language: fence[1], line: i + 1 };
    else {
      blocks.push({ ...open, text: lines.slice(open.line, i).join("\n") });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`the block of line ${open.line} is never closed`);
  return blocks;
}

/** The text outside fenced blocks and inline code. */
export function prose(page: string): string {
  return page.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
}

/** Targets of links and images. */
export function linksOf(page: string): string[] {
  const markdown = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)];
  const html = [...prose(page).matchAll(/(?:src|href|srcset)="([^"]+)"/g)];
  return [...markdown, ...html].map((match) => match[1]);
}

/** The anchors a page offers, as GitHub derives them from headings. */
export function anchorsOf(page: string): Set<string> {
  const headings = page.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    [...headings].map(([, title]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** Cells of all tables of a page, without the spaces that format them. */
export const tablesOf = (page: string): string[][] =>
  page
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^[|\s:-]+$/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()));
