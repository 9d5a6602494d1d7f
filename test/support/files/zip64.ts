// Rewrites a small zip archive as one beyond 4 GiB would be written: every 32-bit field says "see the zip64 field".

/** The same archive with zip64 records; its files must have no extra fields. */
export function asZip64(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - 22;
  const files = view.getUint16(end + 10, true);
  const start = view.getUint32(end + 16, true);
  const parts: Uint8Array[] = [bytes.slice(0, start)];
  let at = start;
  for (let i = 0; i < files; i++) {
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const record = bytes.slice(at, nameEnd);
    const fields = new DataView(record.buffer);
    const extra = new Uint8Array(28);
    const long = new DataView(extra.buffer);
    long.setUint16(0, 1, true);
    long.setUint16(2, 24, true);
    for (const [place, offset] of [
      [4, 24],
      [12, 20],
      [20, 42],
    ]) {
      long.setBigUint64(place, BigInt(fields.getUint32(offset, true)), true);
      fields.setUint32(offset, 0xffffffff, true);
    }
    fields.setUint16(30, extra.length, true);
    parts.push(record, extra);
    at = nameEnd;
  }
  const size = parts.slice(1).reduce((sum, part) => sum + part.length, 0);
  const tail = new Uint8Array(56 + 20 + 22);
  const last = new DataView(tail.buffer);
  last.setUint32(0, 0x06064b50, true);
  last.setBigUint64(4, 44n, true);
  last.setBigUint64(24, BigInt(files), true);
  last.setBigUint64(32, BigInt(files), true);
  last.setBigUint64(40, BigInt(size), true);
  last.setBigUint64(48, BigInt(start), true);
  last.setUint32(56, 0x07064b50, true);
  last.setBigUint64(64, BigInt(start + size), true);
  last.setUint32(72, 1, true);
  last.setUint32(76, 0x06054b50, true);
  for (const offset of [84, 86]) last.setUint16(offset, 0xffff, true);
  for (const offset of [88, 92]) last.setUint32(offset, 0xffffffff, true);
  const all = [...parts, tail];
  const result = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let to = 0;
  for (const part of all) {
    result.set(part, to);
    to += part.length;
  }
  return result;
}
