// The arrays of an HDF5 file by their paths, with their attributes; numbers are read when they are asked for.

import type { ByteSource } from "../byte-source.ts";
import type { SafeDtype } from "../safetensors/safetensors-dtypes.ts";
import { sizeOf } from "../../core/shapes.ts";
import { attributesOf } from "./hdf5-attributes.ts";
import { fail, type Hdf5Bytes, hdf5Bytes, hdf5Limits } from "./hdf5-bytes.ts";
import { type Hdf5Layout, layoutOf, readData } from "./hdf5-data.ts";
import { linksOf } from "./hdf5-groups.ts";
import { type Message, messageOf, readMessages, rootAddress } from "./hdf5-objects.ts";
import { shapeOf, typeOf } from "./hdf5-types.ts";

/** Attributes by name; "" for values other than a text of the name `name` or `dtype`. */
type Attributes = ReadonlyMap<string, string>;

export interface Hdf5Array {
  /** Names of the groups that lead to it, and its own. */
  readonly path: readonly string[];
  readonly dtype: SafeDtype;
  readonly shape: readonly number[];
  readonly stored?: string;
  readonly unreadable?: string;
  readonly attributes: Attributes;
  /** Its bytes, row-major. */
  readonly load: () => Promise<Uint8Array>;
}

export interface Hdf5File {
  readonly arrays: readonly Hdf5Array[];
  /** Attributes of groups by their path, joined by slashes; "" is the root. */
  readonly groups: ReadonlyMap<string, Attributes>;
}

interface ObjectPlace {
  readonly address: number;
  readonly path: readonly string[];
}

/**
 * All arrays of a file, in the order of its groups. A group under two names is looked at under its first one.
 * @throws {FormatError} {UnsupportedError}
 */
export async function readHdf5(file: ByteSource): Promise<Hdf5File> {
  const bytes = hdf5Bytes(file);
  const arrays: Hdf5Array[] = [];
  const groups = new Map<string, Attributes>();
  const seen = new Set<number>();
  const open: ObjectPlace[] = [{ address: await rootAddress(bytes), path: [] }];
  let objects = 0;
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { address, path } = place;
    if (++objects > hdf5Limits.objects) fail(`more than ${hdf5Limits.objects} objects`);
    if (path.length > hdf5Limits.depth)
      fail(`groups lie more than ${hdf5Limits.depth} inside each other`);
    const messages = await readMessages(bytes, address);
    const links = await linksOf(bytes, messages);
    if (links === undefined) {
      const array = await readArray(bytes, messages, path);
      if (array !== undefined) arrays.push(array);
      continue;
    }
    if (seen.has(address)) continue;
    seen.add(address);
    groups.set(path.join("/"), await attributesOf(bytes, messages));
    for (const link of links.toReversed())
      open.push({ address: link.address, path: [...path, link.name] });
    if (open.length > hdf5Limits.objects) fail(`more than ${hdf5Limits.objects} objects`);
  }
  return { arrays, groups };
}

/** The array with these messages; undefined for objects that are none. */
async function readArray(
  bytes: Hdf5Bytes,
  messages: readonly Message[],
  path: readonly string[],
): Promise<Hdf5Array | undefined> {
  const space = messageOf(messages, "dataspace");
  const layoutData = messageOf(messages, "layout");
  if (space === undefined || layoutData === undefined) return undefined;
  const typeData = messageOf(messages, "datatype");
  if (typeData === undefined) return fail("an array has no number format");
  const { dtype, width, stored, unreadable } = typeOf(typeData);
  const shape = shapeOf(space);
  const layout = layoutOf(layoutData, messageOf(messages, "filters"), shape?.length ?? 0);
  const where = JSON.stringify(path.join("/"));
  const total = sizeOf(shape ?? [0]) * width;
  if (!Number.isSafeInteger(total)) fail(`${where} has a shape that cannot be true`);
  const missing = missingPart(layout, total, bytes.file.size, where);
  const why = shape === undefined ? "it has no place for numbers" : (unreadable ?? missing);
  return {
    path,
    dtype,
    shape: shape ?? Object.freeze([0]),
    ...(why !== undefined && { unreadable: why, stored: stored ?? "an HDF5 array" }),
    attributes: await attributesOf(bytes, messages),
    load: () => readData(bytes, layout, shape ?? [0], width),
  };
}

/** Why the numbers of an array cannot be read, if they cannot. @throws {FormatError} when they are cut off */
function missingPart(
  layout: Hdf5Layout,
  total: number,
  fileBytes: number,
  where: string,
): string | undefined {
  if (layout.kind === "unread") return layout.why;
  if (layout.kind === "chunks" || total === 0) return undefined;
  const held = layout.kind === "inside" ? layout.data.length : layout.bytes;
  if (layout.kind === "one piece" && layout.address === undefined)
    return "its numbers were never written";
  if (held !== total) fail(`${where} has ${held} bytes, expected ${total}`);
  if (layout.kind === "one piece" && (layout.address ?? 0) + total > fileBytes)
    fail(`${where} reaches beyond the end of the file`);
  return undefined;
}
