// One way to read any file of weights: names, formats and shapes at once, numbers tensor by tensor when asked for.

import { EnvironmentError, OptionError, UnsupportedError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shapes.ts";
import type { Tensor, Weights } from "../core/tensors.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Taken } from "./pytorch/pytorch-choice.ts";
import { dtypeBytes, type SafeDtype, type SafeTensor } from "./safetensors/safetensors-dtypes.ts";
import { widen } from "./widen.ts";

/** One tensor as its file describes it. */
export interface TensorEntry {
  /** Its number format, by its name in safetensors, whatever the file. */
  readonly dtype: SafeDtype;
  readonly shape: readonly number[];
  /** Bytes of its numbers: entries times bytes per number. */
  readonly bytes: number;
  /**
   * What the file itself calls its numbers, where they are stored otherwise than `dtype` says: `Q8_0`,
   * `torch.quint8, per_tensor_affine`.
   */
  readonly stored?: string;
  /** Why the numbers are not read, where only name and shape are known: `read` refuses this tensor with it. */
  readonly unreadable?: string;
}

/** The kinds of files that are read; formats that others add have names of their own. */
export type TensorFormat =
  | "safetensors"
  | "sharded safetensors"
  | "sharded pytorch"
  | "pytorch"
  | "npz"
  | "npy"
  | "gguf"
  | "keras"
  | "hdf5"
  | "onnx"
  | "parts"
  | "memory"
  | (string & {});

/** The tensors of one checkpoint, whatever its files; nothing but names and shapes is in memory. */
export interface TensorSource {
  /** Where it comes from, for messages. */
  readonly location: string;
  readonly format: TensorFormat;
  /** By name, in the file's order. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** Texts that the file holds beside its tensors. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Which of the dictionaries of a PyTorch file this is, where one was chosen. */
  readonly taken?: Taken;
  /**
   * The numbers of one tensor, exact: float64 for F64, I32, U32, I64, U64, else float32. Fresh, row-major.
   * @throws {OptionError} for a name that is not in `entries`; {UnsupportedError} for C64, F8_E8M0 and integers beyond
   * 2^53; {FormatError} for a damaged file; {EnvironmentError} when it cannot be read.
   */
  readonly read: (name: string) => Promise<Tensor>;
  /** The same, in the bytes and the format of the file. */
  readonly readStored: (name: string) => Promise<SafeTensor>;
  /**
   * The bytes of one tensor as they lie in the file, quantised blocks too, whether their numbers are read or not; undefined
   * where the format has no such bytes. @throws as `read`
   */
  readonly readRaw?: (name: string) => Promise<Uint8Array>;
  /**
   * For a tensor that the file holds quantised, and that is read as real numbers: how far apart two neighbouring values are,
   * for every value; undefined for other tensors. @throws as `read`
   */
  readonly readSteps?: (name: string) => Promise<Float32Array | undefined>;
  /** Names of the tensors that have steps. @default none */
  readonly quantised?: ReadonlySet<string>;
  /** Gives files back; nothing can be read afterwards. */
  readonly close: () => Promise<void>;
}

/** What a format gives to make a source of. */
interface SourceParts {
  /** Closed with the source. */
  readonly file: Pick<ByteSource, "location" | "close">;
  readonly format: TensorFormat;
  readonly entries: ReadonlyMap<
    string,
    Pick<TensorEntry, "dtype" | "shape" | "stored" | "unreadable">
  >;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly taken?: Taken;
  /** Fresh bytes of one tensor that `entries` has. */
  readonly load: (name: string) => Promise<Uint8Array>;
  /** Its bytes as they lie in the file, where `load` gives others or refuses. */
  readonly loadRaw?: (name: string) => Promise<Uint8Array>;
  /** Tensors that are stored quantised, and their steps. */
  readonly quantised?: ReadonlySet<string>;
  readonly readSteps?: (name: string) => Promise<Float32Array>;
}

/** A source from its parts. */
export function makeTensorSource(parts: SourceParts): TensorSource {
  const { file, format, metadata = {}, taken, load, loadRaw, quantised, readSteps } = parts;
  const { location } = file;
  const entries = new Map(
    [...parts.entries].map(([name, { dtype, shape, stored, unreadable }]) => [
      name,
      Object.freeze({
        dtype,
        shape,
        bytes: sizeOf(shape) * dtypeBytes[dtype],
        ...(stored !== undefined && { stored }),
        ...(unreadable !== undefined && { unreadable }),
      }),
    ]),
  );
  const readStored = (name: string) => inMemory(name, () => loadStored(name));
  const loadStored = async (name: string): Promise<SafeTensor> => {
    const entry = entries.get(name);
    if (entry === undefined)
      throw new OptionError(
        `readTensor: ${location} has no tensor ${JSON.stringify(name)}; \`entries\` lists those it has`,
      );
    if (entry.unreadable !== undefined) refuseUnreadable(location, name, entries);
    return { dtype: entry.dtype, shape: entry.shape, data: await load(name) };
  };
  return Object.freeze({
    location,
    format,
    entries,
    metadata,
    ...(taken !== undefined && { taken }),
    readStored,
    read: (name: string) =>
      inMemory(name, async () => widen(await loadStored(name), name, location)),
    ...(loadRaw !== undefined && {
      readRaw: (name: string) => inMemory(name, () => loadRaw(name)),
    }),
    ...(readSteps !== undefined && {
      ...(quantised !== undefined && { quantised }),
      readSteps: async (name: string) =>
        quantised?.has(name) === true && entries.get(name)?.unreadable === undefined
          ? inMemory(name, () => readSteps(name))
          : undefined,
    }),
    close: async () => file.close?.(),
  });
}

/** Names a tensor that is not read, and how many others of its file are not read either. @throws {UnsupportedError} */
function refuseUnreadable(
  location: string,
  name: string,
  entries: ReadonlyMap<string, TensorEntry>,
): never {
  const { stored = "", unreadable = "" } = entries.get(name)!;
  const kinds = new Map<string, number>();
  for (const one of entries.values())
    if (one.unreadable !== undefined)
      kinds.set(one.stored ?? "", (kinds.get(one.stored ?? "") ?? 0) + 1);
  const counts = [...kinds].map(([kind, count]) => `${count} of ${kind}`);
  const total = [...kinds.values()].reduce((sum, count) => sum + count, 0);
  const others =
    total === 1 ? "" : ` (${total} of ${entries.size} tensors are not read: ${counts.join(", ")})`;
  throw new UnsupportedError(
    `readTensor: ${location}: tensor ${JSON.stringify(name)} is stored as ${stored}: ${unreadable}${others}`,
  );
}

/** Runs a reader; an array that cannot be had is an error of ours. */
async function inMemory<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new EnvironmentError(
      `readTensor: tensor ${JSON.stringify(name)} does not fit into memory (${error.message}); free some, or split the tensor where it was made`,
      { cause: error },
    );
  }
}

