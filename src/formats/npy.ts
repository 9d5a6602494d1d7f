// The header of NumPy's .npy files (numpy.org/doc/stable/reference/generated/numpy.lib.format.html, versions 1 to 3): a
// dict literal with the number format, the order of the axes and the shape. Left out: objects (pickles), structures,
// text, dates, complex128, big-endian numbers.

import { FormatError, UnsupportedError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shapes.ts";
import { dtypeBytes, type SafeDtype } from "./safetensors/safetensors-dtypes.ts";

export const npyLimits = { headerBytes: 1_000_000, rank: 64, numbers: 2 ** 40 };

/** `\x93NUMPY` */
const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

export const isNpy = (start: Uint8Array): boolean => magic.every((byte, i) => start[i] === byte);

export interface NpyHeader {
  readonly dtype: SafeDtype;
  readonly shape: readonly number[];
  /** Whether the first axis varies fastest. */
  readonly isFortran: boolean;
  readonly dataStart: number;
  /** Length of the whole file. */
  readonly fileBytes: number;
}

/** Formats after the byte-order mark. */
export const npyTypes: Readonly<Record<string, SafeDtype>> = {
  b1: "BOOL",
  i1: "I8",
  u1: "U8",
  i2: "I16",
  u2: "U16",
  i4: "I32",
  u4: "U32",
  i8: "I64",
  u8: "U64",
  f2: "F16",
  f4: "F32",
  f8: "F64",
  c8: "C64",
};

/**
 * Where the numbers of a file begin, from its first 12 bytes or fewer.
 * @throws {FormatError} when it is no .npy file; {UnsupportedError} for an unknown version
 */
export function npyDataStart(start: Uint8Array, where: string): number {
  if (!isNpy(start)) return fail(where, "it does not begin as .npy files do");
  if (start.length < 12) return fail(where, "it is cut short");
  if (start[6] < 1 || start[6] > 3)
    throw new UnsupportedError(
      `readNpy: ${where} has version ${start[6]}, expected 1 to 3; save it again with numpy.save`,
    );
  const view = new DataView(start.buffer, start.byteOffset, 12);
  const length = start[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > npyLimits.headerBytes)
    return fail(where, `a header of ${length} bytes, more than ${npyLimits.headerBytes}`);
  return (start[6] === 1 ? 10 : 12) + length;
}

/** The checked header, from the first bytes of a file up to `npyDataStart`. @throws {FormatError} {UnsupportedError} */
export function npyHeader(start: Uint8Array, where: string): NpyHeader {
  const dataStart = npyDataStart(start, where);
  if (start.length < dataStart) return fail(where, "its header is cut short");
  const bytes = start.subarray(start[6] === 1 ? 10 : 12, dataStart);
  const text = new TextDecoder(start[6] === 3 ? "utf-8" : "latin1").decode(bytes).trim();
  const { descr, fortran_order: order, shape: sizes } = fieldsOf(text, where);
  const dtype = dtypeOf(descr, where);
  const isFortran = order === "True";
  if (!isFortran && order !== "False") return fail(where, `fortran_order is ${order}`);
  if (!/^\((\d+L?(, *|,?(?=\)))?)*\)$/.test(sizes)) return fail(where, `its shape is ${sizes}`);
  const shape = Object.freeze((sizes.match(/\d+/g) ?? []).map(Number));
  if (shape.length > npyLimits.rank)
    return fail(where, `${shape.length} dimensions, more than ${npyLimits.rank}`);
  if (!(sizeOf(shape) <= npyLimits.numbers) || !shape.every(Number.isSafeInteger))
    return fail(where, `its shape ${formatShape(shape)} cannot be true`);
  const fileBytes = dataStart + sizeOf(shape) * dtypeBytes[dtype];
  return { dtype, shape, isFortran, dataStart, fileBytes };
}

const fail = (where: string, what: string): never => {
  throw new FormatError(
    `readNpy: ${where}: ${what}; the file is damaged or not made by NumPy, fetch or save it again`,
  );
};

type Fields = Record<"descr" | "fortran_order" | "shape", string>;

/** The three entries of the dict as text, in whatever order. */
function fieldsOf(text: string, where: string): Fields {
  const entry =
    /\s*'(descr|fortran_order|shape)'\s*:\s*('[^']*'|\[.*?\](?=\s*,\s*'|\s*,?\s*\})|True|False|\([^()]*\))\s*(?:,|(?=\}))/y;
  const found = new Map<string, string>();
  let at = text.startsWith("{") ? 1 : -1;
  while (at > 0) {
    entry.lastIndex = at;
    const match = entry.exec(text);
    if (match === null) break;
    if (found.has(match[1])) return fail(where, `its header says "${match[1]}" twice`);
    found.set(match[1], match[2]);
    at = entry.lastIndex;
  }
  if (found.size !== 3 || text.slice(at).trim() !== "}")
    return fail(where, `its header cannot be read (${JSON.stringify(text.slice(0, 80))})`);
  return Object.fromEntries(found) as Fields;
}

function dtypeOf(descr: string, where: string): SafeDtype {
  const [, order = "", code = ""] = /^'([<>=|]?)([a-zA-Z]\d*)'$/.exec(descr) ?? [];
  const dtype = Object.hasOwn(npyTypes, code) ? npyTypes[code] : undefined;
  if (dtype !== undefined && (order === "<" || order === "|" || dtypeBytes[dtype] === 1))
    return dtype;
  const why =
    dtype !== undefined
      ? 'is not little endian; save it again as array.astype(array.dtype.newbyteorder("<"))'
      : code.startsWith("O")
        ? "holds Python objects, which are not read; save arrays of numbers"
        : "is not read; save arrays of numbers of 1 to 8 bytes";
  throw new UnsupportedError(`readNpy: ${where} has dtype ${descr.slice(0, 60)}, which ${why}`);
}
