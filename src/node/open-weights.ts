// The weights behind a path: a file of any known format, the index of a checkpoint in several files, or their folder.

import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EnvironmentError } from "../core/errors.ts";
import type { ByteSource } from "../formats/byte-source.ts";
import { openTensorSource } from "../formats/open.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { besideFile } from "./beside.ts";
import { fileSource } from "./file-source.ts";
import { fileError, readJson } from "./files.ts";

/** A path of the command line: a file or folder, and after `#` the dictionary of a PyTorch file that is meant. */
export interface WeightsPath {
  readonly file: string;
  readonly key?: string;
}

/** Whether there is a file or folder at a path. */
export const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Parts a path: a file whose own name holds `#` comes first, then the longest name that is there. */
export async function partPath(path: string): Promise<WeightsPath> {
  if (await isThere(path)) return { file: path };
  for (let at = path.lastIndexOf("#"); at > 0; at = path.lastIndexOf("#", at - 1)) {
    const file = path.slice(0, at);
    if (await isThere(file)) return { file, key: path.slice(at + 1) };
  }
  return { file: path };
}

/**
 * Opens the weights at a path: names, formats and shapes are read, numbers are not. Close them when done.
 * `run.pth#state_dict_ema` is the dictionary of that key in a PyTorch file.
 * @throws {EnvironmentError} {FormatError} {UnsupportedError} as `openTensorSource`, and for a folder without one checkpoint
 */
export async function openWeights(path: string): Promise<TensorSource> {
  const { file: place, key } = await partPath(path);
  const found = await stat(place).catch((error: unknown) => {
    throw fileError("read", path, error);
  });
  const target = found.isDirectory() ? await checkpointIn(place) : place;
  const file = await fileSource(target);
  const openBeside = (name: string) =>
    target.toLowerCase().endsWith(".json")
      ? openIfThere(join(dirname(target), name))
      : besideFile(target)(name);
  return openTensorSource(file, { openBeside, ...(key !== undefined && { key }) }).catch(
    (error: unknown) => {
      // Readers of formats do not know every path; with two files on the command line it must be said.
      if (error instanceof Error && !error.message.includes(target))
        error.message = `${target}: ${error.message}`;
      throw error;
    },
  );
}

/** The name of a file or folder of weights without its ending; the key of its dictionary, if it has one, follows. */
export async function nameWithoutEnding(path: string): Promise<string> {
  const { file, key } = await partPath(path);
  const name = file.replace(/\/+$/, "").replace(/\.[^./]+$/, "");
  return key === undefined ? name : `${name}-${key.replaceAll(/[^\w.-]+/g, "_")}`;
}

/** The files that an index, or that of a folder, names; none for other checkpoints and what cannot be read yet. */
export async function shardsOf(path: string): Promise<string[]> {
  try {
    const { file } = await partPath(path);
    const target = (await stat(file)).isDirectory() ? await checkpointIn(file) : file;
    if (!target.toLowerCase().endsWith(".json")) return [];
    const { weight_map: places } = (await readJson(target)) as { weight_map?: object };
    return [...new Set(Object.values(places ?? {}))].map((name) =>
      join(dirname(target), String(name)),
    );
  } catch {
    return []; // opening it says what is wrong
  }
}

/** The index in a folder, or its only safetensors file. */
async function checkpointIn(folder: string): Promise<string> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw fileError("read", folder, error);
  });
  for (const ending of [".safetensors.index.json", ".safetensors", ".index.json"]) {
    const found = names.filter((name) => name.endsWith(ending)).toSorted();
    if (found.length === 1) return join(folder, found[0]);
    if (found.length > 1)
      throw new EnvironmentError(
        `cannot read ${folder}: the folder has ${found.length} files ending in ${ending} (${found.slice(0, 3).join(", ")}${found.length > 3 ? ", ..." : ""}), expected one; give the path of the file`,
      );
  }
  throw new EnvironmentError(
    `cannot read ${folder}: the folder has no .safetensors file and no .index.json; give the path of the file`,
  );
}

async function openIfThere(path: string): Promise<ByteSource | undefined> {
  try {
    await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileError("read", path, error);
  }
  return fileSource(path);
}
