// `weightspace zoo import <folder>`: networks in folders that are named after the class of what they are.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { MetricInfo } from "../../../core/metric-info.ts";
import type { ImportedPopulation } from "../../../datasets/imported.ts";
import type { ClassFolders } from "../../../datasets/published/class-folders.ts";
import { openWeights } from "../../../node/open-weights.ts";
import type { SymmetrySpec } from "../../../symmetry/types.ts";

/** The networks below a folder by class; undefined when it is none, or no folder in it is named after a class. */
export async function classFoldersIn(folder: string): Promise<ClassFolders | undefined> {
  const { findClassFolders } = await import("../../../datasets/published/class-folders.ts");
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const paths: string[] = [];
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const files = await readdir(join(folder, entry.name));
    paths.push(...files.map((file) => `${entry.name}/${file}`));
  }
  return findClassFolders(paths, folder);
}

/** The spec of sine networks like the one in a file. @throws {UnsupportedError} */
export async function sineSpecOf(path: string): Promise<SymmetrySpec> {
  const { sineChainSpec } = await import("../../../datasets/published/class-folders.ts");
  const source = await openWeights(path);
  try {
    return sineChainSpec([...source.entries].map(([name, { shape }]) => ({ name, shape })));
  } finally {
    await source.close();
  }
}

/** What an imported population of classes holds beside its weights. */
export function classesOf({
  files,
  classes,
}: ClassFolders): Pick<ImportedPopulation, "metrics" | "target" | "networks"> {
  const label: MetricInfo = {
    name: "label",
    unit: "",
    summary: `class of the image: ${classes.join(", ")}`,
    better: "higher",
    classes: classes.length,
  };
  return {
    metrics: [label],
    target: "label",
    networks: files.map(({ path, label: number }) => ({ name: path, numbers: { label: number } })),
  };
}
