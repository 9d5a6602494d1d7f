// Labelled images as plain data, and the files they come from.

import { gunzipSync } from "fflate";
import { FormatError } from "../core/errors.ts";

/** A file by its name, for messages, and its bytes. */
export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Images to classify. */
export interface ImageSet {
  readonly count: number;
  /** Of one image: [height, width], or [channels, height, width]. */
  readonly shape: readonly number[];
  /** Row-major [count, ...shape], brightness from 0 to 1. */
  readonly inputs: Float32Array<ArrayBuffer>;
  /** [count] */
  readonly labels: Uint8Array<ArrayBuffer>;
}

/** The largest file that is unpacked: ten times the largest of the published sets. */
const mostBytes = 2 ** 31;

/** The bytes of a file, unpacked where they begin as gzip does. @throws {FormatError} naming the file */
export function unpacked({ name, bytes }: NamedFile): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const fail = (what: string): never => {
    throw new FormatError(`${name}: ${what}; fetch the file again`);
  };
  if (bytes.length < 18) return fail(`a gzip file of ${bytes.length} bytes is cut short`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true);
  if (length > mostBytes) return fail(`it claims ${length} bytes, expected at most ${mostBytes}`);
  let result: Uint8Array;
  try {
    result = gunzipSync(bytes);
  } catch (error) {
    return fail(`its gzip stream does not unpack (${(error as Error).message})`);
  }
  if (result.length !== length)
    return fail(`it unpacks to ${result.length} bytes, its end says ${length}`);
  return result;
}
