// Checksums that files carry: SHA-256 of the whole file in which the checksum itself is written as zeros, so that a bit
// that changes anywhere, in numbers, names or metadata, is noticed.

/** What stands in the place of a checksum while it is computed. */
export const blankChecksum = "0".repeat(64);

/** The bytes with the first blank checksum in them replaced by the real one. They must hold one. */
export async function withChecksum(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const sealed = new Uint8Array(bytes);
  const at = find(bytes, blankChecksum);
  sealed.set(new TextEncoder().encode(await sha256(bytes)), at);
  return sealed;
}

/** True when the bytes are those that got this checksum. */
export async function checksumHolds(bytes: Uint8Array, checksum: string): Promise<boolean> {
  const at = find(bytes, checksum);
  if (at < 0 || checksum.length !== blankChecksum.length) return false;
  const blank = new Uint8Array(bytes); // a copy; `slice` of a Buffer of Node is none
  blank.set(new TextEncoder().encode(blankChecksum), at);
  return (await sha256(blank)) === checksum;
}

/** SHA-256 of bytes, as 64 hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Where an ASCII text first occurs; -1 when it does not. */
function find(bytes: Uint8Array, text: string): number {
  const wanted = new TextEncoder().encode(text);
  for (let at = 0; at + wanted.length <= bytes.length; at++) {
    if (bytes[at] === wanted[0] && wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}
