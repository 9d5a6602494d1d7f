// Checksums vouch for all bytes of a file, and looking at one changes nothing.

import { expect, test } from "vitest";
import { blankChecksum, checksumHolds, withChecksum } from "../../src/core/checksum.ts";

test("a checksum holds for the bytes it was made of, again and again, in arrays and in Node's buffers", async () => {
  const plain = new TextEncoder().encode(`{"checksum":"${blankChecksum}","a":[1,2]}`);
  const sealed = await withChecksum(plain);
  const checksum = new TextDecoder().decode(sealed).slice(13, 77);
  expect(checksum).toMatch(/^[0-9a-f]{64}$/);
  for (const bytes of [sealed, Buffer.from(sealed)]) {
    expect(await checksumHolds(bytes, checksum)).toBe(true);
    expect(await checksumHolds(bytes, checksum)).toBe(true);
    expect([...bytes]).toEqual([...sealed]);
    bytes[bytes.length - 3] ^= 1;
    expect(await checksumHolds(bytes, checksum)).toBe(false);
    bytes[bytes.length - 3] ^= 1;
  }
  expect(await checksumHolds(sealed, checksum.toUpperCase())).toBe(false);
  expect(await checksumHolds(sealed, "")).toBe(false);
});
