// A file of weights that was opened once: its tensors, and the graph of an ONNX model. Commands pass it on as a value, so
// that no file is opened or read whole a second time.

import { FormatError } from "../../core/errors.ts";
import type { FindBeside } from "../../formats/byte-source.ts";
import { embedAtOnce } from "../../formats/onnx/onnx-data.ts";
import { separateAliases } from "../../formats/onnx/onnx-aliases.ts";
import { decodeTensor } from "../../formats/onnx/onnx-tensor.ts";
import type { OnnxGraph } from "../../formats/onnx/onnx-types.ts";
import { readOnnx } from "../../formats/onnx/onnx.ts";
import { openTensorSource } from "../../formats/open.ts";
import { makeTensorSource, type TensorSource } from "../../formats/tensor-source.ts";
import { type OpenedWeights, openWeightsFiles } from "../../node/open-weights.ts";

/** An ONNX model in memory. */
export interface OnnxModel {
  /** The file, with the data of those beside it inside: these are read when it is asked for. @throws as `embedAtOnce` */
  readonly whole: () => Uint8Array;
  /** Its graph, as stored. */
  readonly graph: OnnxGraph;
  /** The graph in which equal tensors that an exporter stored once have names of their own again. */
  readonly separated: OnnxGraph;
}

/** A network: where it was found, its tensors, and its graph where its file has one. */
export interface Network {
  /** As the command was given it. */
  readonly path: string;
  readonly source: TensorSource;
  readonly onnx?: OnnxModel;
}

/** A network that was opened from files. Close its source when done. */
export interface OpenedModel extends Network {
  /** The file at the path, and those beside it that belong to it. */
  readonly files: readonly string[];
}

/**
 * The model in the bytes of an ONNX file; numbers in files beside it are read when they are asked for.
 * @throws {FormatError} {UnsupportedError} as `readOnnx`
 */
export function onnxModel(bytes: Uint8Array, findBeside?: FindBeside): OnnxModel {
  const graph = readOnnx(bytes, findBeside === undefined ? {} : { findBeside });
  let embedded: Uint8Array | undefined;
  const whole = () =>
    (embedded ??= findBeside === undefined ? bytes : embedAtOnce(bytes, findBeside));
  return Object.freeze({ whole, graph, separated: separateAliases(graph).graph });
}

/** The tensors of a model that hold numbers, under the names of its inferred spec; decoded when they are read. */
function onnxSource({ separated }: OnnxModel, location: string): TensorSource {
  const tensors = new Map([...separated.initializers].filter(([, { type }]) => type !== "string"));
  const entries = new Map(
    [...tensors].map(([name, { shape, type }]) => [
      name,
      { shape, dtype: type === "float32" ? ("F32" as const) : ("F64" as const) },
    ]),
  );
  return makeTensorSource({
    file: { location },
    format: "memory",
    entries,
    load: async (name) => {
      const { buffer, byteOffset, byteLength } = decodeTensor(tensors.get(name)!);
      return new Uint8Array(buffer, byteOffset, byteLength);
    },
  });
}

/**
 * Opens the weights at a path, once; `-` is standard input. The weights of an ONNX model are those its graph uses, under the names of its inferred
 * spec.
 * @throws {EnvironmentError} {FormatError} {UnsupportedError} naming the file
 */
export async function openModel(path: string): Promise<OpenedModel> {
  const { source, files, bytes, findBeside } = await openPath(path);
  if (bytes === undefined) return Object.freeze({ path, source, files });
  await source.close();
  const onnx = onnxModel(bytes, findBeside);
  return Object.freeze({ path, source: onnxSource(onnx, path), files, onnx });
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

/** The ONNX model of a network. @throws {FormatError} when its file is of another kind */
export function graphOf({ path, source, onnx }: Network): OnnxModel {
  if (onnx !== undefined) return onnx;
  throw new FormatError(
    `${path} is read as ${source.format}, expected an ONNX model; give the file its right ending, or give the graph`,
  );
}

/** Whether a path has the ending of ONNX models. */
export const hasOnnxEnding = (path: string): boolean => path.toLowerCase().endsWith(".onnx");

/** Whether a file holds named tensors without a graph. @throws {FormatError} when its ending promises a graph */
export function isWithoutGraph(model: Network): boolean {
  if (model.onnx !== undefined) return false;
  if (hasOnnxEnding(model.path)) graphOf(model);
  return true;
}
