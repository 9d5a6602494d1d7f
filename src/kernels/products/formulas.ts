// Formulas of derived tensors as operations of the forward pass, and the loops that their gradients share with them.

import { UnsupportedError } from "../../core/errors.ts";
import { productLoops } from "../../plan/products/product-loops.ts";
import type { Formula } from "../../symmetry/formula.ts";
import { type Value, wholeView } from "../arena.ts";
import type { KernelProducts } from "../stack.ts";
import type { MultiplyOperation, Operation, View } from "../wasm/operations.ts";
import type { ProductsState } from "./state.ts";

/** A view whose loops have these strides. */
export const stridedView = (value: Value, strides: readonly number[]): View => ({
  buffer: value.buffer,
  offset: value.offset,
  batch: value.batch,
  strides,
});

/** A product of arrays as the kernel reads it; strides are those of kept loops, then of reduced ones. */
export function multiplication(
  name: string,
  [kept, reduced]: readonly [kept: readonly number[], reduced: readonly number[]],
  columns: number,
  [x, y, output]: readonly [View, View | null, View],
  options: { readonly scale?: number; readonly adds?: boolean; readonly overBatch?: boolean } = {},
): MultiplyOperation {
  const { scale = 1, adds = false, overBatch = false } = options;
  const batch = overBatch ? "reduced" : "kept";
  return { kind: "multiply", name, batch, kept, reduced, columns, x, y, output, scale, adds };
}

/** An array copied to another of the same shape. */
export const copy = (name: string, from: Value, to: Value, adds: boolean): Operation =>
  multiplication(name, [from.sizes, []], from.columns, [wholeView(from), null, wholeView(to)], {
    adds,
  });

/** A shared array: the same for every network. */
export const sharedView = (buffer: number, strides: readonly number[], offset = 0): View => ({
  buffer,
  offset,
  batch: 0,
  strides,
});

/**
 * Loops of a contraction or outer product, and the strides of both operands and the result (or of arrays like them) along them.
 */
export function loopsOfProduct(
  { derived, channels }: KernelProducts,
  formula: Formula & { readonly op: "contract" | "outer" },
  arrays: readonly Value[],
): {
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
  readonly has: readonly (readonly boolean[])[];
} {
  const loops = productLoops(derived, formula, channels);
  const { indices } = loops;
  const sizes = indices.slice(0, -1).map(({ size }) => size);
  const orders = [loops.x, loops.y, loops.result];
  const strides = arrays.map((array, a) => {
    const order = orders[a];
    const ofIndex = sizes.map(() => 0);
    // Behind the dimensions stand two fixed indices and the channels, row-major in the columns.
    const [outer, inner] = order.slice(-3);
    for (const [place, index] of order.slice(0, -3).entries())
      ofIndex[index] = array.strides[place];
    ofIndex[inner] = channels;
    ofIndex[outer] = channels * indices[inner].size;
    return ofIndex;
  });
  const has = orders.map((order) => sizes.map((_, index) => order.includes(index)));
  return { sizes, strides, has };
}

/** Product of two of three arrays (0 and 1 the operands, 2 the result) into the third. */
export function productInto(
  name: string,
  { sizes, strides, has }: ReturnType<typeof loopsOfProduct>,
  channels: number,
  [x, y, target]: readonly [number, number, number],
  arrays: readonly Value[],
  options: { readonly scale: number; readonly adds: boolean },
): MultiplyOperation {
  const kept = sizes.flatMap((_, i) => (has[target][i] ? [i] : []));
  const reduced = sizes.flatMap((_, i) => (has[target][i] ? [] : [i]));
  const along = (array: number, loops: readonly number[]) => loops.map((i) => strides[array][i]);
  const view = (array: number, loops: readonly number[]) =>
    stridedView(arrays[array], along(array, loops));
  const all = [...kept, ...reduced];
  const sizesOf = (loops: readonly number[]) => loops.map((i) => sizes[i]);
  const views = [view(x, all), view(y, all), view(target, kept)] as const;
  return multiplication(name, [sizesOf(kept), sizesOf(reduced)], channels, views, options);
}

