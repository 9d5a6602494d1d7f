// A PyTorch checkpoint read lazily: the pickle at once, and of every storage only the bytes that a tensor's view covers.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { equalShapes, sizeOf, stridesOf } from "../../core/shapes.ts";
import { type Bytes, byteSource } from "../byte-source.ts";
import { pickleLimits } from "./pickle-machine.ts";
import { chooseDictionary } from "./pytorch-choice.ts";
import { readCheckpoint } from "./pytorch-objects.ts";
import { archiveRoot, checkByteOrder, lastNumber, storageFile } from "./pytorch-state.ts";
import { dtypeBytes } from "../safetensors/safetensors-dtypes.ts";
import { gather } from "../strided.ts";
import { makeTensorSource, type TensorSource } from "../tensor-source.ts";
import { openZip, type ZipArchive } from "../archives/zip-source.ts";

/** A view may repeat the numbers of its storage (strides of 0), but not without end. */
const maxRepeatedBytes = 2 ** 28;

/**
 * The tensors of a file of torch.save (1.6 or newer) in its order: those of the only dictionary that holds weights, or of
 * the one at `key`, as `chooseDictionary` says. Nothing in the file is executed. Checksums are not checked: torch may leave
 * them out.
 * @throws {FormatError} for damaged files; {UnsupportedError} when no dictionary or several may be meant, for objects in
 * place of tensors, TorchScript and big-endian numbers; {OptionError} for a key that leads nowhere.
 */
export async function openPytorch(bytes: Bytes, key?: string): Promise<TensorSource> {
  const file = byteSource(bytes);
  const archive = await openZip(file, { checksums: false });
  const root = archiveRoot(archive.sizes);
  if (archive.sizes.has(`${root}byteorder`))
    checkByteOrder(await archive.readStart(`${root}byteorder`, 16));
  const pickle = readCheckpoint(await readPickleFile(archive, `${root}data.pkl`));
  const chosen = chooseDictionary(pickle, key);
  const entries = new Map(
    chosen.entries.map(([name, view]) => {
      const { shape, strides, offset, storage } = view;
      const stored = { file: storageFile(name, view, archive.sizes, root), strides, offset };
      return [name, { dtype: storage.dtype, shape, ...stored }];
    }),
  );
  const load = async (name: string): Promise<Uint8Array> => {
    const { dtype, shape, strides, offset, file: storage } = entries.get(name)!;
    const width = dtypeBytes[dtype];
    const count = sizeOf(shape);
    const held = archive.sizes.get(storage)!;
    if (count * width > Math.max(held, maxRepeatedBytes))
      throw new UnsupportedError(
        `readPytorch: tensor ${JSON.stringify(name)} repeats the ${held} bytes of its storage to ${count * width}; save it once, without expand`,
      );
    if (count === 0) return new Uint8Array();
    const end = lastNumber(offset, shape, strides) + 1;
    const data = await archive.readRange(storage, offset * width, end * width);
    if (equalShapes(strides, stridesOf(shape)) || count === 1) return data;
    return gather(data, width, 0, shape, strides);
  };
  return makeTensorSource({
    file,
    format: "pytorch",
    entries,
    load,
    ...(chosen.taken !== undefined && { taken: chosen.taken }),
  });
}

async function readPickleFile(archive: ZipArchive, name: string): Promise<Uint8Array> {
  const size = archive.sizes.get(name)!;
  if (size <= pickleLimits.bytes) return archive.read(name);
  throw new FormatError(
    `readPytorch: ${size} bytes of pickle, more than the limit of ${pickleLimits.bytes}; save the state_dict alone`,
  );
}
