// Attributes of HDF5 objects: their names, and the values of those that say what Keras calls a layer or how it stores numbers.

import { bytesAt, fail, hasMark, type Hdf5Bytes, textOf, uint, uint64 } from "./hdf5-bytes.ts";
import { type Message, messageTypes } from "./hdf5-objects.ts";
import { shapeOf, typeOf } from "./hdf5-types.ts";

/** Attributes whose values are of use; others, such as the config of a model, may be long and are only named. */
const wanted: readonly string[] = ["name", "dtype"];

/** By name; "" for values that are not wanted, or no single text. @throws {FormatError} */
export async function attributesOf(
  bytes: Hdf5Bytes,
  messages: readonly Message[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const { type, data, isShared } of messages) {
    if (type !== messageTypes.attribute || isShared) continue;
    const [name, value] = await readAttribute(bytes, data);
    found.set(name, value);
  }
  return found;
}

async function readAttribute(
  bytes: Hdf5Bytes,
  data: DataView<ArrayBuffer>,
): Promise<readonly [string, string]> {
  const version = uint(data, 0, 1);
  if (version < 1 || version > 3) return fail(`an attribute of version ${version}`);
  const padded = (size: number) => (version === 1 ? Math.ceil(size / 8) * 8 : size);
  const [nameBytes, typeBytes, spaceBytes] = [2, 4, 6].map((at) => uint(data, at, 2));
  const nameAt = version === 3 ? 9 : 8;
  const name = textOf(bytesAt(data, nameAt, nameBytes));
  if (!wanted.includes(name)) return [name, ""];
  const typeAt = nameAt + padded(nameBytes);
  const spaceAt = typeAt + padded(typeBytes);
  const valueAt = spaceAt + padded(spaceBytes);
  // A format that is kept elsewhere: its name alone is of use.
  if (version > 1 && uint(data, 1, 1) !== 0) return [name, ""];
  const { text, width } = typeOf(part(data, typeAt, typeBytes));
  const shape = shapeOf(part(data, spaceAt, spaceBytes));
  if (text === undefined || shape === undefined || shape.length > 0) return [name, ""];
  if (text === "fixed") return [name, textOf(bytesAt(data, valueAt, width))];
  const length = uint(data, valueAt, 4);
  if (length === 0) return [name, ""];
  const heap = await readHeapObject(bytes, uint64(data, valueAt + 4), uint(data, valueAt + 12, 4));
  return [name, textOf(heap.subarray(0, length))];
}

function part(data: DataView<ArrayBuffer>, at: number, count: number): DataView<ArrayBuffer> {
  bytesAt(data, at, count);
  return new DataView(data.buffer, data.byteOffset + at, count);
}

/** One object of a global heap: objects follow each other, each with a head of 16 bytes. */
async function readHeapObject(
  bytes: Hdf5Bytes,
  address: number,
  index: number,
): Promise<Uint8Array> {
  const head = await bytes.read(address, 16);
  if (!hasMark(head, "GCOL")) return fail(`there is no heap at byte ${address}`);
  const heap = await bytes.read(address, uint64(head, 8));
  for (let at = 16; at + 16 <= heap.byteLength;) {
    const found = uint(heap, at, 2);
    const size = uint64(heap, at + 8);
    if (found === index) return bytesAt(heap, at + 16, size);
    if (found === 0) break;
    at += 16 + Math.ceil(size / 8) * 8;
  }
  return fail(`a heap at byte ${address} has no object ${index}`);
}
