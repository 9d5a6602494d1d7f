// Writes NumPy's .npy and .npz files by hand, after the description of numpy.lib.format.

import { zipSync } from "fflate";

export interface WrittenArray {
  /** As NumPy writes it, with its byte order: `<f4`. */
  readonly descr: string;
  readonly shape: readonly number[];
  /** The numbers in the order of the file. */
  readonly data: ArrayBufferView;
  /** @default false */
  readonly fortran?: boolean;
  /** @default 1 */
  readonly version?: 1 | 2 | 3;
  /** Header text instead of the one that the fields give. */
  readonly header?: string;
}

/** The bytes of a .npy file; its numbers begin at a multiple of 64. */
export function npy({ descr, shape, data, fortran, version = 1, header }: WrittenArray) {
  const sizes = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const order = fortran === true ? "True" : "False";
  const text = header ?? `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${sizes}, }`;
  const before = version === 1 ? 10 : 12;
  const dataStart = Math.ceil((before + text.length + 1) / 64) * 64;
  const bytes = new Uint8Array(dataStart + data.byteLength).fill(0x20, before, dataStart);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), version, 0]);
  const view = new DataView(bytes.buffer);
  if (version === 1) view.setUint16(8, dataStart - before, true);
  else view.setUint32(8, dataStart - before, true);
  bytes.set(new TextEncoder().encode(text), before);
  bytes[dataStart - 1] = 0x0a;
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), dataStart);
  return bytes;
}

/** A .npz archive, stored (level 0) or deflated. */
export function npz(
  arrays: Readonly<Record<string, WrittenArray>>,
  { level = 0 }: { level?: 0 | 6 } = {},
): Uint8Array {
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, npy(array)] as const);
  return zipSync(Object.fromEntries(files), { level });
}
