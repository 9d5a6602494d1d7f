// Lists the source files that the house checks look at.

import { readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Source files below a folder of the repository, as `a/b.ts` paths from the root, sorted. */
export function sourceFiles(folder, from = root) {
  let entries;
  try {
    entries = readdirSync(join(from, folder), { recursive: true, withFileTypes: true });
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
  return entries
    .filter((entry) => entry.isFile() && /\.(ts|tsx|js|mjs)$/.test(entry.name))
    .map((entry) => relative(from, join(entry.parentPath ?? entry.path, entry.name)))
    .map((path) => path.split(sep).join("/"))
    .filter((path) => !/(^|\/)(node_modules|dist)\//.test(path))
    .sort();
}

/** Prints problems and ends the process: 1 with problems or with nothing looked at, 0 otherwise. */
export function conclude(name, looked, problems) {
  for (const problem of problems) console.error(problem);
  if (looked === 0) console.error(`${name}: looked at no files; is it run in the right place?`);
  else if (problems.length === 0) console.log(`${looked} files`);
  process.exit(looked === 0 || problems.length > 0 ? 1 : 0);
}
