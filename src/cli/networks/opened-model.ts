// A file of weights that was opened once from a path of the command line. Commands pass it on as a value, so that no file is
// opened or read whole a second time.

import { configBeside, type Network, onnxNetwork } from "../../checkpoints/network.ts";
import { openTensorSource } from "../../formats/open.ts";
import { type OpenedWeights, openWeightsFiles } from "../../node/open-weights.ts";
import { besideFile } from "../../node/beside.ts";
import { isAddress } from "../../remote/http-source.ts";
import { inputName } from "../app/standard-streams.ts";

export { graphOf, hasOnnxEnding, isWithoutGraph, type Network } from "../../checkpoints/network.ts";

/** A network that was opened from files. Close its source when done. */
export interface OpenedModel extends Network {
  /** The file at the path, and those beside it that belong to it. */
  readonly files: readonly string[];
}

/**
 * Opens the weights at a path, once; `-` is standard input. The weights of an ONNX model are those its graph uses, under the names of its inferred
 * spec.
 * @throws {EnvironmentError} {FormatError} {UnsupportedError} naming the file
 */
export async function openModel(path: string): Promise<OpenedModel> {
  const { source, files, bytes, graph, findBeside } = await openPath(path);
  const name = inputName(path);
  if (bytes === undefined) return withConfig({ path, name, source, files });
  await source.close();
  return Object.freeze({ ...onnxNetwork(bytes, path, findBeside, graph), name, files });
}

/** The same with what lies beside an adapter. @throws as `configBeside`; the source is closed then */
async function withConfig(model: OpenedModel): Promise<OpenedModel> {
  const [file] = model.files;
  if (file === undefined || isAddress(file)) return Object.freeze(model);
  try {
    return Object.freeze({ ...model, ...(await configBeside(model.source, besideFile(file))) });
  } catch (error) {
    await model.source.close();
    throw error;
  }
}

const standard = /^-(?:#(.*))?$/s;

/** The weights at a path, or on standard input for `-`, which may have a key behind `#` as paths have. */
async function openPath(path: string): Promise<OpenedWeights> {
  const [matched, key] = standard.exec(path) ?? [];
  if (matched === undefined) return openWeightsFiles(path);
  const { standardInput } = await import("../app/standard-streams.ts");
  const file = await standardInput();
  const source = await openTensorSource(file, key === undefined ? {} : { key });
  if (source.format !== "onnx") return { source, files: [] };
  return { source, files: [], bytes: await file.read(0, file.size) };
}
