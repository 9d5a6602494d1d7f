// Around the pickle of a PyTorch checkpoint: where the files of its archive lie, and whether its tensors are views inside
// their storages.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { formatShape, sizeOf } from "../../core/shapes.ts";
import type { StoredView } from "./pytorch-views.ts";

const maxNumbers = 2 ** 31;

const fail = (what: string): never => {
  throw new FormatError(
    `readPytorch: ${what}; the file is damaged or not made by torch.save, fetch or save it again`,
  );
};

/** The name of the pickle in an archive, or undefined. */
export const findPickle = (names: Iterable<string>): string | undefined =>
  [...names].find((name) => /^([^/]+\/)?data\.pkl$/.test(name));

/**
 * The folder of the archive that everything lies in, from the names of its files.
 * @throws {FormatError} without a pickle; {UnsupportedError} for TorchScript
 */
export function archiveRoot(names: ReadonlyMap<string, unknown>): string {
  const pickle = findPickle(names.keys());
  if (pickle === undefined) return fail("it has no data.pkl");
  const root = pickle.slice(0, -"data.pkl".length);
  if (names.has(`${root}constants.pkl`))
    throw new UnsupportedError(
      "readPytorch: the file is TorchScript; save the state_dict of the module instead",
    );
  return root;
}

/** @throws {UnsupportedError} unless the archive's byteorder file says little */
export function checkByteOrder(bytes: Uint8Array): void {
  if (new TextDecoder().decode(bytes) !== "little")
    throw new UnsupportedError("readPytorch: the numbers are big endian; save the file again");
}

/** The storages of a checkpoint, wherever they lie. */
export interface Storages {
  /** Bytes by key. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Where a storage lies, for messages. */
  readonly where: (key: string) => string;
  /** Bytes `start` to `end` of a storage. */
  readonly read: (key: string, start: number, end: number) => Promise<Uint8Array>;
}

/** Checks a view against its storage, and that against the file. @throws {FormatError} */
export function checkView(name: string, view: StoredView, storages: Storages): void {
  const { sizes, where } = storages;
  const { storage, offset, shape, strides, type } = view;
  const tensor = `tensor ${JSON.stringify(name)} of shape ${formatShape(shape)}`;
  const count = sizeOf(shape);
  if (strides.length !== shape.length) fail(`${tensor} has ${strides.length} strides`);
  if (!(count <= maxNumbers)) fail(`${tensor} has more than ${maxNumbers} numbers`);
  if (view.unreadable !== undefined) return;
  if (count > 0 && !((lastNumber(offset, shape, strides) + 1) * type.width <= storage.bytes))
    fail(`${tensor} reaches beyond its storage of ${storage.bytes / type.width}`);
  if (!(storage.start + storage.bytes <= storage.storageBytes))
    fail(`${tensor} has a part of a storage that reaches beyond it`);
  const held = storage.data?.length ?? sizes.get(storage.key);
  const place = where(storage.key);
  if (held === undefined) fail(`${tensor}: ${place} is missing in the file`);
  if (held !== storage.storageBytes)
    fail(`${tensor}: ${place} has ${held} bytes, expected ${storage.storageBytes}`);
  if (view.coding?.kind !== "channels") return;
  for (const one of [view.coding.scales, view.coding.zeros])
    checkView(`${name} (scales)`, one, storages);
}

/** Place of the last number of a view that is not empty. */
export const lastNumber = (
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): number => shape.reduce((sum, size, i) => sum + (size - 1) * strides[i], offset);
