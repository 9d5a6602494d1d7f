// Gzip files (RFC 1952) of one member, unpacked within a bound and checked against the length and CRC-32 at their end.

import { Gunzip } from "fflate";
import { FormatError } from "../../core/errors.ts";
import { crc32 } from "./crc32.ts";

/** Bytes that a file may unpack to, unless said otherwise. */
const defaultMaxBytes = 2 ** 31;
/** Packed bytes read at a time: they unpack to 64 MiB at most. */
const step = 2 ** 16;

/**
 * The bytes of a file, unpacked where they begin as gzip does; other bytes come back as they are.
 * @param name the file, for messages
 * @throws {FormatError} for damaged files, files that unpack to more than `maxBytes` (default 2^31), and files of several members
 */
export function gunzip(bytes: Uint8Array, name: string, maxBytes = defaultMaxBytes): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const fail = (what: string): never => {
    throw new FormatError(`${name}: ${what}; fetch the file again`);
  };
  if (bytes.length < 18) return fail(`a gzip file of ${bytes.length} bytes is cut short`);
  const tail = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 8, 8);
  const length = tail.getUint32(4, true);
  if (length > maxBytes) return fail(`it claims ${length} bytes, expected at most ${maxBytes}`);
  const result = unpack(bytes, length, fail);
  if (result.length !== length)
    return fail(`it unpacks to ${result.length} bytes, its end says ${length}`);
  if (crc32(result) !== tail.getUint32(0, true))
    return fail("its checksum does not fit its contents");
  return result;
}

/** Unpacks a stream whose end says that it holds `length` bytes, and stops beyond. */
function unpack(
  bytes: Uint8Array,
  length: number,
  fail: (what: string) => never,
): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  let members = 1;
  const stream = new Gunzip((chunk) => {
    total += chunk.length;
    chunks.push(chunk);
  });
  stream.onmember = () => void members++;
  for (let at = 0; at < bytes.length; at += step) {
    try {
      stream.push(bytes.subarray(at, at + step), at + step >= bytes.length);
    } catch (error) {
      return fail(`its gzip stream does not unpack (${(error as Error).message})`);
    }
    if (members > 1) return fail("it holds several gzip members, expected one");
    if (total > length) return fail(`it unpacks to more than the ${length} bytes its end says`);
  }
  const result = new Uint8Array(total);
  let filled = 0;
  for (const chunk of chunks) {
    result.set(chunk, filled);
    filled += chunk.length;
  }
  return result;
}
