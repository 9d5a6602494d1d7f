// Tables that are written into pages of docs from committed figures, each between two comments.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../sources.js";

/** Figures of a file of the project; undefined where there is none. */
export function readFigures(path) {
  const file = join(root, path);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

export const table = (head, rows) =>
  [head, head.map((_, i) => (i === 0 ? "---" : "---:")), ...rows]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");

export const digits = (value, count = 2) => Number(value.toPrecision(count)).toString();

/** A page with the lines of a part between its comments. */
export function withPart(path, text, name, lines) {
  const [begin, end] = [`<!-- measured: ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${path} lacks ${begin} or ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${lines.join("\n")}\n\n${text.slice(to)}`;
}
