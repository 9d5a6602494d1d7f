// What scripts that write files of results share: the shape that is checked, the machine, the version of the code.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { checkResultFile, resultText } from "../../dist/report/result-file.js";
import { root } from "../sources.js";

export { machine } from "../../dist/cli/app/build-info.js";

/** The commit of the code, `-dirty` behind it when files have changed since. */
export function commit() {
  const git = spawnSync("git", ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"], {
    cwd: root,
    encoding: "utf8",
  });
  return git.status === 0 ? git.stdout.trim() : "unknown";
}

/** Writes a file of results whole, or leaves the one that is there. */
export function writeResult(path, draft) {
  writeFileSync(`${path}.tmp`, resultText(draft, path));
  renameSync(`${path}.tmp`, path);
}

/** A file of results with these settings; undefined where there is none or it has others. */
export function readResult(path, settings) {
  if (!existsSync(path)) return undefined;
  const kept = checkResultFile(JSON.parse(readFileSync(path, "utf8")), path);
  return JSON.stringify(kept.about?.settings) === JSON.stringify(settings) ? kept : undefined;
}
