// A network as its file holds it: its tensors, and the graph of an ONNX model. It is opened once and passed on as a value,
// so that no file is opened or read whole a second time.

import { FormatError } from "../core/errors.ts";
import {
  type AdapterConfig,
  configName,
  maxConfigBytes,
  parseAdapterConfig,
} from "../adapters/adapter-config.ts";
import { wantsConfig } from "../adapters/adapter.ts";
import {
  type Bytes,
  byteSource,
  type FindBeside,
  type OpenBeside,
} from "../formats/byte-source.ts";
import { separateAliases } from "../formats/onnx/onnx-aliases.ts";
import { embedAtOnce, embedData } from "../formats/onnx/onnx-data.ts";
import { isFloatType } from "../formats/onnx/onnx-element-types.ts";
import { decodeTensor } from "../formats/onnx/onnx-tensor.ts";
import type { OnnxGraph } from "../formats/onnx/onnx-types.ts";
import { readOnnx } from "../formats/onnx/onnx.ts";
import { type OpenOptions, openTensorSource } from "../formats/open.ts";
import { isFloatDtype } from "../formats/safetensors/safetensors-dtypes.ts";
import { makeTensorSource, type TensorSource } from "../formats/tensor-source.ts";

/** An ONNX model in memory. */
export interface OnnxModel {
  /** The file, with the data of those beside it inside: these are read when it is asked for. @throws as `embedAtOnce` */
  readonly modelBytes: () => Uint8Array;
  /** Its graph, as stored. */
  readonly graph: OnnxGraph;
  /** The graph in which equal tensors that an exporter stored once have names of their own again. */
  readonly separated: OnnxGraph;
}

/** A network: where it was found, its tensors, and its graph where its file has one. */
export interface Network {
  /** Where it was found, for messages; two networks of one path are one. */
  readonly path: string;
  /** What the origin of a spec calls it. @default its path */
  readonly name?: string;
  readonly source: TensorSource;
  readonly onnx?: OnnxModel;
  /** What adapter_config.json beside a file of PEFT says. */
  readonly adapterConfig?: AdapterConfig;
}

/**
 * The model in the bytes of an ONNX file; numbers in files beside it are read when they are asked for.
 * @param known - the graph in these bytes, where they were read before
 * @throws {FormatError} {UnsupportedError} as `readOnnx`
 */
export function onnxModel(
  bytes: Uint8Array,
  findBeside?: FindBeside,
  known?: OnnxGraph,
): OnnxModel {
  const graph = known ?? readOnnx(bytes, findBeside === undefined ? {} : { findBeside });
  let embedded: Uint8Array | undefined;
  const modelBytes = () =>
    (embedded ??= findBeside === undefined ? bytes : embedAtOnce(bytes, findBeside));
  return Object.freeze({ modelBytes, graph, separated: separateAliases(graph).graph });
}

/** The network of an ONNX model: the weights that its graph uses, under the names of its inferred spec, decoded when they are read. */
export function onnxNetwork(
  bytes: Uint8Array,
  path: string,
  findBeside?: FindBeside,
  known?: OnnxGraph,
): Network & { readonly onnx: OnnxModel } {
  const onnx = onnxModel(bytes, findBeside, known);
  return Object.freeze({ path, source: onnxSource(onnx, path), onnx });
}

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
 * Opens a network from the bytes of its file, whatever the format. Tensors are read when they are asked for; an ONNX model
 * is held in memory whole, with the numbers that lie in files beside it. Close its source when done.
 * @throws {FormatError} {UnsupportedError} {OptionError} {EnvironmentError} as `openTensorSource`
 */
export async function openNetwork(bytes: Bytes, options: OpenOptions = {}): Promise<Network> {
  const file = byteSource(bytes);
  const source = await openTensorSource(file, options);
  if (source.format !== "onnx") {
    const config = await configBeside(source, options.openBeside);
    return Object.freeze({ path: file.location, source, ...config });
  }
  const model = await file.read(0, file.size).finally(() => source.close());
  const { openBeside } = options;
  const complete = openBeside === undefined ? model : await embedData(model, openBeside);
  return onnxNetwork(complete, file.location);
}

/**
 * What adapter_config.json says of an adapter of PEFT, where it lies beside its file; nothing for other networks.
 * @throws {FormatError} {UnsupportedError} as `readAdapterConfig`; {EnvironmentError} when it cannot be read
 */
export async function configBeside(
  source: TensorSource,
  openBeside: OpenBeside | undefined,
): Promise<Pick<Network, "adapterConfig">> {
  if (openBeside === undefined || !wantsConfig(source)) return {};
  const file = await openBeside(configName);
  if (file === undefined) return {};
  try {
    const bytes = await file.read(0, Math.min(file.size, maxConfigBytes + 1));
    return { adapterConfig: parseAdapterConfig(bytes, file.location) };
  } finally {
    await file.close?.();
  }
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

/** Names of a network's float tensors, the only ones that can be averaged. */
export function floatTensors({ source, onnx }: Network): Set<string> {
  if (onnx === undefined) {
    const floats = [...source.entries].filter(([, { dtype }]) => isFloatDtype(dtype));
    return new Set(floats.map(([name]) => name));
  }
  return new Set(
    [...onnx.separated.initializers].flatMap(([name, { type }]) => (isFloatType(type) ? name : [])),
  );
}
