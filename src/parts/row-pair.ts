// Rows of one part in two networks, whose inner products matching takes.

/** Rows of one part in both networks, row-major [size, rest], and what their products count. */
export interface RowPair {
  readonly a: Float32Array<ArrayBuffer>;
  readonly b: Float32Array<ArrayBuffer>;
  readonly rest: number;
  readonly factor: number;
  /** The columns that count, from and to. @default all */
  readonly columns?: readonly [number, number];
}

/** The columns of a pair that count. */
export const columnsOf = ({ columns, rest }: RowPair): readonly [number, number] =>
  columns ?? [0, rest];
