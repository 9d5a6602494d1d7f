// The header of a GGUF file, versions 2 and 3: a mark, counts, metadata by key, and for every tensor its name, sizes, type
// and place. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shapes.ts";
import { type GgufType, ggufTypes } from "./gguf-types.ts";

export const ggufLimits = {
  headerBytes: 128 * 2 ** 20,
  tensors: 1_000_000,
  keys: 65_536,
  nameBytes: 65_535,
  rank: 16,
  /** Entries of all arrays of the metadata together. */
  arrayEntries: 16_000_000,
  arrayDepth: 4,
  /** Longer texts of the metadata are told by their length. */
  textBytes: 10_000,
};

export interface GgufTensor {
  readonly type: GgufType;
  /** Row-major, slowest axis first: the reverse of the file's order. */
  readonly shape: readonly number[];
  /** Bytes from the start of the data, and how many. */
  readonly offset: number;
  readonly bytes: number;
}

export interface GgufHeader {
  readonly version: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
  readonly dataStart: number;
}

/** The header goes on beyond the bytes that were given. */
export class GgufEnd extends FormatError {}

const fail = (what: string): never => {
  throw new FormatError(
    `readGguf: ${what}; the file is damaged or cut short, fetch or save it again`,
  );
};

interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  /** Entries of arrays that may still come. */
  arrayEntries: number;
}

function take(cursor: Cursor, count: number): number {
  const start = cursor.at;
  if (!(count <= cursor.bytes.length - start))
    throw new GgufEnd(
      `readGguf: the header ends at byte ${start}, inside a value; the file is damaged or cut short, fetch or save it again`,
    );
  cursor.at += count;
  return start;
}

const uint32 = (cursor: Cursor): number => cursor.view.getUint32(take(cursor, 4), true);

function uint64(cursor: Cursor): number {
  const value = cursor.view.getBigUint64(take(cursor, 8), true);
  return value > BigInt(Number.MAX_SAFE_INTEGER)
    ? fail(`the number ${value} before byte ${cursor.at} cannot be true`)
    : Number(value);
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function text(cursor: Cursor, maxBytes: number, what: string): string {
  const length = uint64(cursor);
  if (length > maxBytes) return fail(`${what} has ${length} bytes, at most ${maxBytes}`);
  const start = take(cursor, length);
  try {
    return decoder.decode(cursor.bytes.subarray(start, cursor.at));
  } catch {
    return fail(`${what} at byte ${start} is not UTF-8`);
  }
}

const stringType = 8;
const arrayType = 9;

/** Bytes of the values of fixed length by their type, and how they are read. */
const scalars: ReadonlyMap<number, readonly [number, (view: DataView, at: number) => unknown]> =
  new Map<number, readonly [number, (view: DataView, at: number) => unknown]>([
    [0, [1, (view, at) => view.getUint8(at)]],
    [1, [1, (view, at) => view.getInt8(at)]],
    [2, [2, (view, at) => view.getUint16(at, true)]],
    [3, [2, (view, at) => view.getInt16(at, true)]],
    [4, [4, (view, at) => view.getUint32(at, true)]],
    [5, [4, (view, at) => view.getInt32(at, true)]],
    [6, [4, (view, at) => view.getFloat32(at, true)]],
    [7, [1, (view, at) => view.getUint8(at) !== 0]],
    [10, [8, (view, at) => view.getBigUint64(at, true)]],
    [11, [8, (view, at) => view.getBigInt64(at, true)]],
    [12, [8, (view, at) => view.getFloat64(at, true)]],
  ]);

/** A value of the metadata as text: arrays and long texts by their length. */
function value(cursor: Cursor, type: number, depth: number): string {
  const scalar = scalars.get(type);
  if (scalar !== undefined) return String(scalar[1](cursor.view, take(cursor, scalar[0])));
  if (type === stringType) {
    const found = text(cursor, ggufLimits.headerBytes, "a text of the metadata");
    return found.length > ggufLimits.textBytes ? `a text of ${found.length} characters` : found;
  }
  if (type !== arrayType) return fail(`a value of the metadata has the unknown type ${type}`);
  if (depth >= ggufLimits.arrayDepth)
    return fail(`arrays of the metadata lie more than ${ggufLimits.arrayDepth} inside each other`);
  const itemType = uint32(cursor);
  const count = uint64(cursor);
  cursor.arrayEntries -= count;
  if (cursor.arrayEntries < 0)
    return fail(`arrays of the metadata have more than ${ggufLimits.arrayEntries} entries`);
  const item = scalars.get(itemType);
  if (item !== undefined) take(cursor, item[0] * count);
  else if (itemType === stringType) for (let i = 0; i < count; i++) take(cursor, uint64(cursor));
  else for (let i = 0; i < count; i++) value(cursor, itemType, depth + 1);
  return `an array of ${count}`;
}

function readMetadata(cursor: Cursor, count: number): Record<string, string> {
  const found = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const key = text(cursor, ggufLimits.nameBytes, "a key of the metadata");
    if (found.has(key)) fail(`its metadata has the key ${JSON.stringify(key)} twice`);
    found.set(key, value(cursor, uint32(cursor), 0));
  }
  return Object.fromEntries(found);
}