/**
 * Weights that are in memory already, as a source: F32 or F64 after their array type.
 * @throws {OptionError} when data and shape of a tensor disagree
 */
export function weightsSource(
  weights: Weights,
  location = "the weights given",
  metadata: Readonly<Record<string, string>> = {},
): TensorSource {
  const tensors = new Map(Object.entries(weights));
  for (const [name, { shape, data }] of tensors) {
    if (data.length !== sizeOf(shape))
      throw new OptionError(
        `weightsSource: tensor ${JSON.stringify(name)} of shape ${formatShape(shape)} has ${data.length} numbers, expected ${sizeOf(shape)}`,
      );
  }
  const entries = new Map(
    [...tensors].map(([name, { shape, data }]) => [
      name,
      { shape, dtype: data instanceof Float64Array ? ("F64" as const) : ("F32" as const) },
    ]),
  );
  const load = async (name: string) => {
    const { buffer, byteOffset, byteLength } = (tensors.get(name) as Tensor).data;
    return new Uint8Array(buffer, byteOffset, byteLength).slice();
  };
  return makeTensorSource({ file: { location }, format: "memory", entries, metadata, load });
}

/** Weights read tensor by tensor, all in memory. */
export async function readAll(
  names: Iterable<string>,
  read: (name: string) => Promise<Tensor>,
): Promise<Weights> {
  const entries: [string, Tensor][] = [];
  for (const name of names) entries.push([name, await read(name)]);
  return Object.fromEntries(entries);
}
