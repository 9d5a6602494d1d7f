// A GGUF file read lazily: its header at once, of the numbers only the tensors that are asked for. Q8_0 is multiplied out;
// other quantised types are named, with their shapes.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { smallFloatValues } from "../../core/floats.ts";
import { frozenRecord } from "../../core/records.ts";
import { type Bytes, byteSource } from "../byte-source.ts";
import { makeTensorSource, type TensorSource } from "../tensor-source.ts";
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
            unreadable: "this quantised type is not read; convert the model to F16 or Q8_0",
          }),
        },
      ];
    }),
  );
  const load = async (name: string): Promise<Uint8Array> => {
    const { type, offset, bytes: length, shape } = tensors.get(name)!;
    const start = dataStart + offset;
    if (length > maxNumbers)
      throw new UnsupportedError(
        `readGguf: tensor ${JSON.stringify(name)} of shape [${shape.join(", ")}] has more than ${maxNumbers} bytes; split it where it was made`,
      );
    const data = await file.read(start, start + length);
    return type.name === "Q8_0" ? decodeQ8(data) : data;
  };
  const texts = frozenRecord(Object.entries(metadata));
  return makeTensorSource({ file, format: "gguf", entries, metadata: texts, load });
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

/** Blocks of a scale (float16) and 32 whole numbers of 8 bits: value = scale * number, in float32. */
function decodeQ8(data: Uint8Array): Uint8Array {
  const block = 34;
  const blocks = data.length / block;
  const result = new Float32Array(blocks * 32);
  const scales = smallFloatValues("float16");
  for (let i = 0; i < blocks; i++) {
    const at = i * block;
    const scale = scales[data[at] | (data[at + 1] << 8)];
    for (let j = 0; j < 32; j++) result[32 * i + j] = scale * ((data[at + 2 + j] << 24) >> 24);
  }
  return new Uint8Array(result.buffer);
}
