// Checks that no source file outgrows one screenful of purpose: at most 250 lines, exceptions listed with a reason.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { conclude, root, sourceFiles } from "./sources.js";

export const lineLimit = 250;
const folders = ["src", "test", "scripts", "bench", "examples", "bin"];

/** Files that may be longer: path -> why. */
const exceptions = new Map([]);

/** What is wrong with the length or the opening of one file, as lines of text. */
export function sizeProblems(path, text) {
  const problems = [];
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  if (lines > lineLimit && !exceptions.has(path)) {
    problems.push(`${path}: ${lines} lines, at most ${lineLimit}; split it by purpose`);
  }
  if (!/^(#![^\n]*\n)?(\/\/|\/\*)/.test(text) && /^(src|scripts)\//.test(path)) {
    problems.push(`${path}: must open with a comment that says what it is`);
  }
  return problems;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const files = folders.flatMap((folder) => sourceFiles(folder));
  const problems = files.flatMap((path) =>
    sizeProblems(path, readFileSync(join(root, path), "utf8")),
  );
  for (const path of exceptions.keys()) {
    if (!files.includes(path)) problems.push(`${path}: listed as an exception but does not exist`);
  }
  conclude("check-size", files.length, problems);
}
