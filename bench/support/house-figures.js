// Figures of the house, of this checkout or of another one: `node bench/support/house-figures.js [folder]`. Lines, long functions,
// full folders, circles of imports; docs/decisions/24-the-house-in-figures.md compares two versions.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { circleProblems } from "../../scripts/check-layers.js";
import { functionLimit } from "../../scripts/check-size.js";
import { root, sourceFiles } from "../../scripts/sources.js";

const folder = resolve(process.argv[2] ?? root);
const files = sourceFiles("src", folder);
const texts = Object.fromEntries(
  files.map((path) => [path, readFileSync(join(folder, path), "utf8")]),
);
const countLines = (text) => text.split("\n").length - (text.endsWith("\n") ? 1 : 0);

/** Lengths of functions over the limit, in falling order. */
function longFunctions() {
  const scratch = mkdtempSync(join(tmpdir(), "house-figures-"));
  try {
    const config = join(scratch, "oxlint.json");
    const rules = { "max-lines-per-function": ["error", { max: functionLimit }] };
    const none = { plugins: [], categories: { correctness: "off" }, rules };
    writeFileSync(config, JSON.stringify(none));
    const args = ["-c", config, "--format", "json", "src"];
    const oxlint = join(root, "node_modules", ".bin", "oxlint");
    const shell = process.platform === "win32";
    const { stdout } = spawnSync(oxlint, args, { cwd: folder, encoding: "utf8", shell });
    return JSON.parse(stdout)
      .diagnostics.map(({ message }) => Number(/too many lines \((\d+)\)/.exec(message)[1]))
      .sort((a, b) => b - a);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** Files of each folder itself, without its sub-folders. */
function folderSizes() {
  const counts = new Map();
  for (const path of files) {
    const own = path.slice(0, path.lastIndexOf("/"));
    counts.set(own, (counts.get(own) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

const long = longFunctions();
const [[fullest, most]] = folderSizes();
const lines = Object.values(texts).map(countLines);
const circles = circleProblems(texts);
const rows = [
  ["files of src", files.length],
  ["lines of src", lines.reduce((sum, n) => sum + n, 0)],
  ["lines of the longest file", Math.max(...lines)],
  [`functions over ${functionLimit} lines`, `${long.length}, the longest ${long[0] ?? "-"}`],
  ["files in the largest flat folder", `${most} (${fullest})`],
  ["circles of imports, types included", circles.length],
];
for (const [name, value] of rows) console.log(`${name.padEnd(36)} ${value}`);
for (const circle of circles) console.log(`  ${circle}`);
