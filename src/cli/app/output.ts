// What commands print: results on standard output, as text or with --json as JSON; everything else on standard error.

import Table from "cli-table3";
import { isColored, paint } from "./color.ts";
import { withoutFunctionNames } from "../../core/plain-message.ts";
import { visible, visibleJSON, visibleName } from "../../core/visible.ts";

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
  table.push(...rows.map((row) => row.map((cell) => visibleName(String(cell)))));
  const lines = table.toString().split("\n");
  return lines.map((line) => line.trimEnd()).join("\n");
}

/** Prints text on standard output or error; the only way by which text from files gets there. */
export function print(stream: "stdout" | "stderr", text: string): void {
  const shown = visible(text);
  process[stream].write(`${isColored(process[stream]) ? paint(shown) : shown}\n`);
}

/**
 * What an error says to a person; only lists of problems have several lines, and there every problem keeps to its own. The
 * functions it comes from are left to `--debug`.
 */
export function messageOf(error: {
  readonly message: string;
  readonly problems?: unknown;
}): string {
  const message = withoutFunctionNames(error.message);
  return error.problems === undefined ? visibleName(message) : message;
}

/** `1 seed`, `3 seeds`. */
export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;

export interface Output {
  /** The result of a command: `value` as JSON under --json, else the text. Print once. */
  result(value: unknown, text: () => string): void;
  /** The same on standard error, where standard output holds a file. */
  aside(value: unknown, text: () => string): void;
  /** A remark of one line for people, on standard error; nothing under --json. */
  note(text: string): void;
}

/** An output that asks at every call whether --json is on; numbers JSON cannot hold become null. */
export function output(isJson: () => boolean): Output {
  const printed = (value: unknown, text: () => string) =>
    isJson() ? visibleJSON(JSON.stringify(value, null, 2)) : text();
  return {
    result: (value, text) => print("stdout", printed(value, text)),
    aside: (value, text) => print("stderr", printed(value, text)),
    note(text) {
      if (!isJson()) print("stderr", visibleName(text));
    },
  };
}
