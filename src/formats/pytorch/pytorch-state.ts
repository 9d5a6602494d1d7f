// The archive around the pickle of a PyTorch checkpoint: where its files lie, and whether its tensors are views inside them.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { formatShape, sizeOf } from "../../core/shapes.ts";
import type { StoredView } from "./pytorch-objects.ts";
import { dtypeBytes } from "../safetensors/safetensors-dtypes.ts";

const mostNumbers = 2 ** 31;

const fail = (what: string): never => {
  throw new FormatError(
    `readPytorch: ${what}; the file is damaged or not made by torch.save, fetch or save it again`,
  );
};

/** First bytes of files that torch.save wrote before version 1.6: a pickled magic number. */
const legacy = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc];

/** Whether these are the first bytes of a file in the layout of torch before 1.6. */
export const isLegacyPytorch = (start: Uint8Array): boolean =>
  legacy.every((byte, i) => start[i] === byte);

/** @throws {UnsupportedError} always, with what to do */
export function refuseLegacyPytorch(): never {
  throw new UnsupportedError(
    "readPytorch: the file has the layout of torch before 1.6; load it in Python and save it again with torch.save or as safetensors",
  );
}

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

/** Checks a view against its storage and the archive, and gives the storage's file. @throws {FormatError} */
export function storageFile(
  name: string,
  { storage, offset, shape, strides }: StoredView,
  sizes: ReadonlyMap<string, number>,
  root: string,
): string {
  const { dtype, key, numbers } = storage;
  const file = `${root}data/${key}`;
  const where = `tensor "${name}" of shape ${formatShape(shape)}`;
  const width = dtypeBytes[dtype];
  const count = sizeOf(shape);
  if (strides.length !== shape.length) fail(`${where} has ${strides.length} strides`);
  if (!(count <= mostNumbers)) fail(`${where} has more than ${mostNumbers} numbers`);
  if (count > 0 && !(lastNumber(offset, shape, strides) < numbers))
    fail(`${where} reaches beyond its storage of ${numbers}`);
  const held = sizes.get(file);
  if (held === undefined) fail(`${where}: "${file}" is missing in the archive`);
  if (held !== numbers * width)
    fail(`${where}: "${file}" has ${held} bytes, expected ${numbers * width}`);
  return file;
}

/** Place of the last number of a view that is not empty. */
export const lastNumber = (
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): number => shape.reduce((sum, size, i) => sum + (size - 1) * strides[i], offset);
