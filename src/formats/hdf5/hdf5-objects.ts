// Objects of an HDF5 file as their messages: object headers of version 1 and 2 with their continuations, and the superblock
// that says where the root lies. https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, sections II and IV.A

import { UnsupportedError } from "../../core/errors.ts";
import {
  addressAt,
  fail,
  hasMark,
  type Hdf5Bytes,
  hdf5Limits,
  uint,
  uint64,
} from "./hdf5-bytes.ts";

export interface Message {
  readonly type: number;
  readonly data: DataView<ArrayBuffer>;
  /** Whether the data only say where the message lies. */
  readonly isShared: boolean;
}

/** Types of messages. */
export const messageTypes = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
} as const;

/** The address of the root group. @throws {FormatError} {UnsupportedError} for addresses that are not of 8 bytes */
export async function rootAddress({ file, read }: Hdf5Bytes): Promise<number> {
  const start = await read(0, Math.min(96, file.size));
  const version = uint(start, 8, 1);
  if (version > 3)
    throw new UnsupportedError(`readHdf5: superblock version ${version}, expected 0 to 3`);
  const isOld = version < 2;
  const [offsets, lengths] = isOld ? [13, 14] : [9, 10];
  if (uint(start, offsets, 1) !== 8 || uint(start, lengths, 1) !== 8)
    throw new UnsupportedError("readHdf5: its addresses or lengths are not of 8 bytes");
  const [base, end, root] = isOld ? (version === 0 ? [24, 40, 64] : [28, 44, 68]) : [12, 28, 36];
  if (addressAt(start, base) !== 0)
    throw new UnsupportedError("readHdf5: the file begins with a block of other data");
  if (uint64(start, end) > file.size)
    fail(`it should have ${uint64(start, end)} bytes and has ${file.size}`);
  return addressAt(start, root) ?? fail("it has no root group");
}

interface Block {
  readonly address: number;
  readonly length: number;
}

/** The messages of the object at an address. @throws {FormatError} */
export async function readMessages(bytes: Hdf5Bytes, address: number): Promise<Message[]> {
  const start = await bytes.read(address, Math.min(64, bytes.file.size - address));
  if (hasMark(start, "OHDR")) return readNewMessages(bytes, address, start);
  if (uint(start, 0, 1) !== 1) return fail(`there is no object at byte ${address}`);
  const count = uint(start, 2, 2);
  const first = { address: address + 16, length: uint(start, 8, 4) };
  return readBlocks(bytes, first, {
    maxMessages: count,
    bytes: 8,
    read: (view, at) => [uint(view, at, 2), uint(view, at + 2, 2), uint(view, at + 4, 1)],
  });
}

function readNewMessages(bytes: Hdf5Bytes, address: number, start: DataView): Promise<Message[]> {
  const flags = uint(start, 5, 1);
  const sizeAt = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
  const sizeBytes = 2 ** (flags & 3);
  const length =
    sizeBytes === 8 ? uint64(start, sizeAt) : uint(start, sizeAt, sizeBytes as 1 | 2 | 4);
  const first = { address: address + sizeAt + sizeBytes, length };
  return readBlocks(bytes, first, {
    maxMessages: hdf5Limits.messages,
    bytes: flags & 4 ? 6 : 4,
    read: (view, at) => [uint(view, at, 1), uint(view, at + 1, 2), uint(view, at + 3, 1)],
  });
}

/** How messages begin: in so many bytes, with a type, a size and flags. */
interface Heads {
  readonly maxMessages: number;
  readonly bytes: number;
  readonly read: (
    view: DataView,
    at: number,
  ) => readonly [type: number, size: number, flags: number];
}

/** Messages of a block and of those that it goes on in. Blocks of new headers begin with a mark and end with a checksum. */
async function readBlocks(bytes: Hdf5Bytes, first: Block, heads: Heads): Promise<Message[]> {
  const messages: Message[] = [];
  const seen = new Set([first.address]);
  const blocks = [first];
  for (const block of blocks) {
    const chunk = await bytes.read(block.address, block.length);
    const isMarked = block !== first && hasMark(chunk, "OCHK");
    const end = block.length - (isMarked ? 4 : 0);
    for (
      let at = isMarked ? 4 : 0;
      at + heads.bytes <= end && messages.length < heads.maxMessages;
    ) {
      const [type, size, flags] = heads.read(chunk, at);
      const start = at + heads.bytes;
      if (start + size > end) return fail(`a message at byte ${block.address + at} is cut short`);
      at = start + size;
      const data = new DataView(chunk.buffer, chunk.byteOffset + start, size);
      messages.push({ type, data, isShared: (flags & 2) !== 0 });
      if (type !== messageTypes.continuation) continue;
      const next = { address: uint64(data, 0), length: uint64(data, 8) };
      if (seen.has(next.address)) return fail("the messages of an object go round in a circle");
      seen.add(next.address);
      blocks.push(next);
    }
  }
  if (messages.length >= hdf5Limits.messages)
    fail(`an object of more than ${hdf5Limits.messages} messages`);
  return messages;
}

/** The data of the message of a type; undefined where there is none. @throws {UnsupportedError} when it is kept elsewhere */
export function messageOf(
  messages: readonly Message[],
  type: keyof typeof messageTypes,
): DataView<ArrayBuffer> | undefined {
  const found = messages.find((message) => message.type === messageTypes[type]);
  if (found?.isShared === true)
    throw new UnsupportedError(
      "readHdf5: an array has a named number format, which is kept elsewhere in the file; save the arrays again without it",
    );
  return found?.data;
}
