// A source of bytes that counts what is read from it.

import type { ByteSource } from "../../../src/formats/byte-source.ts";

export interface CountingSource extends ByteSource {
  /** Bytes read since the last call. */
  taken(): number;
  /** Whether it was closed. */
  isClosed(): boolean;
}

export function countingSource(bytes: Uint8Array, location = "bytes of a test"): CountingSource {
  let count = 0;
  let closed = false;
  return {
    location,
    size: bytes.length,
    read: (start, end) => {
      if (!(0 <= start && start <= end && end <= bytes.length))
        throw new Error(`read from ${start} to ${end} of ${bytes.length} bytes`);
      count += end - start;
      return Promise.resolve(bytes.slice(start, end));
    },
    close: () => {
      closed = true;
      return Promise.resolve();
    },
    taken: () => {
      const taken = count;
      count = 0;
      return taken;
    },
    isClosed: () => closed,
  };
}
