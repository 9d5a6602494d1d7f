// The directory at the end of a zip archive: names, sizes and places of its files, zip64 fields included.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import type { ByteSource } from "../byte-source.ts";

const limits = { files: 500_000, directoryBytes: 256 * 2 ** 20 };
/** No deflated byte gives more than this many. */
const maxRatio = 1032;
/** Files that unpack to so many bytes must not have been packed as tightly as only endless repetition is. */
const inflated = { bytes: 2 ** 28, ratio: 100 };
const endBytes = 22;
const maxComment = 65_535;

export interface ZipMember {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  /** Bytes in the archive, and unpacked. */
  readonly packed: number;
  readonly size: number;
  /** Where its own header begins. */
  readonly header: number;
}

const fail = (what: string): never => {
  throw new FormatError(`readZip: ${what}; the file is damaged, fetch or save it again`);
};

interface EntryPlace {
  readonly files: number;
  readonly start: number;
  readonly bytes: number;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  new DataView(buffer, byteOffset, byteLength);

function big(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  return Number.isSafeInteger(value) ? value : fail("a size in the directory cannot be true");
}

/** Where the directory lies. */
async function findDirectory(file: ByteSource): Promise<EntryPlace> {
  const tailStart = Math.max(0, file.size - endBytes - maxComment);
  const tail = await file.read(tailStart, file.size);
  const view = viewOf(tail);
  let at = tail.length - endBytes;
  const isEnd = () =>
    view.getUint32(at, true) === 0x06054b50 &&
    at + endBytes + view.getUint16(at + 20, true) === tail.length;
  while (at >= 0 && !isEnd()) at--;
  if (at < 0) return fail("the zip archive has no directory at its end, it may be cut short");
  const short = {
    files: view.getUint16(at + 10, true),
    bytes: view.getUint32(at + 12, true),
    start: view.getUint32(at + 16, true),
  };
  const isShort = short.files < 0xffff && short.bytes < 0xffffffff && short.start < 0xffffffff;
  if (isShort || at < 20 || view.getUint32(at - 20, true) !== 0x07064b50) return short;
  const place = big(view, at - 12);
  if (place + 56 > file.size) return fail("the zip64 directory lies beyond the end of the file");
  const record = viewOf(await file.read(place, place + 56));
  if (record.getUint32(0, true) !== 0x06064b50) return fail("the zip64 directory is missing");
  return { files: big(record, 32), bytes: big(record, 40), start: big(record, 48) };
}

/** The files of an archive by name, in its order. @throws {FormatError} {UnsupportedError} for encrypted ones */
export async function readDirectory(file: ByteSource): Promise<ReadonlyMap<string, ZipMember>> {
  const { files, start, bytes } = await findDirectory(file);
  if (files > limits.files) fail(`${files} files in the archive, at most ${limits.files}`);
  if (bytes > limits.directoryBytes) fail(`a directory of ${bytes} bytes`);
  if (start + bytes > file.size) fail("the directory reaches beyond the end of the file");
  const directory = await file.read(start, start + bytes);
  const view = viewOf(directory);
  const members = new Map<string, ZipMember>();
  let at = 0;
  for (let i = 0; i < files; i++) {
    if (at + 46 > bytes || view.getUint32(at, true) !== 0x02014b50)
      fail(`the directory ends after ${i} of ${files} files`);
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const end = extraEnd + view.getUint16(at + 32, true);
    if (end > bytes) fail(`the directory ends after ${i} of ${files} files`);
    const flags = view.getUint16(at + 8, true);
    const name = new TextDecoder(flags & 0x800 ? "utf-8" : "latin1").decode(
      directory.subarray(at + 46, nameEnd),
    );
    if (flags & 1)
      throw new UnsupportedError(`readZip: "${name}" is encrypted; save the file without it`);
    if (members.has(name)) fail(`"${name}" is in the archive twice`);
    const member = { name, ...fieldsOf(view, at, nameEnd, extraEnd) };
    checkSizes(member, file.size);
    members.set(name, member);
    at = end;
  }
  return members;
}

/** Numbers of one directory record; those of 32 bits that are all ones are in its zip64 field. */
function fieldsOf(view: DataView, at: number, extra: number, extraEnd: number) {
  const long: number[] = [];
  for (let field = extra; field + 4 <= extraEnd; field += 4 + view.getUint16(field + 2, true)) {
    if (view.getUint16(field, true) !== 1) continue;
    const fieldEnd = Math.min(field + 4 + view.getUint16(field + 2, true), extraEnd);
    for (let next = field + 4; next + 8 <= fieldEnd; next += 8) long.push(big(view, next));
  }
  const wide = (offset: number): number => {
    const value = view.getUint32(at + offset, true);
    return value === 0xffffffff ? (long.shift() ?? value) : value;
  };
  const size = wide(24);
  const packed = wide(20);
  const header = wide(42);
  const method = view.getUint16(at + 10, true);
  return { method, crc: view.getUint32(at + 16, true), size, packed, header };
}

function checkSizes({ name, method, packed, size, header }: ZipMember, fileBytes: number): void {
  const isPossible =
    header + 30 + packed <= fileBytes &&
    (method === 0 ? packed === size : size <= Math.max(maxRatio * packed, 1024));
  if (!isPossible) fail(`"${name}" claims ${packed} bytes, ${size} unpacked`);
  if (size > inflated.bytes && size > inflated.ratio * packed)
    throw new UnsupportedError(
      `readZip: "${name}" unpacks from ${packed} bytes to ${size}, more than ${inflated.ratio} times as many; if it is no trap, save it without compression (numpy.savez)`,
    );
}
