// The weights behind a path: a file of any known format, the index of a checkpoint in several files, or their folder.

import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ByteSource, FindBeside } from "../formats/byte-source.ts";
import { FormatError } from "../core/errors.ts";
import { visibleName } from "../core/visible.ts";
import type { OnnxGraph } from "../formats/onnx/onnx-types.ts";
import { joinSources } from "../formats/joined-source.ts";
import { openTensorSource } from "../formats/open.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { besideFile, findBesideFile } from "./beside.ts";
import { isAddress } from "../remote/http-source.ts";
import { checkpointIn, type FoundCheckpoint, homeOf, insideHome } from "./checkpoint-folder.ts";
import { fileSource } from "./file-source.ts";
import { fileError } from "./file-error.ts";

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

/** Weights that were opened, with what was read on the way. */
export interface OpenedWeights {
  readonly source: TensorSource;
  /** The file at the path, and those beside it that belong to it, such as the shards of an index. */
  readonly files: readonly string[];
  /** All bytes of an ONNX model, which can only be read whole, without those of its data files; undefined for other files. */
  readonly bytes?: Uint8Array;
  /** The graph in these bytes, where no numbers lie in other files. */
  readonly graph?: OnnxGraph;
  /** Finds the data files of an ONNX model. */
  readonly findBeside?: FindBeside;
}

/** The same file; `fileBytes` gives the bytes of the latest read from its beginning to its end. */
function rememberWhole(file: ByteSource): {
  file: ByteSource;
  fileBytes: () => Uint8Array | undefined;
} {
  let bytes: Uint8Array | undefined;
  const read = async (start: number, end: number) => {
    const found = await file.read(start, end);
    if (start === 0 && end === file.size) bytes = found;
    return found;
  };
  return { file: { ...file, read }, fileBytes: () => bytes };
}

/**
 * Opens the weights behind an address, which stay there: only what is asked for is fetched. Shards that an index names are
 * taken from the same folder.
 */
async function openAddress(path: string): Promise<OpenedWeights> {
  const [address, ...rest] = path.split("#");
  const key = rest.length === 0 ? undefined : rest.join("#");
  const { httpSource } = await import("../remote/http-source.ts");
  const { file, fileBytes } = rememberWhole(await httpSource(address));
  const files = [address];
  const openBeside = async (name: string): Promise<ByteSource> => {
    if (!/^[^/\\?#%]+$/.test(name) || name === "." || name === "..")
      throw new FormatError(
        `${file.location}: its part ${JSON.stringify(visibleName(name))} is no name of a file beside it; download the files and give their folder`,
      );
    const beside = new URL(encodeURIComponent(name), address).href;
    files.push(beside);
    return httpSource(beside);
  };
  const source = await openTensorSource(file, { openBeside, ...(key !== undefined && { key }) });
  const model = source.format === "onnx" ? fileBytes() : undefined;
  if (model === undefined) return { source, files };
  const { embedData } = await import("../formats/onnx/onnx-data.ts");
  return { source, files, bytes: await embedData(model, openBeside) };
}

/**
 * Opens the weights at a path or an `https://` address: names, formats and shapes are read, numbers are not. Close the source when done.
 * `run.pth#state_dict_ema` is the dictionary of that key in a PyTorch file, `pipeline#unet` a part of a folder of several.
 * @throws {EnvironmentError} {FormatError} {UnsupportedError} as `openTensorSource`, and for a folder without one checkpoint
 */
export async function openWeightsFiles(path: string): Promise<OpenedWeights> {
  if (isAddress(path)) return openAddress(path);
  const { file: place, key } = await partPath(path);
  const found = await stat(place).catch((error: unknown) => {
    throw fileError("read", path, error);
  });
  if (!found.isDirectory()) return openFile(place, key, homeOf(dirname(place)));
  const { files, home, isPart } = await checkpointIn(place, key);
  for (const one of files) await insideHome(one.path, home);
  if (files.length === 1 && files[0].part === undefined)
    return openFile(files[0].path, isPart ? undefined : key, home);
  return openParts(place, files, home);
}

/** Opens all parts of a pipeline as one. */
async function openParts(
  folder: string,
  files: FoundCheckpoint["files"],
  home: string,
): Promise<OpenedWeights> {
  const opened = new Map<string, OpenedWeights>();
  try {
    for (const { part = "", path } of files)
      opened.set(part, await openFile(path, undefined, home));
  } catch (error) {
    for (const { source } of opened.values()) await source.close();
    throw error;
  }
  const sources = new Map([...opened].map(([part, { source }]) => [part, source]));
  return {
    source: joinSources(folder, sources),
    files: [...opened.values()].flatMap((one) => one.files),
  };
}

/** Opens one file, with those beside it that it names; links are followed inside `home`. */
async function openFile(
  target: string,
  key: string | undefined,
  home: string,
): Promise<OpenedWeights> {
  const { file, fileBytes } = rememberWhole(await fileSource(target));
  const files = [target];
  const openBeside = (name: string) => {
    const beside = join(dirname(target), name);
    files.push(beside);
    return target.toLowerCase().endsWith(".json")
      ? openIfThere(beside, home)
      : besideFile(target)(name);
  };
  try {
    const options = { openBeside, ...(key !== undefined && { key }) };
    const source = await openTensorSource(file, options);
    const bytes = source.format === "onnx" ? fileBytes() : undefined;
    if (bytes === undefined) return { source, files };
    const find = findBesideFile(target);
    const findBeside: FindBeside = (name) => {
      const beside = join(dirname(target), name);
      if (!files.includes(beside)) files.push(beside);
      return find(name);
    };
    const { graphBehind } = await import("../formats/onnx/onnx-source.ts");
    const graph = graphBehind(source);
    return { source, files, bytes, findBeside, ...(graph !== undefined && { graph }) };
  } catch (error) {
    // Readers of formats do not know every path; with two files on the command line it must be said.
    if (error instanceof Error && !error.message.includes(target))
      error.message = `${visibleName(target)}: ${error.message}`;
    throw error;
  }
}

/** The source alone of `openWeightsFiles`. @throws as `openWeightsFiles` */
export const openWeights = async (path: string): Promise<TensorSource> =>
  (await openWeightsFiles(path)).source;

/** The name of a file or folder of weights without its ending; the key of its dictionary, if it has one, follows. */
export async function nameWithoutEnding(path: string): Promise<string> {
  const { file, key } = await partPath(path);
  const name = file.replace(/\/+$/, "").replace(/\.[^./]+$/, "");
  return key === undefined ? name : `${name}-${key.replaceAll(/[^\w.-]+/g, "_")}`;
}

/** @throws {FormatError} when it is a link out of `home` */
async function openIfThere(path: string, home: string): Promise<ByteSource | undefined> {
  try {
    await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw fileError("read", path, error);
  }
  return fileSource(await insideHome(path, home));
}
