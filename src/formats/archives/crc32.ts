// The checksum of zip archives: CRC-32 (ISO 3309), polynomial 0xEDB88320 in reflected form, four bytes at a time.

let tables: Uint32Array[] | undefined;

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    first[byte] = crc;
  }
  const all = [first];
  for (let i = 1; i < 4; i++) all.push(all[i - 1].map((crc) => (crc >>> 8) ^ first[crc & 255]));
  return all;
}

/** CRC-32 of bytes, from 0 to 2^32 - 1. */
export function crc32(bytes: Uint8Array): number {
  const [t0, t1, t2, t3] = (tables ??= makeTables());
  let crc = 0xffffffff;
  let at = 0;
  for (const end = bytes.length - 3; at < end; at += 4) {
    const x =
      crc ^ (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
    crc = t3[x & 255] ^ t2[(x >>> 8) & 255] ^ t1[(x >>> 16) & 255] ^ t0[x >>> 24];
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}
