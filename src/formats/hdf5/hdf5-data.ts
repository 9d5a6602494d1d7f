// The numbers of HDF5 arrays: in one piece, inside the header, or in chunks under a B-tree, each chunk packed by filters
// (deflate, shuffle, fletcher32). Left out: other filters, chunk indexes of newer files, numbers in other files.

import { unzlibSync } from "fflate";
import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { sizeOf, stridesOf } from "../../core/shapes.ts";
import {
  addressAt,
  bytesAt,
  fail,
  hasMark,
  type Hdf5Bytes,
  hdf5Limits,
  uint,
  uint64,
} from "./hdf5-bytes.ts";

/** Arrays that unpack to so many bytes must not have been packed as tightly as only endless repetition is. */
const unpacked = { bytes: 2 ** 28, ratio: 100 };

interface Filter {
  readonly id: number;
  readonly values: readonly number[];
}

/** Where the numbers of an array lie. */
export type Hdf5Layout =
  | { readonly kind: "inside"; readonly data: Uint8Array }
  | { readonly kind: "one piece"; readonly address: number | undefined; readonly bytes: number }
  | {
      readonly kind: "chunks";
      readonly tree: number | undefined;
      readonly chunk: readonly number[];
      readonly filters: readonly Filter[];
    }
  /** What is not read, with the reason. */
  | { readonly kind: "unread"; readonly why: string };

const unread = (why: string): Hdf5Layout => ({ kind: "unread", why });

const filterNames: Readonly<Record<number, string>> = {
  1: "deflate",
  2: "shuffle",
  3: "fletcher32",
  4: "szip",
  5: "nbit",
  6: "scaleoffset",
  32000: "lzf",
  32001: "blosc",
  32004: "lz4",
  32015: "zstd",
};
const readFilters = [1, 2, 3];

/** The layout that the messages of an array describe. @throws {FormatError} */
export function layoutOf(
  data: DataView<ArrayBuffer>,
  filterData: DataView<ArrayBuffer> | undefined,
  rank: number,
): Hdf5Layout {
  const version = uint(data, 0, 1);
  if (version !== 3 && version !== 4)
    return unread(`a layout of version ${version}, expected 3 or 4`);
  const kind = uint(data, 1, 1);
  if (kind === 0) return { kind: "inside", data: bytesAt(data, 4, uint(data, 2, 2)).slice() };
  if (kind === 1)
    return { kind: "one piece", address: addressAt(data, 2), bytes: uint64(data, 10) };
  if (kind !== 2) return unread("its numbers are put together from other arrays or files");
  if (version === 4)
    return unread(
      "chunks with an index of newer files; save the file with h5py's libver='earliest'",
    );
  const filters = filterData === undefined ? [] : filtersOf(filterData);
  const unknown = filters.find(({ id }) => !readFilters.includes(id));
  if (unknown !== undefined)
    return unread(
      `it is packed by ${filterNames[unknown.id] ?? `filter ${unknown.id}`}; save it with gzip or none`,
    );
  if (uint(data, 2, 1) !== rank + 1) return fail("chunks have another rank than their array");
  const chunk = Array.from({ length: rank }, (_, i) => uint(data, 11 + 4 * i, 4));
  return { kind: "chunks", tree: addressAt(data, 3), chunk, filters };
}

function filtersOf(data: DataView): Filter[] {
  const version = uint(data, 0, 1);
  if (version !== 1 && version !== 2) return fail(`filters of version ${version}`);
  const filters: Filter[] = [];
  let at = version === 1 ? 8 : 2;
  for (let i = uint(data, 1, 1); i > 0; i--) {
    const id = uint(data, at, 2);
    const hasName = version === 1 || id >= 256;
    const nameBytes = hasName ? uint(data, at + 2, 2) : 0;
    const countAt = at + (hasName ? 6 : 4);
    const count = uint(data, countAt, 2);
    const valuesAt = countAt + 2 + (version === 1 ? Math.ceil(nameBytes / 8) * 8 : nameBytes);
    const values = Array.from({ length: count }, (_, j) => uint(data, valuesAt + 4 * j, 4));
    filters.push({ id, values });
    at = valuesAt + 4 * (version === 1 ? count + (count % 2) : count);
  }
  return filters;
}

