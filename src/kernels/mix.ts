// From the features of all products to one array a tensor: products that are placed into several tensors or broadcast are
// stored; the product that carries every dimension of a tensor is computed where the tensor is written.

import type { ExecutablePlan } from "../plan/plan-spec.ts";
import type { Pattern } from "../plan/plan.ts";
import { type ArenaPlan, constantRow, type Value, viewOf } from "./arena.ts";
import type {
  Addend,
  Matrix,
  Operation,
  ProductPart,
  StreamOperation,
  View,
} from "./wasm/operations.ts";
import type { Piece } from "./readings.ts";

export interface MixOptions {
  readonly arena: ArenaPlan;
  readonly operations: Operation[];
  /** Prefix of names. */
  readonly name: string;
  readonly executable: ExecutablePlan;
  /** Features of a product. */
  readonly operand: (product: number) => readonly Piece[];
  /** Its coefficients [inputs, outputs]. */
  readonly matrix: (product: number) => Matrix;
  /** Channels of the outputs. */
  readonly channels: number;
  /** Added to the scalar product: a row of all its output columns. */
  readonly bias: number | null;
}

/** What a tensor is made of: a product of its own, if it has one, and what is broadcast into it. */
export interface TensorParts {
  readonly products: readonly ProductPart[];
  readonly addends: readonly Addend[];
}

/** Whether a target carries every dimension of its tensor by itself: rows of the product are entries of the tensor. */
export const carriesAll = ({ blocks }: Pattern): boolean =>
  blocks.every(({ dims, slot }) => dims.length === 1 && slot !== null);

const scalarProduct = ({ plan }: ExecutablePlan) =>
  plan.products.findIndex(({ slots }) => slots.length === 0);

/** A target's rows as an addend of its tensor: blocks of several dimensions lie on a diagonal. */
export function placement(pattern: Pattern, stored: Value, rank: number, column: number): Addend {
  const loops = Array.from({ length: rank }, (): number | null => null);
  const equal: [number, number][] = [];
  for (const { dims, slot } of pattern.blocks) {
    const [first, ...others] = dims;
    loops[first] = slot;
    for (const other of others) equal.push([first, other]);
  }
  return { view: viewOf(stored, loops, column), equal };
}

/** Plans all stored products and says what every tensor is made of. */
export function planMix(options: MixOptions): TensorParts[] {
  const { executable, operand, matrix, channels, bias } = options;
  const { lowered, plan, schedule } = executable;
  const scalar = scalarProduct(executable);
  const stored = plan.products.map((_, product) => storeProduct(options, product));
  return lowered.tensors.map(({ dims }, tensor): TensorParts => {
    const products: ProductPart[] = [];
    const addends: Addend[] = [];
    for (const { product, column, pattern } of schedule.targets[tensor]) {
      const first = column * channels;
      const kept = stored[product];
      if (kept !== null && !carriesAll(pattern)) {
        addends.push(placement(pattern, kept, dims.length, first));
        continue;
      }
      const slotOf = dims.map(
        (_, dim) => pattern.blocks.find((block) => block.dims[0] === dim)?.slot ?? null,
      );
      for (const part of partsOf(operand(product), matrix(product), first))
        products.push({ ...part, x: viewOf(part.value, slotOf) });
      if (product === scalar && bias !== null)
        addends.push({ view: constantRow(bias, first, dims.length), equal: [] });
    }
    return { products, addends };
  });
}

const partsOf = (pieces: readonly Piece[], matrix: Matrix, column: number) =>
  pieces.map(({ value, row }) => ({
    value,
    inner: value.columns,
    matrix: { ...matrix, offset: matrix.offset + row * matrix.rowStride + column },
  }));

/** Plans the columns of a product that are not written straight into a tensor; null when there are none. */
function storeProduct(
  { arena, operations, name, executable, operand, matrix, channels, bias }: MixOptions,
  product: number,
): Value | null {
  const { lowered, plan, schedule } = executable;
  const { slots, targets } = plan.products[product];
  const ranges: [number, number][] = [];
  let column = 0;
  for (const pattern of targets) {
    const width = lowered.tensors[pattern.tensor].fixedSize * channels;
    const last = ranges[ranges.length - 1];
    if (!carriesAll(pattern)) {
      if (last !== undefined && last[1] === column) last[1] += width;
      else ranges.push([column, column + width]);
    }
    column += width;
  }
  if (ranges.length === 0) return null;
  const sizes = slots.map(({ size }) => size);
  const loops = sizes.map((_, i) => i);
  const value = arena.value(
    `${name} product ${product}`,
    sizes,
    schedule.widths[product].output * channels,
  );
  for (const [from, to] of ranges) {
    const products = partsOf(operand(product), matrix(product), from).map((part): ProductPart => ({
      ...part,
      x: viewOf(part.value, loops),
    }));
    const added: View[] =
      bias !== null && slots.length === 0 ? [constantRow(bias, from, sizes.length)] : [];
    const operation: StreamOperation = {
      kind: "stream",
      name: `${name}_product_${product}_${from}`,
      sizes,
      columns: to - from,
      products,
      addends: added.map((view) => ({ view, equal: [] })),
      activation: "identity",
      output: viewOf(value, loops, from),
      sums: [],
    };
    operations.push(operation);
  }
  return value;
}
