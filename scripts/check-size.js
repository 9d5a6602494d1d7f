// Checks that files, functions and folders stay small: at most 400 lines a file, 60 lines a function, 20 files in a
// folder without its sub-folders.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { conclude, root, sourceFiles } from "./sources.js";

export const lineLimit = 400;
export const functionLimit = 60;
export const folderLimit = 20;
const folders = ["src", "test", "scripts", "bench", "examples", "experiments", "bin", "page"];

/** What is wrong with the length or the opening of one file, as lines of text. */
export function sizeProblems(path, text) {
  const problems = [];
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  if (lines > lineLimit) {
    problems.push(`${path}: ${lines} lines, at most ${lineLimit}; split it by purpose`);
  }
  if (!/^(#![^\n]*\n)?(\/\/|\/\*)/.test(text) && /^(src|scripts|page)\//.test(path)) {
    problems.push(`${path}: must open with a comment that says what it is`);
  }
  return problems;
}

/** Folders that hold too many of `paths` themselves, as lines of text. */
export function folderProblems(paths) {
  const counts = new Map();
  for (const path of paths) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > folderLimit)
    .map(
      ([folder, count]) =>
        `${folder}: ${count} files, at most ${folderLimit}; divide it by purpose`,
    );
}

/** What is wrong with the lengths of functions, as lines of text. `found` maps a file to those over the limit. */
export function functionProblems(found) {
  return Object.entries(found).flatMap(([path, lengths]) =>
    lengths.map(
      (length) =>
        `${path}: a function of ${length} lines, at most ${functionLimit}; split it by purpose`,
    ),
  );
}

/** Lengths of all functions over the limit: `{ path: [lines, ...] }`, in falling order. */
export function longFunctions(limit = functionLimit) {
  const folder = mkdtempSync(join(tmpdir(), "check-size-"));
  try {
    const config = join(folder, "oxlint.json");
    const rule = ["error", { max: limit }];
    writeFileSync(
      config,
      JSON.stringify({
        plugins: [],
        categories: { correctness: "off" },
        rules: { "max-lines-per-function": rule },
      }),
    );
    const oxlint = join(root, "node_modules", ".bin", "oxlint");
    const args = [
      "-c",
      config,
      "--format",
      "json",
      "src",
      "scripts",
      "bench",
      "bin",
      "examples",
      "experiments",
      "page",
    ];
    const shell = process.platform === "win32";
    const { stdout } = spawnSync(oxlint, args, { cwd: root, encoding: "utf8", shell });
    return lengthsIn(JSON.parse(stdout).diagnostics);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function lengthsIn(diagnostics) {
  const found = {};
  for (const { filename, message } of diagnostics) {
    const length = Number(/too many lines \((\d+)\)/.exec(message)?.[1]);
    if (!Number.isFinite(length)) throw new Error(`check-size: cannot read: ${message}`);
    (found[filename.replaceAll("\\", "/")] ??= []).push(length);
  }
  return Object.fromEntries(
    Object.entries(found)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, lengths]) => [path, lengths.sort((a, b) => b - a)]),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const files = folders.flatMap((folder) => sourceFiles(folder));
  const problems = files.flatMap((path) =>
    sizeProblems(path, readFileSync(join(root, path), "utf8")),
  );
  conclude("check-size", files.length, [
    ...problems,
    ...folderProblems(files),
    ...functionProblems(longFunctions()),
  ]);
}