/** All bytes of an array, row-major. @throws {FormatError} {UnsupportedError} for more than 2^31 bytes in chunks */
export async function readData(
  bytes: Hdf5Bytes,
  layout: Hdf5Layout,
  shape: readonly number[],
  width: number,
): Promise<Uint8Array> {
  const total = sizeOf(shape) * width;
  if (total === 0) return new Uint8Array();
  if (layout.kind === "inside") return layout.data.slice();
  if (layout.kind === "one piece")
    return bytes.file.read(layout.address ?? 0, (layout.address ?? 0) + total);
  if (layout.kind === "unread") throw new UnsupportedError(`readHdf5: ${layout.why}`);
  if (total > hdf5Limits.datasetBytes)
    throw new UnsupportedError(
      `readHdf5: an array of ${total} bytes in chunks, at most ${hdf5Limits.datasetBytes}; save it in one piece`,
    );
  return readChunks(bytes, layout, shape, width);
}

interface Chunk {
  readonly offsets: readonly number[];
  readonly address: number;
  readonly bytes: number;
  /** Bits of the filters that were left out for it. */
  readonly skipped: number;
}

type ChunkedLayout = Hdf5Layout & { readonly kind: "chunks" };

async function readChunks(
  bytes: Hdf5Bytes,
  { tree, chunk, filters }: ChunkedLayout,
  shape: readonly number[],
  width: number,
): Promise<Uint8Array> {
  const chunkBytes = sizeOf(chunk) * width;
  if (!(chunkBytes > 0 && chunkBytes <= hdf5Limits.chunkBytes))
    return fail(`chunks of ${chunkBytes} bytes, at most ${hdf5Limits.chunkBytes}`);
  const expected = shape.reduce((count, size, i) => count * Math.ceil(size / chunk[i]), 1);
  if (!(expected <= hdf5Limits.chunks))
    return fail(`${expected} chunks, at most ${hdf5Limits.chunks}`);
  const chunks = tree === undefined ? [] : await findChunks(bytes, tree, chunk, shape);
  if (chunks.length !== expected)
    throw new FormatError(
      `readHdf5: ${chunks.length} of ${expected} chunks were written, the other numbers are missing; save the array again`,
    );
  const packed = chunks.reduce((sum, one) => sum + one.bytes, 0);
  if (expected * chunkBytes > Math.max(1032 * packed, 2 ** 16))
    return fail(`${packed} bytes cannot unpack to ${expected * chunkBytes}`);
  const total = sizeOf(shape) * width;
  if (total > unpacked.bytes && total > unpacked.ratio * packed)
    throw new UnsupportedError(
      `readHdf5: an array unpacks from ${packed} bytes to ${total}, more than ${unpacked.ratio} times as many; if it is no trap, save it without compression`,
    );
  const result = new Uint8Array(total);
  for (const one of chunks) {
    const data = await bytes.file.read(one.address, one.address + one.bytes);
    place(
      result,
      unfilter(data, filters, one, chunkBytes, width),
      one.offsets,
      chunk,
      shape,
      width,
    );
  }
  return result;
}

/** All chunks below a node, each once and where one may lie. */
async function findChunks(
  bytes: Hdf5Bytes,
  root: number,
  chunk: readonly number[],
  shape: readonly number[],
): Promise<Chunk[]> {
  const rank = chunk.length;
  const keyBytes = 8 + 8 * (rank + 1);
  const found = new Map<string, Chunk>();
  const open: { address: number; level: number | undefined }[] = [
    { address: root, level: undefined },
  ];
  const seen = new Set<number>();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (seen.has(node.address)) return fail(`the node at byte ${node.address} is there twice`);
    seen.add(node.address);
    const head = await bytes.read(node.address, 24);
    const level = uint(head, 5, 1);
    const isNode = hasMark(head, "TREE") && uint(head, 4, 1) === 1;
    if (!isNode || (node.level !== undefined && level !== node.level))
      return fail(`there is no node of chunks at byte ${node.address}`);
    const count = uint(head, 6, 2);
    const body = await bytes.read(node.address + 24, count * (keyBytes + 8) + keyBytes);
    for (let i = 0; i < count; i++) {
      const at = i * (keyBytes + 8);
      const address = uint64(body, at + keyBytes);
      if (level > 0) {
        open.push({ address, level: level - 1 });
        continue;
      }
      const offsets = Array.from({ length: rank }, (_, j) => uint64(body, at + 8 + 8 * j));
      if (offsets.some((offset, j) => offset % chunk[j] !== 0 || offset >= shape[j]))
        return fail(`a chunk lies at [${offsets.join(", ")}], where none belongs`);
      const one = { offsets, address, bytes: uint(body, at, 4), skipped: uint(body, at + 4, 4) };
      if (address + one.bytes > bytes.file.size) return fail("a chunk reaches beyond the end");
      if (found.has(offsets.join())) return fail(`a chunk at [${offsets.join(", ")}] comes twice`);
      found.set(offsets.join(), one);
    }
  }
  return [...found.values()];
}

