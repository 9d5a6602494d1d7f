// Arrays of a state that flax has written: MessagePack maps, whose arrays are extension 1 around [shape, name of the number format, bytes].
// Reads maps, texts, whole numbers, bytes, lists and that extension; floats of 32 and 64 bits as arrays.

import { FormatError, UnsupportedError } from "../core/errors.ts";
import { sizeOf } from "../core/shapes.ts";

export interface FlaxArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** More than any learned optimizer has. */
const limits = { depth: 32, entries: 100_000 } as const;
const arrayExtension = 1;

type Value =
  | number
  | string
  | null
  | boolean
  | Uint8Array
  | Value[]
  | Map<string, Value>
  | Extension;
interface Extension {
  readonly type: number;
  readonly bytes: Uint8Array;
}

const isExtension = (value: Value): value is Extension =>
  typeof value === "object" && value !== null && "type" in value;

function fail(at: number, what: string): never {
  throw new FormatError(
    `readFlaxArrays: at byte ${at}: ${what}; the file is damaged or no state of flax, fetch it again`,
  );
}

/** Bytes taken from the front, one piece after another. */
interface Cursor {
  readonly at: () => number;
  readonly left: () => number;
  /** Reads so many bytes with a function of a view and where they begin. */
  readonly read: <T>(count: number, get: (view: DataView, from: number) => T) => T;
  readonly slice: (count: number) => Uint8Array;
  readonly unsigned: (width: 1 | 2 | 4) => number;
}

function cursor(bytes: Uint8Array): Cursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (count: number): number => {
    if (count < 0 || at + count > bytes.length)
      fail(at, `expected ${count} more bytes, got ${bytes.length - at}`);
    at += count;
    return at - count;
  };
  const read: Cursor["read"] = (count, get) => get(view, take(count));
  return {
    at: () => at,
    left: () => bytes.length - at,
    read,
    slice: (count) => {
      const from = take(count);
      return bytes.subarray(from, from + count);
    },
    unsigned: (width) =>
      read(width, (all, from) => {
        if (width === 1) return all.getUint8(from);
        return width === 2 ? all.getUint16(from) : all.getUint32(from);
      }),
  };
}

const extension = (from: Cursor, count: number): Extension => ({
  type: from.unsigned(1),
  bytes: from.slice(count),
});
const text = (from: Cursor, count: number) => new TextDecoder().decode(from.slice(count));

/** Values by their first byte: those of one size, and those after a count of 1, 2 or 4 bytes. */
const simple: Readonly<Record<number, (from: Cursor) => Value>> = {
  0xc0: () => null,
  0xc2: () => false,
  0xc3: () => true,
  0xca: (from) => from.read(4, (view, at) => view.getFloat32(at)),
  0xcb: (from) => from.read(8, (view, at) => view.getFloat64(at)),
  0xcc: (from) => from.unsigned(1),
  0xcd: (from) => from.unsigned(2),
  0xce: (from) => from.unsigned(4),
  0xcf: (from) => from.read(8, (view, at) => Number(view.getBigUint64(at))),
  0xd0: (from) => from.read(1, (view, at) => view.getInt8(at)),
  0xd1: (from) => from.read(2, (view, at) => view.getInt16(at)),
  0xd2: (from) => from.read(4, (view, at) => view.getInt32(at)),
  0xd3: (from) => from.read(8, (view, at) => Number(view.getBigInt64(at))),
  0xd4: (from) => extension(from, 1),
  0xd5: (from) => extension(from, 2),
  0xd6: (from) => extension(from, 4),
  0xd7: (from) => extension(from, 8),
  0xd8: (from) => extension(from, 16),
};
type Counted = "bytes" | "extension" | "text" | "list" | "map";
const counted: Readonly<Record<number, readonly [Counted, 1 | 2 | 4]>> = {
  0xc4: ["bytes", 1],
  0xc5: ["bytes", 2],
  0xc6: ["bytes", 4],
  0xc7: ["extension", 1],
  0xc8: ["extension", 2],
  0xc9: ["extension", 4],
  0xd9: ["text", 1],
  0xda: ["text", 2],
  0xdb: ["text", 4],
  0xdc: ["list", 2],
  0xdd: ["list", 4],
  0xde: ["map", 2],
  0xdf: ["map", 4],
};

