// Zip archives by random access (PKWARE APPNOTE 6.3, zip64 included): the directory at the end, then only the bytes that
// are asked for. Stored files are read in place; deflated ones are unpacked with fflate. Left out: encryption, archives
// in several parts, other methods.

import { Inflate, inflateSync } from "fflate";
import { FormatError, UnsupportedError } from "../../core/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import { crc32 } from "./crc32.ts";
import { readDirectory, type ZipMember } from "./zip-directory.ts";

export interface ZipArchive {
  /** Unpacked sizes by name, in the archive's order. */
  readonly sizes: ReadonlyMap<string, number>;
  /** A whole file, its checksum checked when the archive was opened so. @throws {FormatError} {UnsupportedError} */
  read(name: string): Promise<Uint8Array>;
  /** Bytes `start` to `end` of a file, unchecked; the deflated file is unpacked as a whole. */
  readRange(name: string, start: number, end: number): Promise<Uint8Array>;
  /** The first bytes of a file, at most `count`; no more than needed is unpacked. */
  readStart(name: string, count: number): Promise<Uint8Array>;
  /** A file that is not packed, as a source of its own; undefined for one that is. */
  stored(name: string): Promise<ByteSource | undefined>;
}

const stored = 0;
const deflated = 8;
/** Packed bytes that are read at a time to find the start of a deflated file. */
const piece = 4096;

const fail = (what: string): never => {
  throw new FormatError(`readZip: ${what}; the file is damaged, fetch or save it again`);
};

/** @throws {FormatError} {UnsupportedError} {EnvironmentError} */
export async function openZip(
  file: ByteSource,
  { checksums }: { readonly checksums: boolean },
): Promise<ZipArchive> {
  const members = await readDirectory(file);
  const locate = (name: string) =>
    locateMember(file, members.get(name) ?? fail(`"${name}" is missing in the archive`));
  const archive: ZipArchive = {
    sizes: new Map([...members].map(([name, { size }]) => [name, size])),
    async read(name) {
      const { member, start } = await locate(name);
      const bytes =
        member.method === stored
          ? await file.read(start, start + member.size)
          : await unpack(file, member, start);
      if (checksums && crc32(bytes) !== member.crc) fail(`"${name}" has a wrong checksum`);
      return bytes;
    },
    async readRange(name, from, to) {
      const { member, start } = await locate(name);
      if (!(0 <= from && from <= to && to <= member.size)) fail(`"${name}" is cut short`);
      return member.method === stored
        ? file.read(start + from, start + to)
        : (await unpack(file, member, start)).subarray(from, to);
    },
    async readStart(name, count) {
      const { member, start } = await locate(name);
      const wanted = Math.min(count, member.size);
      return member.method === stored
        ? file.read(start, start + wanted)
        : unpackStart(file, member, start, wanted);
    },
    async stored(name) {
      const { member, start } = await locate(name);
      if (member.method !== stored) return undefined;
      const read = (from: number, to: number) => file.read(start + from, start + to);
      return Object.freeze({ location: file.location, size: member.size, read });
    },
  };
  return Object.freeze(archive);
}

/** A member and where its data begins, by its own header. */
async function locateMember(
  file: ByteSource,
  member: ZipMember,
): Promise<{ member: ZipMember; start: number }> {
  const { name } = member;
  if (member.method !== stored && member.method !== deflated)
    throw new UnsupportedError(
      `readZip: "${name}" is packed by method ${member.method}, expected ${stored} (stored) or ${deflated} (deflate); save the file again without it`,
    );
  const header = await file.read(member.header, Math.min(member.header + 30, file.size));
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  if (header.length < 30 || view.getUint32(0, true) !== 0x04034b50)
    fail(`"${name}" does not lie where the archive says`);
  const start = member.header + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  if (start + member.packed > file.size) fail(`"${name}" reaches beyond the end of the file`);
  return { member, start };
}

/** All of a deflated member. */
async function unpack(
  file: ByteSource,
  { name, packed, size }: ZipMember,
  start: number,
): Promise<Uint8Array> {
  const bytes = await file.read(start, start + packed);
  const unpacked = inflate(bytes, size, name);
  return unpacked.length === size ? unpacked : fail(`"${name}" is cut short`);
}

/** The first `wanted` bytes of a deflated member; reads no more of it than they need. */
async function unpackStart(
  file: ByteSource,
  { name, packed }: ZipMember,
  start: number,
  wanted: number,
): Promise<Uint8Array> {
  const result = new Uint8Array(wanted);
  let filled = 0;
  const stream = new Inflate((chunk) => {
    result.set(chunk.subarray(0, wanted - filled), filled);
    filled = Math.min(wanted, filled + chunk.length);
  });
  const isFull = () => filled === wanted;
  for (let at = 0; !isFull() && at < packed; at += piece) {
    const end = Math.min(at + piece, packed);
    const bytes = await file.read(start + at, start + end);
    try {
      stream.push(bytes, end === packed);
    } catch (error) {
      fail(`"${name}" cannot be unpacked (${(error as Error).message})`);
    }
  }
  return isFull() ? result : fail(`"${name}" is cut short`);
}

function inflate(bytes: Uint8Array, size: number, name: string): Uint8Array {
  try {
    return inflateSync(bytes, { out: new Uint8Array(size) });
  } catch (error) {
    return fail(`"${name}" cannot be unpacked (${(error as Error).message})`);
  }
}
