// Processes that may open few files at once: the loader of modules opens all that a file imports at the same time, more than a
// limit of 64 allows. Where the limit is low, modules are opened a few at a time.

import { readFileSync } from "node:fs";
import { register } from "node:module";

/** With so many handles or more nothing has to be done. */
const enough = 512;

/** How many files this process may have open; undefined where the system does not say it in a file. */
function mostOpen(): number | undefined {
  let limits: string;
  try {
    limits = readFileSync("/proc/self/limits", "utf8");
  } catch {
    return undefined;
  }
  const found = /^Max open files\s+(\d+)/m.exec(limits);
  return found === null ? undefined : Number(found[1]);
}

/** Has modules that are imported from now on loaded a few at a time, where handles are few. */
export function loadInTurn(): void {
  const most = mostOpen();
  if (most !== undefined && most < enough) register("./load-in-turn.js", import.meta.url);
}
