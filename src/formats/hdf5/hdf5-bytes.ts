// The bytes of an HDF5 file by place: small reads go through pages that are kept for a while, and all of them share a
// budget, so that no file can ask for endless work.

import { FormatError } from "../../core/errors.ts";
import type { ByteSource } from "../byte-source.ts";

export const hdf5Limits = {
  /** Reads of structures in one file: a dataset takes about 12. */
  reads: 400_000,
  /** Bytes of one structure (a node, a heap, a block of messages), and of all that are read. */
  structureBytes: 16 * 2 ** 20,
  allBytes: 128 * 2 ** 20,
  objects: 50_000,
  depth: 64,
  pathLength: 4096,
  rank: 32,
  messages: 10_000,
  chunkBytes: 64 * 2 ** 20,
  chunks: 1_000_000,
  datasetBytes: 2 ** 31,
};

const pageBytes = 2 ** 15;
const maxPages = 64;

/** A file whose structures are read by their addresses. */
export interface Hdf5Bytes {
  readonly file: ByteSource;
  /** A copy of the bytes from an address. @throws {FormatError} beyond the end of the file, and when the budget is used up */
  readonly read: (address: number, count: number) => Promise<DataView<ArrayBuffer>>;
}

/** @throws {FormatError} always */
export function fail(what: string): never {
  throw new FormatError(
    `readHdf5: ${what}; the file is damaged or cut short, fetch or save it again`,
  );
}

export function hdf5Bytes(file: ByteSource): Hdf5Bytes {
  const pages = new Map<number, Uint8Array>();
  let left = hdf5Limits.reads;
  let bytesLeft = hdf5Limits.allBytes;
  const page = async (index: number): Promise<Uint8Array> => {
    const known = pages.get(index);
    if (known !== undefined) return known;
    const start = index * pageBytes;
    const bytes = await file.read(start, Math.min(start + pageBytes, file.size));
    for (const oldest of pages.keys()) {
      if (pages.size < maxPages) break;
      pages.delete(oldest);
    }
    pages.set(index, bytes);
    return bytes;
  };
  const read = async (address: number, count: number): Promise<DataView<ArrayBuffer>> => {
    bytesLeft -= count;
    if (--left < 0 || bytesLeft < 0)
      fail(
        `more than ${hdf5Limits.reads} structures or ${hdf5Limits.allBytes} bytes of them are asked for`,
      );
    if (!(count >= 0 && count <= hdf5Limits.structureBytes))
      fail(`a structure of ${count} bytes at byte ${address}`);
    if (!(address >= 0 && address + count <= file.size))
      fail(`a structure of ${count} bytes at byte ${address} reaches beyond the end`);
    const result = new Uint8Array(count);
    for (let at = address; at < address + count;) {
      const index = Math.floor(at / pageBytes);
      const bytes = await page(index);
      const from = at - index * pageBytes;
      const part = bytes.subarray(from, Math.min(bytes.length, from + address + count - at));
      result.set(part, at - address);
      at += part.length;
    }
    return new DataView(result.buffer);
  };
  return Object.freeze({ file, read });
}

const undefinedAddress = 0xffff_ffff_ffff_ffffn;

/** A number of 8 bytes. @throws {FormatError} beyond 2^53 */
export function uint64(view: DataView, at: number): number {
  const value = getUint64(view, at);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? fail(`the number ${value}`) : Number(value);
}

/** An address, or undefined where there is none. */
export const addressAt = (view: DataView, at: number): number | undefined =>
  getUint64(view, at) === undefinedAddress ? undefined : uint64(view, at);

const getUint64 = (view: DataView, at: number): bigint =>
  at + 8 <= view.byteLength ? view.getBigUint64(at, true) : fail("a structure is too short");

/** A number of 1, 2 or 4 bytes. @throws {FormatError} beyond the structure */
export function uint(view: DataView, at: number, bytes: 1 | 2 | 4): number {
  if (at + bytes > view.byteLength) return fail("a structure is too short");
  if (bytes === 1) return view.getUint8(at);
  return bytes === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
}

/** Bytes as text up to the first zero. @throws {FormatError} for what is not UTF-8 */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  try {
    return decoder.decode(end === -1 ? bytes : bytes.subarray(0, end));
  } catch {
    return fail("a name is not UTF-8");
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Part of a structure as bytes. @throws {FormatError} beyond it */
export function bytesAt(view: DataView, at: number, count: number): Uint8Array {
  if (!(at + count <= view.byteLength)) return fail("a structure is too short");
  return new Uint8Array(view.buffer, view.byteOffset + at, count);
}

/** Whether a structure begins with these four letters. */
export const hasMark = (view: DataView, mark: string): boolean =>
  view.byteLength >= 4 && [0, 1, 2, 3].every((i) => view.getUint8(i) === mark.charCodeAt(i));
