// Tables of measurements as Markdown files, with the command that makes them and the machine they were made on.

import { writeFileSync } from "node:fs";
import { breakAtSentences } from "../markdown-lines.js";

/** An axis in short: `S_9 positive`, `GL_4 in S_2`. `within` is an axis again. */
export const axesText = ({ size, group, scale, within }) => {
  const letter = group === "general-linear" ? "GL" : group === "fixed" ? "fixed" : "S";
  const own = `${letter}_${size}${scale ? ` ${scale}` : ""}`;
  return within ? `${own} in ${axesText(within)}` : own;
};

/** Texts with how often each stands there: `2 x S_9, GL_4 in S_2`. */
export const counted = (list) =>
  [...new Set(list)]
    .map((each) => {
      const count = list.filter((other) => other === each).length;
      return count === 1 ? each : `${count} x ${each}`;
    })
    .join(", ");

export { machine } from "../../dist/cli/app/build-info.js";

/** A Markdown table. A column is `[title, cell, "right" for numbers]`. */
export function markdownTable(columns, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const cell = (value) => String(value).replaceAll("|", "\\|").replaceAll("\n", " ");
  return [
    line(columns.map(([title]) => title)),
    `|${columns.map(([, , side]) => (side === "right" ? "---:" : "---")).join("|")}|`,
    ...rows.map((row) => line(columns.map(([, value]) => cell(value(row))))),
  ].join("\n");
}

/** Writes a page with a title, the command that repeats it, notes and a table. */
export function writeResult(path, { title, command, notes, table }) {
  const text = [`# ${title}`, `    ${command}`, ...notes, table].join("\n\n");
  writeFileSync(path, breakAtSentences(`${text}\n`));
}