/** Computes one derived tensor from its operands. */
export function planFormula(
  forward: Operation[],
  state: ProductsState,
  id: number,
  formula: Formula,
): void {
  const { products, values, coefficients } = state;
  const { channels, name: prefix } = products;
  const name = `${prefix}_${id}`;
  const result = values[id];
  const [x] = formula.operands.map((operand) => values[operand]);
  switch (formula.op) {
    case "contract":
    case "outer": {
      const arrays = [x, values[formula.operands[1]], result];
      const loops = loopsOfProduct(products, formula, arrays);
      const scale = formula.op === "contract" ? formula.factor : 1;
      forward.push(productInto(name, loops, channels, [0, 1, 2], arrays, { scale, adds: false }));
      return;
    }
    case "reduce": {
      const { kept, reduced, from } = reducedLoops(formula, x);
      const views = [stridedView(x, from), null, wholeView(result)] as const;
      const options = { scale: formula.factor };
      forward.push(multiplication(name, [kept, reduced], x.columns, views, options));
      return;
    }
    case "map":
      forward.push(planMap(name, formula, coefficients.get(id)?.buffer ?? -1, channels, x, result));
      return;
    case "sum": {
      const operands = formula.operands.map((operand) => values[operand]);
      forward.push(...planSum(name, operands, coefficients.get(id)?.buffer, channels, result));
      return;
    }
    case "gate":
      forward.push(planGate(name, formula, x, null, result, false));
  }
}

/** Operands added up, each times a row of the coefficients where there are some. */
function planSum(
  name: string,
  operands: readonly Value[],
  buffer: number | undefined,
  channels: number,
  result: Value,
): Operation[] {
  const zeros = [...result.sizes.map(() => 0), 0];
  const loops = [[...result.sizes, result.columns / channels], []] as const;
  return operands.map((operand, n) => {
    const row = buffer === undefined ? null : sharedView(buffer, zeros, n * channels);
    const views = [byChannels(operand, channels), row, byChannels(result, channels)] as const;
    return multiplication(`${name}_${n}`, loops, channels, views, { adds: n > 0 });
  });
}

/**
 * A function of every entry, or its gradient from that of the result.
 * @throws {UnsupportedError} for functions that kernels do not have.
 */
export function planGate(
  name: string,
  { function: gate, frequency }: Formula & { readonly op: "gate" },
  x: Value,
  gradient: Value | null,
  output: Value,
  adds: boolean,
): Operation {
  if (gate !== "signed-log" || frequency !== 1)
    throw new UnsupportedError(
      `kernels: gate ${gate} of ${frequency} x is not written yet; use backend "engine"`,
    );
  return {
    kind: "entries",
    name,
    sizes: x.sizes,
    columns: x.columns,
    function: gate,
    x: wholeView(x),
    gradient: gradient && wholeView(gradient),
    output: wholeView(output),
    adds,
  };
}

/** Loops over dimensions, then over fixed entries: rows are channels. */
export const byChannels = (value: Value, channels: number): View =>
  stridedView(value, [...value.strides, channels]);

/** Dimensions that stay and those that are summed, with the operand's strides along both. */
export function reducedLoops({ dims }: Formula & { readonly op: "reduce" }, x: Value) {
  const places = x.sizes.map((_, dim) => dim);
  const stays = places.filter((dim) => !dims.includes(dim));
  const goes = places.filter((dim) => dims.includes(dim));
  const sizesOf = (list: readonly number[]) => list.map((dim) => x.sizes[dim]);
  return {
    stays,
    kept: sizesOf(stays),
    reduced: sizesOf(goes),
    from: [...stays, ...goes].map((dim) => x.strides[dim]),
  };
}

/** A matrix on the last fixed entries: a product of rows where it mixes channels, else one channel by itself. */
function planMap(
  name: string,
  { from, to, matrix }: Formula & { readonly op: "map" },
  buffer: number,
  channels: number,
  x: Value,
  result: Value,
): Operation {
  const rest = x.columns / (from * channels);
  const sizes = [...x.sizes, rest];
  const zeros = x.sizes.map(() => 0);
  if (matrix === "full")
    return {
      kind: "stream",
      name,
      sizes,
      columns: to * channels,
      products: [
        {
          x: stridedView(x, [...x.strides, from * channels]),
          inner: from * channels,
          matrix: { buffer, offset: 0, rowStride: to * channels },
        },
      ],
      addends: [],
      activation: "identity",
      output: stridedView(result, [...result.strides, to * channels]),
      sums: [],
    };
  const views = [
    stridedView(x, [...x.strides, from * channels, 0, channels]),
    sharedView(buffer, [...zeros, 0, channels, to * channels]),
    stridedView(result, [...result.strides, to * channels, channels]),
  ] as const;
  return multiplication(name, [[...sizes, to], [from]], channels, views);
}
