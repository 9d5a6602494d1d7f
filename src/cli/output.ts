// What commands print: results on standard output, as text or with --json as JSON; everything else on standard error.

import Table from "cli-table3";

/** A table for terminals, first column left, numbers right; plain lines that also read well in a log. */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 ? "left" : "right")),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
    chars: {
      top: "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      bottom: "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      left: "",
      "left-mid": "",
      mid: "",
      "mid-mid": "",
      right: "",
      "right-mid": "",
      middle: "",
    },
  });
  table.push(...rows.map((row) => row.map(String)));
  const lines = table.toString().split("\n");
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** `1 seed`, `3 seeds`. */
export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;

export interface Output {
  /** The result of a command: `value` as JSON under --json, else the text. Print once. */
  result(value: unknown, text: () => string): void;
  /** A remark for people, on standard error; nothing under --json. */
  note(text: string): void;
}

/** An output that asks at every call whether --json is on; numbers JSON cannot hold become null. */
export function output(isJson: () => boolean): Output {
  return {
    result(value, text) {
      process.stdout.write(isJson() ? `${JSON.stringify(value, null, 2)}\n` : `${text()}\n`);
    },
    note(text) {
      if (!isJson()) process.stderr.write(`${text}\n`);
    },
  };
}
