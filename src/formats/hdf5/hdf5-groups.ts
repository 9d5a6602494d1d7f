// What lies in a group of an HDF5 file: names and addresses, from the symbol tables of old groups (a B-tree and a heap of
// names) or the link messages of new ones. Left out: groups whose many links lie in a heap of their own, and links to
// other files. Links by name only give other names to what is there.

import { UnsupportedError } from "../../core/errors.ts";
import {
  addressAt,
  bytesAt,
  fail,
  hasMark,
  type Hdf5Bytes,
  hdf5Limits,
  textOf,
  uint,
  uint64,
} from "./hdf5-bytes.ts";
import { type Message, messageOf, messageTypes } from "./hdf5-objects.ts";

export interface Link {
  readonly name: string;
  readonly address: number;
}

/** The links of the group with these messages; undefined when it is none. @throws {FormatError} {UnsupportedError} */
export async function linksOf(
  bytes: Hdf5Bytes,
  messages: readonly Message[],
): Promise<Link[] | undefined> {
  const table = messageOf(messages, "symbolTable");
  if (table !== undefined) {
    const heap = await readHeap(bytes, uint64(table, 8));
    const links: Link[] = [];
    await readTree(bytes, uint64(table, 0), heap, links);
    return links;
  }
  const info = messageOf(messages, "linkInfo");
  if (info === undefined) return undefined;
  const heap = addressAt(info, uint(info, 1, 1) & 1 ? 10 : 2);
  if (heap !== undefined)
    throw new UnsupportedError(
      "readHdf5: a group keeps its links in a heap, which is not read; save the file with h5py's libver='earliest' and without track_order",
    );
  return messages
    .filter(({ type }) => type === messageTypes.link)
    .flatMap(({ data }) => readLink(data) ?? []);
}

/** A link message; undefined for a link by name. */
function readLink(data: DataView<ArrayBuffer>): Link | undefined {
  const flags = uint(data, 1, 1);
  let at = 2;
  const kind = flags & 8 ? uint(data, at++, 1) : 0;
  if (flags & 4) at += 8;
  if (flags & 16) at += 1;
  const lengthBytes = 2 ** (flags & 3);
  const length = lengthBytes === 8 ? uint64(data, at) : uint(data, at, lengthBytes as 1 | 2 | 4);
  const name = textOf(bytesAt(data, at + lengthBytes, length));
  if (kind === 1) return undefined;
  if (kind !== 0) return refuseOutside(name);
  return { name, address: uint64(data, at + lengthBytes + length) };
}

function refuseOutside(name: string): never {
  throw new UnsupportedError(
    `readHdf5: ${JSON.stringify(name)} is a link to another file, which is not followed; copy the array into the file`,
  );
}

/** The names of an old group, one after another, each ended by a zero. */
async function readHeap(bytes: Hdf5Bytes, address: number): Promise<Uint8Array> {
  const head = await bytes.read(address, 32);
  if (!hasMark(head, "HEAP")) return fail(`there are no names at byte ${address}`);
  const data = await bytes.read(uint64(head, 24), uint64(head, 8));
  return new Uint8Array(data.buffer);
}

/** Nodes of a tree and the level that each must have: below that of its parent, so that no circle is followed. */
async function readTree(
  bytes: Hdf5Bytes,
  root: number,
  heap: Uint8Array,
  links: Link[],
): Promise<void> {
  const open: { address: number; level: number | undefined }[] = [
    { address: root, level: undefined },
  ];
  const seen = new Set<number>();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.level === -1) {
      await readNames(bytes, node.address, heap, links);
      continue;
    }
    if (seen.has(node.address)) return fail(`the node at byte ${node.address} is there twice`);
    seen.add(node.address);
    const head = await bytes.read(node.address, 24);
    const level = uint(head, 5, 1);
    const isNode = hasMark(head, "TREE") && uint(head, 4, 1) === 0;
    if (!isNode || (node.level !== undefined && level !== node.level))
      return fail(`there is no node of a group at byte ${node.address}`);
    const count = uint(head, 6, 2);
    const body = await bytes.read(node.address + 24, 16 * count + 8);
    for (let i = count - 1; i >= 0; i--)
      open.push({ address: uint64(body, 16 * i + 8), level: level - 1 });
  }
}

/** A node of names: entries of 40 bytes. */
async function readNames(
  bytes: Hdf5Bytes,
  address: number,
  heap: Uint8Array,
  links: Link[],
): Promise<void> {
  const head = await bytes.read(address, 8);
  if (!hasMark(head, "SNOD")) return fail(`there are no names of a group at byte ${address}`);
  const count = uint(head, 6, 2);
  if (links.length + count > hdf5Limits.objects)
    fail(`a group holds more than ${hdf5Limits.objects} objects`);
  const body = await bytes.read(address + 8, 40 * count);
  for (let i = 0; i < count; i++) {
    const nameAt = uint64(body, 40 * i);
    if (nameAt >= heap.length) return fail("a name lies beyond its heap");
    const name = textOf(heap.subarray(nameAt, nameAt + hdf5Limits.pathLength));
    if (uint(body, 40 * i + 16, 4) === 2) continue;
    links.push({ name, address: uint64(body, 40 * i + 8) });
  }
}
