// What a file is that looks like something else than weights: by its first bytes, so that messages can name it and say what
// to do. Every opener asks here before it reports damage.

import { FormatError, UnsupportedError } from "../core/errors.ts";

/** Bytes from the start of a file that are enough to name it. */
export const sniffBytes = 512;

export interface Sniffed {
  /** `a Git LFS pointer, not the file itself`. */
  readonly what: string;
  /** What the owner of the file can do. */
  readonly remedy: string;
  /** A file that is whole, but of a kind that is not read; else the file is not what its owner believes. */
  readonly isKnownFormat: boolean;
}

const format = (what: string, remedy: string): Sniffed => ({ what, remedy, isKnownFormat: true });
const mistake = (what: string, remedy: string): Sniffed => ({ what, remedy, isKnownFormat: false });

const convert = "convert it to safetensors, PyTorch (torch.save), .npz or ONNX";
/** Said where a graph is expected: readers of weights take these files. */
const asCheckpoint = "it holds weights and no graph, give it in place of the checkpoint";
const unpack = (tool: string) => `unpack it first (${tool})`;

/** By first bytes. */
const marks: readonly (readonly [readonly number[], Sniffed])[] = [
  [[0x47, 0x47, 0x55, 0x46], format("a GGUF file", asCheckpoint)],
  [[0x67, 0x67, 0x6d, 0x6c], format("an old GGML file", convert)],
  [[0x89, 0x48, 0x44, 0x46], format("an HDF5 file (Keras)", asCheckpoint)],
  [[0x1f, 0x8b], format("a gzip file", unpack("gunzip, or tar -xzf for a .tar.gz"))],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], format("an xz file", unpack("unxz, or tar -xJf"))],
  [[0x42, 0x5a, 0x68], format("a bzip2 file", unpack("bunzip2, or tar -xjf"))],
  [[0x28, 0xb5, 0x2f, 0xfd], format("a zstd file", unpack("unzstd"))],
  [[0x04, 0x22, 0x4d, 0x18], format("an LZ4 file", unpack("lz4 -d"))],
  [[0x37, 0x7a, 0xbc, 0xaf], format("a 7z archive", unpack("7z x"))],
  [[0x52, 0x61, 0x72, 0x21], format("a RAR archive", unpack("unrar x"))],
  [[0x50, 0x41, 0x52, 0x31], format("a Parquet file", "give the checkpoint it was made from")],
  [[0x41, 0x52, 0x52, 0x4f, 0x57], format("an Arrow file", "give the checkpoint it was made from")],
  [[0x25, 0x50, 0x44, 0x46], mistake("a PDF document", "check the path")],
  [[0x89, 0x50, 0x4e, 0x47], mistake("a PNG image", "check the path")],
  [[0xff, 0xd8, 0xff], mistake("a JPEG image", "check the path")],
  [[0x7f, 0x45, 0x4c, 0x46], mistake("a program (ELF)", "check the path")],
];

/** The files that torch before 0.1.10 put into a tar archive; the first of them names it. */
const tarredTorch = /^(\.\/)?(sys_info|pickle|storages|tensors)$/;

/** Marks that do not stand at the start. */
const laterMarks: readonly (readonly [number, string, Sniffed])[] = [
  [4, "TFL3", format("a TensorFlow Lite file", `convert the model it was made from to ONNX`)],
  [257, "ustar", format("a tar archive", unpack("tar -xf"))],
];

