// The 30 inputs of Celo2 for one tensor: gradient, parameter, running means and their factored second moments (Adafactor, Shazeer and
// Stern 2018), each divided by its root mean square. Tensors of less than two dimensions have the first 15 only. Kernels are normalised
// over their two largest axes, position by position, which are the last two in the layout of the published code.

import { jit, numpy as np } from "@jax-js/jax";
import { sizeOf } from "../../core/shapes.ts";
import { concatenateAll } from "../../layers/pointwise/concatenate.ts";
import type { Celo2Constants } from "./celo2-numbers.ts";

export const celo2Inputs = 30;

/** Inputs of tensors of less than two dimensions. */
const vectorInputs = 15;
const momentDecays = [0.9, 0.99, 0.999] as const;
const squareDecay = 0.95;
const gradientLimit = 1000;
const smallGradient = 0.1;
/** Under roots: of second moments, of factored ones, and of mean squares of inputs. */
const epsilon = { second: 1e-8, factored: 1e-30, input: 1e-9 } as const;

/** What features are made with. */
export const celo2Constants = {
  inputs: celo2Inputs,
  vectorInputs,
  momentDecays,
  squareDecay,
  gradientLimit,
  smallGradient,
  epsilon,
} satisfies Celo2Constants;

/** What is remembered of a tensor; `rows` and `columns` for matrices, `squares` for the others. Three decays each. */
export type Celo2Memory = {
  /** [n, 3, ...shape] */
  moments: np.Array;
  /** [n, ...shape] */
  second: np.Array;
  rows?: np.Array;
  columns?: np.Array;
  squares?: np.Array;
};

/** The two largest axes of a shape, the larger one last; null below two dimensions. */
export function factoredAxes(
  shape: readonly number[],
): readonly [second: number, largest: number] | null {
  if (shape.length < 2) return null;
  const order = shape.map((_, axis) => axis).toSorted((a, b) => shape[a] - shape[b] || a - b);
  return [order[order.length - 2], order[order.length - 1]];
}

const without = (shape: readonly number[], axis: number) => shape.toSpliced(axis, 1);

/** Shapes of the memory of one network's tensor. */
export function memoryShapes(
  shape: readonly number[],
): Record<keyof Celo2Memory, number[] | undefined> {
  const decays = momentDecays.length;
  const axes = factoredAxes(shape);
  return {
    moments: [decays, ...shape],
    second: [...shape],
    rows: axes === null ? undefined : [decays, ...without(shape, axes[1])],
    columns: axes === null ? undefined : [decays, ...without(shape, axes[0])],
    squares: axes === null ? [decays, ...shape] : undefined,
  };
}

const rsqrt = (x: np.Array, added: number) => np.divide(1, np.sqrt(np.add(x, added)));

/** [1, 3, 1, ...] */
const decaysLike = (rank: number) =>
  np.reshape(np.array([...momentDecays]), [
    1,
    momentDecays.length,
    ...Array.from({ length: rank }, () => 1),
  ]);

/** keep * before + (1 - keep) * value, for each of three decays. Consumes. */
function mean3(before: np.Array, value: np.Array): np.Array {
  const rank = before.ndim - 2;
  const entering = np.multiply(np.expandDims(value, 1), np.subtract(1, decaysLike(rank)));
  return np.add(np.multiply(before, decaysLike(rank)), entering);
}

/** Factors of the second moments along rows and columns, [n, 3, ...] that broadcast over the tensor. Keeps. */
function factors(rows: np.Array, columns: np.Array, [second, largest]: readonly [number, number]) {
  // In `rows` the largest axis is gone, so the other one has moved when it came after it.
  const place = second > largest ? second - 1 : second;
  const meanOfRows = np.mean(rows.ref, place + 2, { keepdims: true });
  const row = rsqrt(np.divide(rows.ref, np.add(meanOfRows, epsilon.factored)), epsilon.factored);
  const column = rsqrt(columns.ref, epsilon.factored);
  return { row: np.expandDims(row, largest + 2), column: np.expandDims(column, second + 2) };
}

export interface Celo2Step {
  /** [n, entries, 30] */
  features: np.Array;
  memory: Celo2Memory;
}

/** Features and the next memory of tensors of one shape. Compiled; consumes. */
export function celo2Features(
  shape: readonly number[],
): (gradient: np.Array, param: np.Array, memory: Celo2Memory) => Celo2Step {
  const axes = factoredAxes(shape);
  return jit((raw: np.Array, param: np.Array, memory: Celo2Memory) => {
    const [n] = raw.shape;
    const gradient = np.clip(raw, -gradientLimit, gradientLimit);
    const moments = mean3(memory.moments, gradient.ref);
    const square = np.square(gradient.ref);
    const second = np.add(
      np.multiply(memory.second, squareDecay),
      np.multiply(square.ref, 1 - squareDecay),
    );
    const root = rsqrt(second.ref, epsilon.second); // [n, ...shape]
    const one = (x: np.Array) => np.expandDims(x, 1);
    const whole = [n, momentDecays.length, ...shape];
    const broad = (x: np.Array) => np.broadcastTo(x, whole);
    const next: Celo2Memory = { moments: moments.ref, second: second.ref };
    let factored: np.Array;
    let rest: np.Array[] = [];
    if (axes === null) {
      next.squares = mean3(memory.squares as np.Array, square);
      factored = np.multiply(one(gradient.ref), rsqrt(next.squares.ref, epsilon.factored));
    } else {
      const [second2, largest] = axes;
      next.rows = mean3(memory.rows as np.Array, np.mean(square.ref, largest + 1));
      next.columns = mean3(memory.columns as np.Array, np.mean(square, second2 + 1));
      const { row, column } = factors(next.rows, next.columns, axes);
      factored = np.multiply(np.multiply(one(gradient.ref), row.ref), column.ref);
      const rows = np.expandDims(next.rows.ref, largest + 2);
      const columns = np.expandDims(next.columns.ref, second2 + 2);
      rest = [
        broad(rows.ref),
        broad(columns.ref),
        broad(rsqrt(rows, epsilon.second)),
        broad(rsqrt(columns, epsilon.second)),
        np.multiply(np.multiply(moments.ref, row), column),
      ];
    }
    const inputs = [
      one(gradient.ref),
      one(np.clip(gradient.ref, -smallGradient, smallGradient)),
      one(param),
      moments.ref,
      one(second),
      np.multiply(moments, one(root.ref)),
      one(root.ref),
      factored,
      one(np.multiply(gradient, root)),
      ...rest,
    ];
    return { features: normalizedInputs(inputs, n, shape), memory: next };
  });
}

/** [n, entries, 30] of mean square 1 over the two largest axes, zeros where a vector has no such input. Consumes. */
function normalizedInputs(
  inputs: readonly np.Array[],
  n: number,
  shape: readonly number[],
): np.Array {
  const joined = concatenateAll(inputs, 1); // [n, inputs, ...shape]
  const axes = factoredAxes(shape);
  const over = axes === null ? shape.map((_, axis) => axis + 2) : axes.map((axis) => axis + 2);
  const mean =
    over.length === 0
      ? np.square(joined.ref)
      : np.mean(np.square(joined.ref), over, { keepdims: true });
  const scaled = np.multiply(joined, rsqrt(mean, epsilon.input));
  const entries = sizeOf(shape);
  const flat = np.transpose(np.reshape(scaled, [n, -1, entries]), [0, 2, 1]);
  if (axes !== null) return np.add(flat, 0);
  return np.pad(flat, [
    [0, 0],
    [0, 0],
    [0, celo2Inputs - vectorInputs],
  ]);
}