function countedValue(from: Cursor, kind: Counted, count: number, depth: number): Value {
  if (kind === "bytes") return from.slice(count);
  if (kind === "extension") return extension(from, count);
  if (kind === "text") return text(from, count);
  if (count > Math.min(limits.entries, from.left()))
    return fail(from.at(), `expected fewer than ${limits.entries} entries, got ${count}`);
  if (kind === "list") return Array.from({ length: count }, () => readValue(from, depth + 1));
  const found = new Map<string, Value>();
  for (let i = 0; i < count; i++) {
    const key = readValue(from, depth + 1);
    if (typeof key !== "string") return fail(from.at(), "expected a text as key");
    found.set(key, readValue(from, depth + 1));
  }
  return found;
}

/** One value, with all that is in it. */
function readValue(from: Cursor, depth = 0): Value {
  if (depth > limits.depth) return fail(from.at(), `nested more than ${limits.depth} deep`);
  const start = from.at();
  const first = from.unsigned(1);
  if (first < 0x80) return first;
  if (first < 0x90) return countedValue(from, "map", first & 0x0f, depth);
  if (first < 0xa0) return countedValue(from, "list", first & 0x0f, depth);
  if (first < 0xc0) return text(from, first & 0x1f);
  if (first >= 0xe0) return first - 0x100;
  if (Object.hasOwn(simple, first)) return simple[first](from);
  if (!Object.hasOwn(counted, first)) return fail(start, `byte ${first} begins no value`);
  const [kind, width] = counted[first];
  return countedValue(from, kind, from.unsigned(width), depth);
}

const formats: Readonly<
  Record<string, { bytes: number; read: (view: DataView, at: number) => number }>
> = {
  float32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  float64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};

function arrayOf(name: string, { type, bytes }: Extension): FlaxArray {
  if (type !== arrayExtension)
    throw new UnsupportedError(
      `readFlaxArrays: "${name}" is of extension ${type}, expected ${arrayExtension} (an array)`,
    );
  const parts = readValue(cursor(bytes));
  if (!Array.isArray(parts) || parts.length !== 3) return fail(0, `"${name}" is no array of flax`);
  const [shape, format, data] = parts;
  const isShape =
    Array.isArray(shape) &&
    shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
  if (!isShape || typeof format !== "string" || !(data instanceof Uint8Array))
    return fail(0, `"${name}" is no array of flax`);
  const known = Object.hasOwn(formats, format) ? formats[format] : undefined;
  if (known === undefined)
    throw new UnsupportedError(
      `readFlaxArrays: "${name}" holds numbers of format "${format}", expected float32 or float64`,
    );
  const sizes = shape as number[];
  const count = sizeOf(sizes);
  if (data.length !== count * known.bytes)
    return fail(0, `"${name}" expected ${count * known.bytes} bytes, got ${data.length}`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return {
    shape: sizes,
    data: Float32Array.from({ length: count }, (_, i) => known.read(view, i * known.bytes)),
  };
}

/**
 * Every array of a state, its name the keys on the way joined with "/".
 * @throws {FormatError} for damage; {UnsupportedError} for other extensions and number formats
 */
export function readFlaxArrays(bytes: Uint8Array): Map<string, FlaxArray> {
  const input = cursor(bytes);
  const root = readValue(input);
  if (input.left() > 0) fail(input.at(), `${input.left()} bytes are left over`);
  if (!(root instanceof Map)) return fail(0, "expected a map");
  const arrays = new Map<string, FlaxArray>();
  const visit = (prefix: string, value: Value): void => {
    if (value instanceof Map) {
      for (const [key, child] of value) visit(prefix === "" ? key : `${prefix}/${key}`, child);
    } else if (isExtension(value)) arrays.set(prefix, arrayOf(prefix, value));
  };
  visit("", root);
  return arrays;
}
