// What kernels do, as plain data: loops over arrays in one arena, before a single instruction is written. Sizes, offsets
// and strides count float32 numbers.

import type { PointwiseName } from "../pointwise.ts";

/** An array of the arena. Arrays of networks lie side by side: its size is that of one times the batch. */
export interface Buffer {
  readonly name: string;
  readonly size: number;
  /** One for every network of the batch, or one for all. */
  readonly batched: boolean;
  /** One for every thread: sums that threads collect apart. @default false */
  readonly perThread?: boolean;
}

/** How an operation walks over a buffer: where it begins, and the step to the next network and along every loop. */
export interface View {
  /** Index of the buffer. */
  readonly buffer: number;
  readonly offset: number;
  readonly batch: number;
  readonly strides: readonly number[];
}

/** A matrix [inner, columns] of coefficients. */
export interface Matrix {
  readonly buffer: number;
  readonly offset: number;
  /** Between its rows. */
  readonly rowStride: number;
}

/** Rows of a view times a matrix. */
export interface ProductPart {
  readonly x: View;
  readonly inner: number;
  readonly matrix: Matrix;
}

/** Added where all the given pairs of loops stand at the same index: on a diagonal, or everywhere when there are none. */
export interface Addend {
  readonly view: View;
  readonly equal: readonly (readonly [number, number])[];
}

/**
 * For every network and every index of the loops, a row of `columns` numbers: products plus addends, an activation, or
 * the product with an activation's derivative; stored, and added to sums.
 */
export interface StreamOperation {
  readonly kind: "stream";
  readonly name: string;
  readonly sizes: readonly number[];
  readonly columns: number;
  readonly products: readonly ProductPart[];
  readonly addends: readonly Addend[];
  readonly activation: PointwiseName;
  /** Row that the derivative is taken of, and of which activation; the result is multiplied by it. */
  readonly derivative?: { readonly activation: PointwiseName; readonly of: View };
  /** Where values before the activation go, if somebody needs them. */
  readonly before?: View;
  readonly output: View;
  /** Views with a step of 0 along what they sum over. */
  readonly sums: readonly View[];
  /** A buffer for some columns of the matrices, copied side by side; set where they are larger than a cache. */
  readonly panel?: number;
}

/** output[kept] = scale * sum over `reduced` of input[kept, reduced]; without `reduced`, a copy. */
export interface ReduceOperation {
  readonly kind: "reduce";
  readonly name: string;
  /** Whether the batch is kept, summed over, or not there at all. */
  readonly batch: "kept" | "reduced" | "none";
  readonly kept: readonly number[];
  readonly reduced: readonly number[];
  readonly columns: number;
  /** Strides of the kept loops, then of the reduced ones. */
  readonly input: View;
  readonly output: View;
  readonly scale: number;
}

/** matrix[k, n] += sum over networks and loops of x[k] * g[n]: the gradient of coefficients. */
export interface OuterOperation {
  readonly kind: "outer";
  readonly name: string;
  readonly sizes: readonly number[];
  readonly x: View;
  readonly inner: number;
  readonly g: View;
  readonly columns: number;
  readonly output: Matrix;
}

/** Fills buffers with zeros. */
export interface ClearOperation {
  readonly kind: "clear";
  readonly name: string;
  readonly buffers: readonly number[];
}

/** to = scale * sum over threads of from. */
export interface CombineOperation {
  readonly kind: "combine";
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly scale: number;
}

/**
 * Between a table of blocks [inner, columns] and a matrix made of them: `expand` copies blocks to their places, `collect` adds
 * what lies in the places to the blocks. `places` [rows, across] names the block of every place.
 */
export interface BlocksOperation {
  readonly kind: "expand" | "collect";
  readonly name: string;
  readonly places: { readonly buffer: number; readonly rows: number; readonly across: number };
  readonly inner: number;
  readonly columns: number;
  readonly table: number;
  readonly matrix: number;
}

/**
 * output[kept] = scale * sum over `reduced` of x * y, column by column; added to what lies there where `adds`. Strides are
 * those of the kept loops, then of the reduced ones; without `y` a sum of x.
 */
export interface MultiplyOperation {
  readonly kind: "multiply";
  readonly name: string;
  /** Whether there is a result for every network, or one for all, which is always added to. */
  readonly batch: "kept" | "reduced";
  readonly kept: readonly number[];
  readonly reduced: readonly number[];
  readonly columns: number;
  readonly x: View;
  readonly y: View | null;
  readonly output: View;
  readonly scale: number;
  readonly adds: boolean;
}

/** Names of functions of single numbers besides activations. */
export type EntryFunction = "signed-log" | "twice-sigmoid";

/**
 * A function of every number; with `gradient`, that times the derivative, which is taken of the function's argument
 * (`signed-log`) or of its result (`twice-sigmoid`); added to what lies there where `adds`.
 */
export interface EntriesOperation {
  readonly kind: "entries";
  readonly name: string;
  readonly sizes: readonly number[];
  readonly columns: number;
  readonly function: EntryFunction;
  readonly x: View;
  readonly gradient: View | null;
  readonly output: View;
  readonly adds: boolean;
}

/**
 * Rows of one network averaged over all its loops after each was made free of scales: divided by its norm (`positive`),
 * without signs (`sign`), or both. With `gradient`, a row like the result, the gradient of every row instead.
 */
export interface NormalizeOperation {
  readonly kind: "normalize";
  readonly name: string;
  readonly sizes: readonly number[];
  readonly columns: number;
  readonly positive: boolean;
  readonly sign: boolean;
  readonly x: View;
  readonly gradient: View | null;
  readonly output: View;
  readonly adds: boolean;
}

export type Operation =
  | MultiplyOperation
  | EntriesOperation
  | NormalizeOperation
  | StreamOperation
  | ReduceOperation
  | OuterOperation
  | ClearOperation
  | CombineOperation
  | BlocksOperation;
