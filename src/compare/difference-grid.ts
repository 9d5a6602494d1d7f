// |a - b| of two tensors as a small grid to be drawn, whatever their size.

import { sizeOf } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";

/** Most cells of a grid along one side. */
export const gridSide = 48;

/** The difference of two tensors in cells. */
export interface DifferenceGrid {
  readonly rows: number;
  readonly columns: number;
  /** Mean of |a - b| in every cell, over the root mean square of the first tensor. */
  readonly cells: Float64Array;
}

/**
 * The difference of two tensors of one shape as a grid: the first dimension down, all others across, at most `gridSide`
 * cells a side. NaN and infinities count as no difference.
 */
export function differenceGrid({ shape, data }: Tensor, other: Tensor): DifferenceGrid {
  const height = shape[0] ?? 1;
  const width = sizeOf(shape) / height;
  const [rows, columns] = [Math.min(height, gridSide), Math.min(width, gridSide)];
  const cells = new Float64Array(rows * columns);
  const counts = new Float64Array(rows * columns);
  let square = 0;
  const columnOf = Int32Array.from({ length: width }, (_, at) =>
    Math.floor((at * columns) / width),
  );
  for (let at = 0, i = 0; at < height; at++) {
    const row = Math.floor((at * rows) / height) * columns;
    for (let inner = 0; inner < width; inner++, i++) {
      const off = Math.abs(data[i] - other.data[i]);
      const cell = row + columnOf[inner];
      cells[cell] += Number.isFinite(off) ? off : 0;
      counts[cell]++;
      square += Number.isFinite(data[i]) ? data[i] * data[i] : 0;
    }
  }
  const unit = Math.sqrt(square / Math.max(1, data.length)) || 1;
  return { rows, columns, cells: cells.map((sum, i) => sum / (counts[i] * unit)) };
}
