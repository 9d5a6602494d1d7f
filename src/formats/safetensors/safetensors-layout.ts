// Where every tensor of a safetensors file goes, and the header that says so; the same tensors give the same bytes.

import { FormatError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shapes.ts";
import { dtypeBytes, type SafeDtype } from "./safetensors-dtypes.ts";
import { safetensorsLimits } from "./safetensors.ts";

export interface SafetensorsLayout {
  /** Length and header, padded with spaces to a multiple of 8 bytes. */
  readonly prefix: Uint8Array;
  /** Names in the order of their bytes: wider formats first, then by name, so that each is aligned to its number size. */
  readonly names: readonly string[];
}

/** @throws {FormatError} for a name or text the format cannot hold, a name given twice, too long a header */
export function layoutSafetensors(
  entries: Iterable<
    readonly [string, { readonly dtype: SafeDtype; readonly shape: readonly number[] }]
  >,
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsLayout {
  const tensors = new Map<
    string,
    { readonly dtype: SafeDtype; readonly shape: readonly number[] }
  >();
  for (const [name, entry] of entries) {
    checkText(name, "tensor name");
    if (name === "__metadata__")
      throw new FormatError(
        `writeSafetensors: the tensor name "__metadata__" is reserved by the format; rename the tensor`,
      );
    if (tensors.has(name))
      throw new FormatError(`writeSafetensors: tensor ${JSON.stringify(name)} is given twice`);
    tensors.set(name, entry);
  }
  const ordered = [...tensors].sort(
    ([a, { dtype: one }], [b, { dtype: other }]) =>
      dtypeBytes[other] - dtypeBytes[one] || (a < b ? -1 : a > b ? 1 : 0),
  );
  const header: [string, unknown][] = [];
  const texts = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const text of texts.flat()) checkText(text, "metadata");
  if (texts.length > 0) header.push(["__metadata__", Object.fromEntries(texts)]);
  let end = 0;
  for (const [name, { dtype, shape }] of ordered) {
    const start = end;
    end += sizeOf(shape) * dtypeBytes[dtype];
    header.push([name, { dtype, shape, data_offsets: [start, end] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const length = Math.ceil(json.length / 8) * 8;
  if (length > safetensorsLimits.headerBytes)
    throw new FormatError(
      `writeSafetensors: a header of ${length} bytes, more than the limit of ${safetensorsLimits.headerBytes}; write fewer tensors or less metadata to a file`,
    );
  const prefix = new Uint8Array(8 + length).fill(0x20, 8 + json.length);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(length), true);
  prefix.set(json, 8);
  return { prefix, names: ordered.map(([name]) => name) };
}

function checkText(text: string, what: string): void {
  if (!text.isWellFormed()) {
    throw new FormatError(
      `writeSafetensors: the ${what} ${JSON.stringify(text)} is not valid Unicode, so UTF-8 cannot hold it; rename it`,
    );
  }
}
