// Householder's QR decomposition of a tall matrix, in place and column by column; Q is kept as reflections.

/** A matrix column by column: entry (i, j) is `data[j * rows + i]`. */
export interface Columns {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array<ArrayBuffer>;
}

/** Q and R of a matrix, with `size` = the smaller of its sides. */
export interface ThinQR {
  readonly size: number;
  /** R [size, columns], row by row. */
  readonly upper: Float64Array<ArrayBuffer>;
  /** Q [rows, size] times a matrix [size, any]. */
  readonly timesQ: (matrix: Columns) => Columns;
}

/** Decomposes a matrix; its array is used up. */
export function thinQR({ rows, columns, data }: Columns): ThinQR {
  const size = Math.min(rows, columns);
  const factors = new Float64Array(size);
  const upper = new Float64Array(size * columns);
  for (let k = 0; k < size; k++) {
    const at = k * rows;
    let square = 0;
    for (let i = k; i < rows; i++) square += data[at + i] * data[at + i];
    const head = data[at + k];
    const diagonal = head > 0 ? -Math.sqrt(square) : Math.sqrt(square);
    // The column becomes v, with I - factor v v^T the reflection that takes it to its first axis.
    data[at + k] = head - diagonal;
    factors[k] = square === 0 ? 0 : 1 / (square - head * diagonal);
    for (let j = k + 1; j < columns; j++) {
      reflect(data, at, data, j * rows, k, rows, factors[k]);
      upper[k * columns + j] = data[j * rows + k];
    }
    upper[k * columns + k] = diagonal;
  }
  const timesQ = (matrix: Columns): Columns => {
    const product = new Float64Array(rows * matrix.columns);
    for (let j = 0; j < matrix.columns; j++) {
      product.set(matrix.data.subarray(j * size, (j + 1) * size), j * rows);
      for (let k = size - 1; k >= 0; k--)
        reflect(data, k * rows, product, j * rows, k, rows, factors[k]);
    }
    return { rows, columns: matrix.columns, data: product };
  };
  return Object.freeze({ size, upper, timesQ });
}

/** x -= factor v (v . x), on the rows from `first`. */
function reflect(
  from: Float64Array,
  v: number,
  target: Float64Array,
  x: number,
  first: number,
  rows: number,
  factor: number,
): void {
  let along = 0;
  for (let i = first; i < rows; i++) along += from[v + i] * target[x + i];
  along *= factor;
  if (along === 0) return;
  for (let i = first; i < rows; i++) target[x + i] -= along * from[v + i];
}
