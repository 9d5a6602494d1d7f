// A PyTorch checkpoint read lazily: the pickle at once, and of every storage only the bytes that a tensor's view covers.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { equalShapes, sizeOf, stridesOf } from "../../core/shapes.ts";
import { type Bytes, type ByteSource, byteSource } from "../byte-source.ts";
import { pickleLimits } from "./pickle-machine.ts";
import { chooseDictionary } from "./pytorch-choice.ts";
import { decodeView, isQuantised, stepsOfView } from "./pytorch-decode.ts";
import { isLegacyPytorch, readLegacy } from "./pytorch-legacy.ts";
import { type PickledCheckpoint, readCheckpoint } from "./pytorch-objects.ts";
import {
  archiveRoot,
  checkByteOrder,
  checkView,
  lastNumber,
  type Storages,
} from "./pytorch-state.ts";
import type { StoredView } from "./pytorch-views.ts";
import { gather } from "../strided.ts";
import { makeTensorSource, type TensorSource } from "../tensor-source.ts";
import { openZip, type ZipArchive } from "../archives/zip-source.ts";

/** A view may repeat the numbers of its storage (strides of 0), but not without end. */
const maxRepeatedBytes = 2 ** 28;

/**
 * The tensors of a file of torch.save in its order, in the layout of version 1.6 or an older one: those of the only
 * dictionary that holds weights, or of the one at `key`, as `chooseDictionary` says. Nothing in the file is executed.
 * Checksums are not checked: torch may leave them out.
 * @throws {FormatError} for damaged files; {UnsupportedError} when no dictionary or several may be meant, for objects in
 * place of tensors, TorchScript and big-endian numbers; {OptionError} for a key that leads nowhere.
 */
export async function openPytorch(bytes: Bytes, key?: string): Promise<TensorSource> {
  const file = byteSource(bytes);
  const start = await file.read(0, Math.min(16, file.size));
  const { checkpoint, storages } = isLegacyPytorch(start)
    ? await readLegacy(file)
    : await readArchive(file);
  const chosen = chooseDictionary(checkpoint, key);
  for (const [name, view] of chosen.entries) checkView(name, view, storages);
  const views = new Map(chosen.entries);
  const load = (name: string, view: StoredView): Promise<Uint8Array> =>
    loadView(name, view, storages);
  const quantised = new Set(
    [...views].flatMap(([name, view]) => (isQuantised(view) ? [name] : [])),
  );
  return makeTensorSource({
    file,
    format: "pytorch",
    entries: views,
    load: (name) => load(name, views.get(name)!),
    quantised,
    readSteps: (name) => stepsOfView(views.get(name)!, (view) => load(name, view)),
    ...(chosen.taken !== undefined && { taken: chosen.taken }),
  });
}

/** The value and the storages of an archive. */
async function readArchive(
  file: ByteSource,
): Promise<{ checkpoint: PickledCheckpoint; storages: Storages }> {
  const archive = await openZip(file, { checksums: false });
  const root = archiveRoot(archive.sizes);
  if (archive.sizes.has(`${root}byteorder`))
    checkByteOrder(await archive.readStart(`${root}byteorder`, 16));
  const checkpoint = readCheckpoint(await readPickleFile(archive, `${root}data.pkl`));
  const folder = `${root}data/`;
  const files = [...archive.sizes].filter(([name]) => name.startsWith(folder));
  const storages: Storages = {
    sizes: new Map(files.map(([name, size]) => [name.slice(folder.length), size])),
    where: (key) => JSON.stringify(`${folder}${key}`),
    read: (key, from, to) => archive.readRange(`${folder}${key}`, from, to),
  };
  return { checkpoint, storages };
}

/** The numbers of a view in its `dtype`, row-major. */
async function loadView(name: string, view: StoredView, storages: Storages): Promise<Uint8Array> {
  const { storage, type, shape, strides, offset } = view;
  const { width } = type;
  const count = sizeOf(shape);
  if (count * width > Math.max(storage.storageBytes, maxRepeatedBytes))
    throw new UnsupportedError(
      `readPytorch: tensor ${JSON.stringify(name)} repeats the ${storage.storageBytes} bytes of its storage to ${count * width}; save it once, without expand`,
    );
  if (count === 0) return new Uint8Array();
  const from = storage.start + offset * width;
  const to = storage.start + (lastNumber(offset, shape, strides) + 1) * width;
  const data = storage.data?.slice(from, to) ?? (await storages.read(storage.key, from, to));
  const isPlain = equalShapes(strides, stridesOf(shape)) || count === 1;
  const ordered = isPlain ? data : gather(data, width, 0, shape, strides);
  return decodeView(name, view, ordered, (other) => loadView(name, other, storages));
}

async function readPickleFile(archive: ZipArchive, name: string): Promise<Uint8Array> {
  const size = archive.sizes.get(name)!;
  if (size <= pickleLimits.bytes) return archive.read(name);
  throw new FormatError(
    `readPytorch: ${size} bytes of pickle, more than the limit of ${pickleLimits.bytes}; save the state_dict alone`,
  );
}
