// A GGUF file read lazily: its header at once, of the numbers only the tensors that are asked for. Quantised blocks are
// multiplied out; those of rarer types are named, with their shapes, and can be compared byte by byte.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { frozenRecord } from "../../core/records.ts";
import { type Bytes, byteSource } from "../byte-source.ts";
import { makeTensorSource, type TensorSource } from "../tensor-source.ts";
import { decodeBlocks } from "./gguf-blocks.ts";
import {
  GgufEnd,
  type GgufHeader,
  ggufHeader,
  ggufLimits,
  type GgufTensor,
} from "./gguf-header.ts";

/** Bytes that are read in search of the end of the header, one after another. */
const windows = [2 ** 16, 2 ** 20, 2 ** 24, ggufLimits.headerBytes];
/** More numbers than this are not multiplied out at once. */
const maxNumbers = 2 ** 31;

/**
 * The tensors of a GGUF file (versions 2 and 3), shapes with the slowest axis first.
 * @throws {FormatError} for damage; {UnsupportedError} for other versions and unknown types
 */
export async function openGguf(bytes: Bytes): Promise<TensorSource> {
  const file = byteSource(bytes);
  const { tensors, metadata, dataStart } = await readHeader(file);
  checkPlaces(tensors, dataStart, file.size);
  const entries = new Map(
    [...tensors].map(([name, { type, shape }]) => {
      const { dtype = "F32" as const } = type;
      const isPlain = type.dtype !== undefined && type.values === 1;
      return [
        name,
        {
          dtype,
          shape,
          ...(!isPlain && { stored: type.name }),
          ...(type.dtype === undefined && {
            unreadable:
              "the numbers in blocks of this type are not read; convert the model to F16 or Q8_0",
          }),
        },
      ];
    }),
  );
  const loadRaw = async (name: string): Promise<Uint8Array> => {
    const { offset, bytes: length, shape } = tensors.get(name)!;
    const start = dataStart + offset;
    if (length > maxNumbers)
      throw new UnsupportedError(
        `readGguf: tensor ${JSON.stringify(name)} of shape [${shape.join(", ")}] has more than ${maxNumbers} bytes; split it where it was made`,
      );
    return file.read(start, start + length);
  };
  const isBlock = (name: string) => tensors.get(name)?.type.values !== 1;
  const load = async (name: string): Promise<Uint8Array> => {
    const data = await loadRaw(name);
    return isBlock(name)
      ? new Uint8Array(decodeBlocks(tensors.get(name)!.type, data).values.buffer)
      : data;
  };
  const readSteps = async (name: string): Promise<Float32Array> =>
    decodeBlocks(tensors.get(name)!.type, await loadRaw(name), true).steps!;
  const quantised = new Set([...tensors.keys()].filter((name) => isBlock(name)));
  const texts = frozenRecord(Object.entries(metadata));
  return makeTensorSource({
    file,
    format: "gguf",
    entries,
    metadata: texts,
    load,
    loadRaw,
    quantised,
    readSteps,
  });
}

async function readHeader(file: ReturnType<typeof byteSource>): Promise<GgufHeader> {
  for (const window of windows) {
    const bytes = await file.read(0, Math.min(window, file.size));
    try {
      return ggufHeader(bytes);
    } catch (error) {
      if (!(error instanceof GgufEnd) || bytes.length === file.size) throw error;
    }
  }
  throw new FormatError(
    `readGguf: the header has more than ${ggufLimits.headerBytes} bytes; the file is damaged, fetch or save it again`,
  );
}

function checkPlaces(
  tensors: ReadonlyMap<string, GgufTensor>,
  dataStart: number,
  size: number,
): void {
  for (const [name, { offset, bytes }] of tensors) {
    if (dataStart + offset + bytes <= size) continue;
    throw new FormatError(
      `readGguf: tensor ${JSON.stringify(name)} ends at byte ${dataStart + offset + bytes}, the file at ${size}; the file is damaged or cut short, fetch it again`,
    );
  }
}
