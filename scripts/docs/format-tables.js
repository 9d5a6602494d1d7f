// Writes docs/formats.md: which files are read, which number formats, within which limits; made from the tables and limits
// of the readers. `npm run docs`.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ggufLimits } from "../../dist/formats/gguf/gguf-header.js";
import { ggufTypeNames } from "../../dist/formats/gguf/gguf-types.js";
import { hdf5Limits } from "../../dist/formats/hdf5/hdf5-bytes.js";
import { knownFormats } from "../../dist/formats/known-formats.js";
import { npyLimits, npyTypes } from "../../dist/formats/npy.js";
import { pickleLimits } from "../../dist/formats/pytorch/pickle-machine.js";
import { quantisedTypes, torchTypes } from "../../dist/formats/pytorch/pytorch-types.js";
import { dtypeBytes, packedDtypes } from "../../dist/formats/safetensors/safetensors-dtypes.js";
import { namedFiles } from "../../dist/formats/sniff.js";
import { root } from "../sources.js";

/** Formats that are known and give no real number by themselves. */
const bytesOnly = ["C64", "F8_E8M0"];

const code = (names) => names.map((name) => `\`${name}\``).join(", ");
const table = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
const count = (number) => number.toLocaleString("en-US");
const bytes = (number) =>
  number >= 2 ** 30
    ? `${number / 2 ** 30} GiB`
    : number >= 2 ** 20
      ? `${number / 2 ** 20} MiB`
      : `${count(number)} bytes`;

function numberFormats() {
  const torch = torchTypes.filter(({ dtype }) => !bytesOnly.includes(dtype));
  const quantised = [...quantisedTypes.values()];
  const isRead = ({ reading }) => reading !== "unread";
  const named = [
    ...torchTypes.filter((type) => !torch.includes(type) || !isRead(type)),
    ...quantised.filter((type) => !isRead(type)),
  ];
  const safe = Object.keys(dtypeBytes);
  const gguf = ggufTypeNames();
  return [
    [
      "safetensors",
      code(safe.filter((name) => !bytesOnly.includes(name))),
      code([...bytesOnly, ...packedDtypes]),
    ],
    [
      "PyTorch",
      `${code(torch.filter(isRead).map(({ name }) => name))}; quantised by tensor or by channel, multiplied out: ${code(quantised.filter(isRead).map(({ name }) => name))}`,
      `${code(named.map(({ name }) => name))}; sparse and nested tensors, tensors without numbers (meta), tensors of classes that wrap others`,
    ],
    [
      "NumPy",
      code(Object.keys(npyTypes).filter((name) => !bytesOnly.includes(npyTypes[name]))),
      "`c8` (complex); refused: `c16`, objects, texts, records, big-endian numbers (inside a file of PyTorch they are read)",
    ],
    ["GGUF", code(gguf.read), code(gguf.named)],
    [
      "HDF5, Keras",
      "whole numbers of 1 to 8 bytes, floats of 16 (both kinds), 32 and 64 bits, booleans",
      "texts, records, complex numbers, big-endian numbers, arrays packed by other filters, arrays that were never written",
    ],
  ];
}

function limits() {
  return [
    ["PyTorch", "pickle", bytes(pickleLimits.bytes)],
    ["PyTorch", "steps of work for all pickles of a file", count(pickleLimits.work)],
    ["NumPy", "header of an array", bytes(npyLimits.headerBytes)],
    ["NumPy", "dimensions", count(npyLimits.rank)],
    ["GGUF", "header", bytes(ggufLimits.headerBytes)],
    ["GGUF", "tensors", count(ggufLimits.tensors)],
    ["GGUF", "keys of the metadata", count(ggufLimits.keys)],
    ["GGUF", "entries of all arrays of the metadata", count(ggufLimits.arrayEntries)],
    ["HDF5, Keras", "objects", count(hdf5Limits.objects)],
    [
      "HDF5, Keras",
      "structures that are read, and their bytes",
      `${count(hdf5Limits.reads)}, ${bytes(hdf5Limits.allBytes)}`,
    ],
    ["HDF5, Keras", "groups inside each other", count(hdf5Limits.depth)],
    [
      "HDF5, Keras",
      "a chunk, an array in chunks",
      `${bytes(hdf5Limits.chunkBytes)}, ${bytes(hdf5Limits.datasetBytes)}`,
    ],
  ];
}

/** The page as text. */
export function formatsPage() {
  const files = knownFormats
    .filter(({ toldBy }) => toldBy !== "")
    .map(({ name, files: which, toldBy, notes, atOnce }) => [
      `\`${name}\``,
      which,
      toldBy,
      notes,
      atOnce,
    ]);
  const named = namedFiles().map(({ what, remedy }) => [what, remedy]);
  return `# Formats

Made from the readers by \`npm run docs\`. [Checkpoint files](guide/checkpoint-files.md) explains how they are used; [extending](guide/extending.md) adds one more.

## Files that are read

The content tells the format; the ending is asked only where the content leaves it open. \`format\` is what a source calls itself.

${table(["format", "files", "told by", "what is read", "in memory before a tensor is read"], files)}

## Number formats

What is only named has a name and a shape in \`entries\`, and \`unreadable\` says why. Reading such a tensor is refused by its name; the other tensors of the file are read. Safetensors files with formats below a byte and archives of NumPy with an array that is not read are refused as a whole, by the name of the tensor.

${table(["file", "read", "only named"], numberFormats())}

## Limits

Every reader checks these before it allocates or computes.

${table(["file", "what", "at most"], limits())}

## Files that are named and not read

${table(["what it is", "what to do"], named)}
`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(join(root, "docs/formats.md"), formatsPage());
  console.log("docs/formats.md");
}
