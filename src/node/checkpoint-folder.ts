// Which files of a folder are its checkpoint: a model as hubs lay it out, a cache of one (snapshots of links to blobs), a
// pipeline of several models in folders of their own, or a single file of weights.

import { existsSync } from "node:fs";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { EnvironmentError, FormatError, OptionError } from "../core/errors.ts";
import { fileError } from "./file-error.ts";
import { readJson } from "./files.ts";

/** The files of a checkpoint in a folder. */
export interface FoundCheckpoint {
  /** A file of weights or an index of shards; one for every part of a pipeline, by the part's name. */
  readonly files: readonly { readonly part?: string; readonly path: string }[];
  /** Links are followed inside this folder only. */
  readonly home: string;
  /** Whether the name that was given is that of a part of a pipeline. */
  readonly isPart: boolean;
}

/** Names that hubs give to whole models, the first that is there is taken. */
const usualStems = ["model", "diffusion_pytorch_model", "pytorch_model", "adapter_model"];
const usualNames = usualStems.flatMap((name) => [
  `${name}.safetensors.index.json`,
  `${name}.safetensors`,
  `${name}.bin.index.json`,
  `${name}.bin`,
]);

/** Otherwise the only file with one of these endings, looked for in this order. */
const endings = [
  ".safetensors.index.json",
  ".safetensors",
  ".index.json",
  ".gguf",
  ".keras",
  ".h5",
  ".pth",
  ".pt",
  ".ckpt",
  ".bin",
  ".npz",
  ".onnx",
];

const maxRevisionBytes = 200;
const pipelineIndex = "model_index.json";
const maxIndexBytes = 2 ** 20;

/** Names in a folder. @throws {EnvironmentError} */
const namesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: unknown) => {
    throw fileError("read", folder, error);
  });

/**
 * The checkpoint in a folder; of a pipeline the part that is named, or all of them.
 * @throws {EnvironmentError} when there is none, or several and none of the usual names; {OptionError} for a part that is
 * not there; {FormatError} for an index of a pipeline that is none
 */
export async function checkpointIn(folder: string, part?: string): Promise<FoundCheckpoint> {
  const names = await namesIn(folder);
  if (names.includes("snapshots")) {
    const snapshot = await snapshotIn(folder);
    return { ...(await checkpointIn(snapshot, part)), home: folder };
  }
  const home = homeOf(folder);
  if (names.includes(pipelineIndex))
    return { files: await partsIn(folder, part), home, isPart: part !== undefined };
  return { files: [{ path: join(folder, weightsIn(folder, names)) }], home, isPart: false };
}

/**
 * The folder inside which links are followed: the folder itself; of a snapshot in a hub's cache, and the folders in it, the
 * cache of that model, which has `blobs` beside `snapshots`.
 */
export function homeOf(folder: string): string {
  const parts = resolve(folder).split(sep);
  const at = parts.lastIndexOf("snapshots");
  if (at <= 0 || at >= parts.length - 1) return folder;
  const cache = parts.slice(0, at).join(sep);
  return existsSync(join(cache, "blobs")) ? cache : folder;
}

/** The snapshot that `refs/main` names, or the only one. */
async function snapshotIn(folder: string): Promise<string> {
  const snapshots = join(folder, "snapshots");
  const revisions = (await namesIn(snapshots)).toSorted();
  const main = await revisionOf(join(folder, "refs", "main"));
  const chosen = revisions.length === 1 ? revisions[0] : main;
  if (chosen === undefined || !revisions.includes(chosen))
    throw new EnvironmentError(
      `cannot read ${folder}: it has ${revisions.length} snapshots (${revisions.slice(0, 3).join(", ")}${revisions.length > 3 ? ", ..." : ""}) and no refs/main that names one of them; give the folder of a snapshot`,
    );
  return join(snapshots, chosen);
}

async function revisionOf(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile() !== true || found.size > maxRevisionBytes) return undefined;
  return (await readFile(path, "utf8")).trim();
}

/** The name of the file of weights. */
function weightsIn(folder: string, names: readonly string[]): string {
  const usual = usualNames.find((name) => names.includes(name));
  if (usual !== undefined) return usual;
  for (const ending of endings) {
    const found = names.filter((name) => name.toLowerCase().endsWith(ending)).toSorted();
    if (found.length === 1) return found[0];
    if (found.length > 1)
      throw new EnvironmentError(
        `cannot read ${folder}: the folder has ${found.length} files ending in ${ending} (${found.slice(0, 3).join(", ")}${found.length > 3 ? ", ..." : ""}), expected one; give the path of the file`,
      );
  }
  throw new EnvironmentError(
    `cannot read ${folder}: the folder has no .safetensors file and no .index.json, nor another file of weights; give the path of the file`,
  );
}

/** The parts of a pipeline that hold weights: folders that its index names. */
async function partsIn(folder: string, part: string | undefined) {
  const index = await readJson(join(folder, pipelineIndex), { bytes: maxIndexBytes });
  if (typeof index !== "object" || index === null || Array.isArray(index))
    throw new FormatError(
      `${join(folder, pipelineIndex)} is no index of a pipeline, expected an object with its parts; fetch it again`,
    );
  const files: { part: string; path: string }[] = [];
  for (const name of Object.keys(index)) {
    if (!/^\w[\w.-]*$/.test(name)) continue;
    const place = join(folder, name);
    const names = await readdir(place).catch(() => undefined);
    if (names === undefined || !names.some(isOfWeights)) continue;
    files.push({ part: name, path: join(place, weightsIn(place, names)) });
  }
  if (files.length === 0)
    throw new EnvironmentError(
      `cannot read ${folder}: none of the parts of its pipeline holds weights; fetch all of its folders`,
    );
  if (part === undefined) return files;
  const chosen = files.find((one) => one.part === part);
  if (chosen === undefined)
    throw new OptionError(
      `openTensorSource: ${folder} has no part ${JSON.stringify(part)}; its parts are ${files.map((one) => one.part).join(", ")}`,
    );
  return [{ path: chosen.path }];
}

/** Whether a name is that of a file of weights, or of the index of some. */
export const isOfWeights = (name: string): boolean =>
  endings.some((ending) => name.toLowerCase().endsWith(ending));

/** Whether a folder that holds something of this name is one model, whatever else lies in it. */
export const isOfOneModel = (name: string): boolean =>
  name === pipelineIndex ||
  name === "snapshots" ||
  name.endsWith(".index.json") ||
  usualStems.some((stem) => name.startsWith(`${stem}.`));

/** The real place of a file. @throws {FormatError} when a link leads out of its home; {EnvironmentError} */
export async function insideHome(path: string, home: string): Promise<string> {
  const [place, real] = await Promise.all([realpath(path), realpath(home)]).catch(
    (error: unknown) => {
      throw fileError("read", path, error);
    },
  );
  const inside = relative(real, place);
  if (inside === ".." || inside.startsWith(`..${sep}`) || inside.startsWith(sep))
    throw new FormatError(
      `${path} is a link out of the folder ${home}, which is not followed; copy the file itself into the folder, or give its own path`,
    );
  return place;
}