function readTensor(cursor: Cursor): readonly [string, GgufTensor] {
  const name = text(cursor, ggufLimits.nameBytes, "the name of a tensor");
  const where = `tensor ${JSON.stringify(name)}`;
  const rank = uint32(cursor);
  if (rank > ggufLimits.rank) fail(`${where} has ${rank} dimensions, at most ${ggufLimits.rank}`);
  const sizes = Array.from({ length: rank }, () => uint64(cursor));
  const number = uint32(cursor);
  const type = ggufTypes.get(number);
  if (type === undefined)
    throw new UnsupportedError(
      `readGguf: ${where} has type ${number}, which is not known; convert the file to F16 or Q8_0`,
    );
  const count = sizeOf(sizes);
  if (!Number.isSafeInteger(count)) fail(`${where} has the sizes ${sizes.join(", ")}`);
  if (count % type.values !== 0 || (sizes[0] ?? 1) % type.values !== 0)
    fail(`${where} has rows of ${sizes[0]} values, expected whole blocks of ${type.values}`);
  const offset = uint64(cursor);
  const bytes = (count / type.values) * type.bytes;
  return [name, { type, shape: Object.freeze(sizes.toReversed()), offset, bytes }];
}

/**
 * The header from the first bytes of a file.
 * @throws {GgufEnd} when it goes on; {FormatError} for damage; {UnsupportedError} for other versions and byte orders
 */
export function ggufHeader(bytes: Uint8Array): GgufHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const cursor: Cursor = { bytes, view, at: 0, arrayEntries: ggufLimits.arrayEntries };
  take(cursor, 4);
  const version = uint32(cursor);
  if (version >= 2 ** 16)
    throw new UnsupportedError("readGguf: the numbers are big endian; save the file again");
  if (version < 2 || version > 3)
    throw new UnsupportedError(
      `readGguf: version ${version}, expected 2 or 3; convert the file with a current llama.cpp`,
    );
  const tensorCount = uint64(cursor);
  const keyCount = uint64(cursor);
  if (tensorCount > ggufLimits.tensors)
    fail(`${tensorCount} tensors, at most ${ggufLimits.tensors}`);
  if (keyCount > ggufLimits.keys) fail(`${keyCount} keys of metadata, at most ${ggufLimits.keys}`);
  const metadata = readMetadata(cursor, keyCount);
  const tensors = new Map<string, GgufTensor>();
  for (let i = 0; i < tensorCount; i++) {
    const [name, tensor] = readTensor(cursor);
    if (tensors.has(name)) fail(`the tensor ${JSON.stringify(name)} is in the file twice`);
    tensors.set(name, tensor);
  }
  const alignment = Number(metadata["general.alignment"] ?? 32);
  if (!(Number.isInteger(alignment) && alignment >= 1 && alignment <= 2 ** 20))
    fail(`an alignment of ${metadata["general.alignment"]}`);
  const dataStart = Math.ceil(cursor.at / alignment) * alignment;
  return { version, metadata, tensors, dataStart };
}
