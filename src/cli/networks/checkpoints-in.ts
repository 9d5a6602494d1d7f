// The checkpoints of a command: a folder that holds several stands for all of them.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isOfOneModel, isOfWeights } from "../../node/checkpoint-folder.ts";

/** Paths, in place of each folder of several checkpoints those in it, by name; a folder of one checkpoint stays. */
export async function checkpointsIn(paths: readonly string[]): Promise<string[]> {
  const all: string[] = [];
  for (const path of paths) {
    const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
    const names = isFolder ? await readdir(path) : [];
    const found = names.filter((name) => isOfWeights(name)).toSorted();
    const isOne = names.some((name) => isOfOneModel(name)) || found.length < 2;
    all.push(...(isFolder && !isOne ? found.map((name) => join(path, name)) : [path]));
  }
  return all;
}
