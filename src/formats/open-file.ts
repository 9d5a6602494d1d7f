// Opens one file of weights by what its first bytes say; its name is only asked where the bytes leave it open.

import { FormatError, OptionError, UnsupportedError } from "../core/errors.ts";
import type { ByteSource } from "./byte-source.ts";
import { isGguf, isHdf5 } from "./marks.ts";
import { isNpy } from "./npy.ts";
import { openNpy, openNpz } from "./npz-source.ts";
import { openPytorch } from "./pytorch/pytorch-source.ts";
import { isLegacyPytorch } from "./pytorch/pytorch-legacy.ts";
import { findPickle } from "./pytorch/pytorch-state.ts";
import { openSafetensors } from "./safetensors/safetensors-source.ts";
import { refuseForeign, refuseForeignArchive, sniffBytes } from "./sniff.ts";
import type { OpenBeside } from "./byte-source.ts";
import type { TensorSource } from "./tensor-source.ts";
import { readDirectory } from "./archives/zip-directory.ts";

/** What is read, for messages. */
export const readable =
  "safetensors (one file, or shards with their index.json), PyTorch (.pt, .pth), NumPy (.npz, .npy), GGUF, Keras (.keras, .h5) or ONNX";

const begins = (start: Uint8Array, bytes: readonly number[]) =>
  bytes.every((byte, i) => start[i] === byte);

const isZip = (start: Uint8Array): boolean =>
  begins(start, [0x50, 0x4b, 3, 4]) || begins(start, [0x50, 0x4b, 5, 6]);

/** A length below 2^32, then a brace; no other kind of file begins so. */
const looksLikeSafetensors = (start: Uint8Array) => begins(start.subarray(4), [0, 0, 0, 0, 0x7b]);

/**
 * The tensors of one file; of a PyTorch file, those of the dictionary at `key`.
 * @throws {FormatError} {UnsupportedError} {EnvironmentError}; {OptionError} for a key that leads nowhere, and for any key
 * where the format has no dictionaries
 */
export async function openTensorFile(
  file: ByteSource,
  key?: string,
  openBeside?: OpenBeside,
): Promise<TensorSource> {
  const source = await openByStart(file, key, openBeside);
  if (key !== undefined && source.format !== "pytorch")
    refuseKey(key, file.location, source.format);
  return source;
}

/** @throws {OptionError} always */
export function refuseKey(key: string, location: string, kind: string): never {
  throw new OptionError(
    `openTensorSource: ${location} is read as ${kind}, which has no dictionaries to choose from; leave the key ${JSON.stringify(key)} out, or give it to the PyTorch files alone, as in file.pt#key`,
  );
}

/** A format that its first bytes tell. */
interface MarkedFormat {
  readonly begins: (start: Uint8Array) => boolean;
  readonly open: (file: ByteSource, key?: string) => Promise<TensorSource>;
}

/** Formats with a mark, in the order in which they are asked. A new one is a file of its own and a line here. */
const formats: readonly MarkedFormat[] = [
  { begins: looksLikeSafetensors, open: (file) => openSafetensors(file) },
  { begins: isNpy, open: (file) => openNpy(file, nameOf(file.location)) },
  { begins: isZip, open: openArchive },
  { begins: isLegacyPytorch, open: openPytorch },
  { begins: isGguf, open: async (file) => (await import("./gguf/gguf-source.ts")).openGguf(file) },
  {
    begins: isHdf5,
    open: async (file) => (await import("./keras/keras-source.ts")).openHdf5(file),
  },
];

async function openByStart(
  file: ByteSource,
  key: string | undefined,
  openBeside: OpenBeside | undefined,
): Promise<TensorSource> {
  const start = await file.read(0, Math.min(sniffBytes, file.size));
  if (start.length === 0)
    throw new FormatError(
      `openTensorSource: ${file.location} is empty, expected ${readable}; fetch or save it again`,
    );
  const format = formats.find(({ begins: matches }) => matches(start));
  if (format !== undefined) return format.open(file, key);
  refuseForeign(start, `openTensorSource: ${file.location}`, readable);
  const ending = /\.([a-z]+)$/i.exec(file.location)?.[1].toLowerCase();
  if (ending === "safetensors") return openSafetensors(file);
  // An ONNX file has no mark; its first field is nearly always the version, a small number.
  if ((start[0] === 0x08 && start[1] > 0 && start[1] < 0x80) || ending === "onnx") {
    const { openOnnx } = await import("./onnx/onnx-source.ts");
    return openOnnx(file, openBeside);
  }
  if (start[0] === 0x80 && start[1] >= 2 && start[1] <= 5)
    throw new UnsupportedError(
      `openTensorSource: ${file.location} is a bare Python pickle, which is not read; load it in Python and save its arrays with torch.save, numpy.savez or as safetensors`,
    );
  throw new FormatError(
    `openTensorSource: ${file.location} begins with ${hex(start)}, which is no file of weights that is known, expected ${readable}; check the path, or fetch it again`,
  );
}

/** A zip file is torch.save's when it has a pickle, else numpy.savez's. */
async function openArchive(file: ByteSource, key?: string): Promise<TensorSource> {
  const members = await readDirectory(file);
  if (members.has("model.weights.h5")) {
    const { openKeras } = await import("./keras/keras-source.ts");
    return openKeras(file);
  }
  refuseForeignArchive(members.keys(), `openTensorSource: ${file.location}`);
  return findPickle(members.keys()) === undefined ? openNpz(file) : openPytorch(file, key);
}

/** The name of the file without folders and ending. */
const nameOf = (location: string): string => /([^/\\]+)\.npy$/i.exec(location)?.[1] ?? "array";

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