/** A chunk as it was before the filters, undone from the last to the first. */
function unfilter(
  packed: Uint8Array,
  filters: readonly Filter[],
  { skipped }: Chunk,
  size: number,
  width: number,
): Uint8Array {
  let data = packed;
  for (let i = filters.length - 1; i >= 0; i--) {
    if (skipped & (1 << i)) continue;
    const { id } = filters[i];
    // A checksum that was added before packing makes the packed bytes longer by 4.
    if (id === 1) data = inflate(data, size + 4 * filters.slice(0, i).filter(isChecksum).length);
    else if (id === 2) data = unshuffle(data, width);
    else data = withoutChecksum(data);
  }
  return data.length === size ? data : fail(`a chunk has ${data.length} bytes, expected ${size}`);
}

const isChecksum = ({ id }: Filter): boolean => id === 3;

function inflate(data: Uint8Array, size: number): Uint8Array {
  try {
    return unzlibSync(data, { out: new Uint8Array(size) });
  } catch (error) {
    return fail(`a chunk cannot be unpacked (${(error as Error).message})`);
  }
}

/** First bytes of all numbers, then second bytes, and so on; what is left at the end stays. */
function unshuffle(data: Uint8Array, width: number): Uint8Array {
  const count = Math.floor(data.length / width);
  const result = data.slice();
  for (let byte = 0; byte < width; byte++)
    for (let i = 0; i < count; i++) result[i * width + byte] = data[byte * count + i];
  return result;
}

/** Fletcher's checksum over words of 16 bits, most significant byte first, as HDF5 stores it. */
function withoutChecksum(data: Uint8Array): Uint8Array {
  const end = data.length - 4;
  if (end < 0) return fail("a chunk is shorter than its checksum");
  let [low, high] = [0, 0];
  for (let i = 0; i < end; i += 2) {
    low = (low + ((data[i] << 8) | (i + 1 < end ? data[i + 1] : 0))) % 65_535;
    high = (high + low) % 65_535;
  }
  const stored = data[end] | (data[end + 1] << 8) | (data[end + 2] << 16);
  const [storedLow, storedHigh] = [stored & 0xffff, (stored >>> 16) | (data[end + 3] << 8)];
  if (storedLow % 65_535 !== low || storedHigh % 65_535 !== high)
    return fail("a chunk has a wrong checksum");
  return data.subarray(0, end);
}

/** Copies the part of a chunk that lies inside the array. */
function place(
  result: Uint8Array,
  data: Uint8Array,
  offsets: readonly number[],
  chunk: readonly number[],
  shape: readonly number[],
  width: number,
): void {
  const rank = shape.length;
  const [to, from] = [stridesOf(shape), stridesOf(chunk)];
  const size = chunk.map((maxSize, i) => Math.min(maxSize, shape[i] - offsets[i]));
  const row = (size[rank - 1] ?? 1) * width;
  const index = size.slice(0, -1).map(() => 0);
  for (;;) {
    const at = (strides: readonly number[], start: readonly number[]) =>
      strides.reduce((sum, stride, i) => sum + stride * ((index[i] ?? 0) + (start[i] ?? 0)), 0);
    const source = at(from, []) * width;
    result.set(data.subarray(source, source + row), at(to, offsets) * width);
    let axis = index.length - 1;
    while (axis >= 0 && ++index[axis] === size[axis]) index[axis--] = 0;
    if (axis < 0) return;
  }
}
