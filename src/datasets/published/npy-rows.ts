// Rows of a large .npy matrix, read in ranges so that only the rows wanted are ever in memory.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import { formatShape } from "../../core/shapes.ts";
import { type NpyHeader, npyDataStart, npyHeader } from "../../formats/npy.ts";
import { dtypeBytes, toFloat32 } from "../../formats/safetensors/safetensors-dtypes.ts";
import type { ZooStore } from "../../core/store.ts";

/** Bytes read at a time, at most. */
const rangeBytes = 2 ** 25;
/** Rows between two wanted ones that are read along rather than skipped, in bytes. */
const gapBytes = 2 ** 16;

export interface NpyMatrix {
  readonly rows: number;
  readonly columns: number;
  /** Gives each wanted row, in ascending order, to `take`; its numbers are only good during the call. */
  readRows(
    wanted: readonly number[],
    take: (row: number, numbers: Float32Array) => void,
  ): Promise<void>;
}

/** @throws {FormatError} {UnsupportedError} when it is no matrix of floating-point numbers in rows */
export async function openNpyMatrix(store: ZooStore, name: string): Promise<NpyMatrix> {
  const where = `${name} in ${store.location}`;
  const read = async (start: number, end: number) =>
    (await store.read(name, start, end)) ?? new Uint8Array(0);
  const header = npyHeader(await read(0, npyDataStart(await read(0, 12), where)), where);
  const { dtype, shape, isFortran, dataStart, fileBytes } = header;
  const size = await store.size(name);
  if (size !== fileBytes)
    throw new FormatError(
      `${where}: its header says ${fileBytes} bytes for shape ${formatShape(shape)}, the file has ${size}; fetch it again`,
    );
  if (shape.length !== 2 || isFortran || !["F16", "F32", "F64"].includes(dtype)) {
    throw new UnsupportedError(
      `${where}: expected a matrix of float16, float32 or float64 stored row by row, got ${dtype} ${formatShape(shape)}${isFortran ? " stored column by column" : ""}; save it again as numpy.ascontiguousarray(weights)`,
    );
  }
  const [rows, columns] = shape;
  const rowBytes = columns * dtypeBytes[dtype];
  return {
    rows,
    columns,
    async readRows(wanted, take) {
      for (const { from, to, list } of ranges(wanted, rowBytes)) {
        const bytes = await read(dataStart + from * rowBytes, dataStart + to * rowBytes);
        for (const row of list) {
          const start = (row - from) * rowBytes;
          take(row, rowNumbers(dtype, bytes.subarray(start, start + rowBytes)));
        }
      }
    },
  };
}

function rowNumbers(dtype: NpyHeader["dtype"], bytes: Uint8Array): Float32Array {
  return Float32Array.from(toFloat32({ dtype, data: bytes.slice() }));
}

/** Stretches of the file that hold the wanted rows. */
function* ranges(wanted: readonly number[], rowBytes: number) {
  const sorted = wanted.toSorted((a, b) => a - b);
  let list: number[] = [];
  for (const row of sorted) {
    const [first, last] = [list[0], list[list.length - 1]];
    const fits =
      list.length === 0 ||
      ((row - last - 1) * rowBytes <= gapBytes && (row + 1 - first) * rowBytes <= rangeBytes);
    if (!fits) {
      yield { from: first, to: last + 1, list };
      list = [];
    }
    list.push(row);
  }
  if (list.length > 0) yield { from: list[0], to: list[list.length - 1] + 1, list };
}
