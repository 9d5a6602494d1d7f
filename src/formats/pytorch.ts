// Reading PyTorch checkpoints (zip files of torch.save since 1.6): names, shapes, types and strides of tensors, and their
// numbers on request. The pickle inside is read as data; classes other than tensors and their containers are refused.
// Left out: files of older versions, quantized and sparse tensors, TorchScript.

import { FormatError } from "../core/errors.ts";
import { equalShapes, sizeOf, stridesOf } from "../core/shapes.ts";
import {
  archiveRoot,
  checkByteOrder,
  isLegacyPytorch,
  readStateDict,
  refuseLegacyPytorch,
  storageFile,
  type StoredView,
} from "./pytorch-state.ts";
import { dtypeBytes, type SafeDtype, type SafeTensor } from "./safetensors-dtypes.ts";
import { gather } from "./strided.ts";
import { zipEntries, zipEntry } from "./zip.ts";

export interface PytorchTensor {
  readonly name: string;
  readonly dtype: SafeDtype;
  readonly shape: readonly number[];
  /** Steps in the storage, in numbers. */
  readonly strides: readonly number[];
  /** Which storage of the file holds it; tensors that share one are views of the same numbers. */
  readonly storage: string;
  /** The numbers, row-major, as a safetensors file would hold them; `toFloat32` widens them. @throws {FormatError} */
  read(): SafeTensor;
}

const fail = (what: string): never => {
  throw new FormatError(
    `readPytorch: ${what}; the file is damaged or not made by torch.save, fetch or save it again`,
  );
};

/**
 * The tensors of a checkpoint in the file's order: a state dict, or one dict deeper under the only key that holds
 * tensors (`state_dict`, `model`). Nothing in the file is executed.
 * @throws {FormatError} for damaged files and for classes other than tensors, by name; {UnsupportedError} for files of
 * torch before 1.6 and for TorchScript.
 */
export function readPytorch(bytes: Uint8Array): ReadonlyMap<string, PytorchTensor> {
  if (isLegacyPytorch(bytes)) refuseLegacyPytorch();
  if (!(bytes[0] === 0x50 && bytes[1] === 0x4b)) fail("it is not a zip file");
  const sizes = zipEntries(bytes);
  const root = archiveRoot(sizes);
  if (sizes.has(`${root}byteorder`)) checkByteOrder(zipEntry(bytes, `${root}byteorder`));
  const tensors = new Map<string, PytorchTensor>();
  for (const [name, view] of readStateDict(zipEntry(bytes, `${root}data.pkl`))) {
    const file = storageFile(name, view, sizes, root);
    const { storage, shape, strides } = view;
    const read = () => readView(zipEntry(bytes, file), view);
    tensors.set(
      name,
      Object.freeze({ name, dtype: storage.dtype, shape, strides, storage: storage.key, read }),
    );
  }
  return tensors;
}

function readView(data: Uint8Array, { storage, offset, shape, strides }: StoredView): SafeTensor {
  const { dtype, key, numbers } = storage;
  const width = dtypeBytes[dtype];
  const count = sizeOf(shape);
  if (data.length !== numbers * width) fail(`storage "${key}" is cut short`);
  if (equalShapes(strides, stridesOf(shape)) || count <= 1)
    return { dtype, shape, data: data.subarray(offset * width, (offset + count) * width) };
  return { dtype, shape, data: gather(data, width, offset, shape, strides) };
}