/** Texts by how they begin, spaces at the start aside. */
const texts: readonly (readonly [RegExp, Sniffed])[] = [
  [
    /^version https:\/\/git-lfs/,
    mistake(
      "a Git LFS pointer, a few lines in place of the file",
      "fetch the file with `git lfs pull`, or download it again",
    ),
  ],
  [
    /^<(!doctype html|html|head|body)/i,
    mistake(
      "a web page, so the download failed",
      "open it to see why (a login or a wrong address), and download the file again",
    ),
  ],
  [
    /^<\?xml|^<Error>/i,
    mistake(
      "an XML text, as servers send when a download fails",
      "open it to see why, and download the file again",
    ),
  ],
  [
    /^\{[^]*"format"\s*:\s*"weightspace\/spec@/,
    mistake(
      "a symmetry spec of weightspace",
      "give it with --spec, and the model or checkpoint in its place",
    ),
  ],
  [
    /^\{[^]*"format"\s*:\s*"weightspace\/sketch@/,
    mistake("a sketch made by weightspace", "give it to `rank`, or the checkpoint in its place"),
  ],
  [
    /^\{[^]*"(architectures|model_type|hidden_size)"\s*:/,
    mistake("a model's config.json, which holds no weights", "give it with --config"),
  ],
  [
    /^[[{]/,
    mistake("a JSON text", "give the checkpoint; of JSON files only the index of shards is one"),
  ],
];

const ascii = (bytes: Uint8Array, from: number, count: number) =>
  String.fromCharCode(...bytes.subarray(from, from + count));

/** Bytes of a text: no control characters but tabs and line ends. */
const isText = (bytes: Uint8Array): boolean =>
  bytes.length > 0 && bytes.every((byte) => byte >= 0x20 || (byte >= 9 && byte <= 13));

/** All kinds of files that are named and not read, for the documentation. */
export const namedFiles = (): readonly Sniffed[] =>
  [
    ...marks.map(([, found]) => found),
    ...laterMarks.map(([, , found]) => found),
    ...texts.map(([, found]) => found),
  ].filter(({ remedy }) => remedy !== asCheckpoint);

/** What a file is, from its first bytes; undefined when nothing is recognised. */
export function sniff(start: Uint8Array): Sniffed | undefined {
  const bytes = start.subarray(0, sniffBytes);
  const [, marked] = marks.find(([mark]) => mark.every((byte, i) => bytes[i] === byte)) ?? [];
  if (marked !== undefined) return marked;
  const [, , later] = laterMarks.find(([at, mark]) => ascii(bytes, at, mark.length) === mark) ?? [];
  if (
    later?.what === "a tar archive" &&
    tarredTorch.test(ascii(bytes, 0, 100).replace(/\0.*$/s, ""))
  )
    return format(
      "a PyTorch file of before version 0.1.10 (a tar archive)",
      "load it in Python with torch.load and save it again with torch.save",
    );
  if (later !== undefined) return later;
  if (bytes.length > 0 && bytes.every((byte) => byte === 0))
    return mistake("empty inside, zeros where its start should be", "fetch or save it again");
  if (!isText(bytes)) return undefined;
  const text = new TextDecoder().decode(bytes).trimStart();
  const [, advice] = texts.find(([pattern]) => pattern.test(text)) ?? [];
  return advice ?? mistake("a text", "check the path, or fetch it again");
}

/** The same for a file that should be a text: weights and graphs are named too. */
export function sniffBinary(start: Uint8Array): Sniffed | undefined {
  const graph = format("an ONNX model, it seems", "give it with --model");
  const weights = (what: string) => format(what, "give it in place of the checkpoint");
  if (start[0] === 0x08 && start[1] > 0 && start[1] < 0x80) return graph;
  if (start[4] === 0 && start[7] === 0 && start[8] === 0x7b) return weights("a safetensors file");
  if (start[0] === 0x50 && start[1] === 0x4b) return weights("a zip archive (PyTorch or .npz)");
  if (start[0] === 0x93 && start[1] === 0x4e) return weights("a .npy file");
  if (start.length === 0) return mistake("empty", "fetch or save it again");
  const found = sniff(start);
  return found === undefined || /^a (JSON )?text$/.test(found.what) ? undefined : found;
}

/**
 * Refuses a file that is recognised as something else; `where` is how messages name it.
 * @throws {FormatError} for what its owner takes it for wrongly; {UnsupportedError} for a format that is not read
 */
export function refuseForeign(start: Uint8Array, where: string, expected: string): void {
  const found = sniff(start);
  if (found === undefined) return;
  const message = `${where} is ${found.what}, expected ${expected}; ${found.remedy}`;
  throw found.isKnownFormat ? new UnsupportedError(message) : new FormatError(message);
}

/** What an archive (zip) is, from the names of its files, when it holds no weights that are read. */
export function refuseForeignArchive(names: Iterable<string>, where: string): void {
  const all = [...names];
  const has = (pattern: RegExp) => all.some((name) => pattern.test(name));
  const refuse = (what: string, remedy: string): never => {
    throw new UnsupportedError(`${where} is ${what}, which is not read; ${remedy}`);
  };
  if (has(/(^|\/)constants\.pkl$/) && has(/(^|\/)code\//))
    refuse(
      "a TorchScript program",
      "load it with torch.jit.load and save its state_dict() with torch.save",
    );
  if (has(/(^|\/)saved_model\.pb$/)) refuse("a TensorFlow SavedModel", "export the model to ONNX");
  if (has(/\.(safetensors|onnx|pt|pth|npy|npz|bin|ckpt)$/) && !has(/(\.npy|data\.pkl)$/))
    refuse("a zip archive of model files", "unpack it first (unzip)");
  if (has(/^\[Content_Types\]\.xml$/)) refuse("an office document", "check the path");
}
