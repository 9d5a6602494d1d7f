// Derived tensors in the arena: where each lies, which are kept for the backward pass, and which are computed again.

import { sizeOf, stridesOf } from "../../core/shapes.ts";
import { coefficientShape, type Formula, isRead } from "../../symmetry/formula.ts";
import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";
import type { Value } from "../arena.ts";
import { type Build, gradientTarget, parameter, planTransposed } from "../parameters.ts";
import type { KernelProducts } from "../stack.ts";
import type { FormulaCoefficients, ProductsState } from "./state.ts";
import { copy, planFormula } from "./formulas.ts";

/** Some fixed entries of an array: columns from `column` on. */
const columnsOf = (value: Value, column: number, columns: number): Value => ({
  ...value,
  offset: value.offset + column,
  columns,
});

/** The members of merged arrays, by their ids. */
export function membersIn(
  members: readonly (readonly AtomicTensor[])[],
  arrays: readonly (Value | undefined)[],
  channels: number,
): Value[] {
  const atoms: Value[] = [];
  for (const [tensor, value] of arrays.entries()) {
    if (value === undefined) continue;
    let column = 0;
    for (const { id, fixedSize } of members[tensor]) {
      atoms[id] = columnsOf(value, column, fixedSize * channels);
      column += fixedSize * channels;
    }
  }
  return atoms;
}

/** The tensor of the base that a merged one is as a whole, or null. */
function aliasOf({ base, merged }: KernelProducts, tensor: number): number | null {
  const ids = merged.members[tensor].map(({ id }) => id).join();
  const at = base.members.findIndex((list) => list.map(({ id }) => id).join() === ids);
  return at === -1 ? null : at;
}

/** Whether a derived tensor costs less to compute again in the backward pass than to keep: no sum over an axis is in it. */
const isCheap = (formula: Formula): boolean =>
  formula.op === "outer" ||
  (formula.op === "map" && formula.matrix === "channel") ||
  (formula.op === "sum" && !formula.learned);

/** Derived tensors that are not kept for the backward pass, and arrays that are read of which every member is such. */
function cheapTensors({ derived, merged }: KernelProducts) {
  const cheap = new Set(
    derived.tensors.flatMap(({ id, formula }) =>
      formula !== undefined && isCheap(formula) ? [id] : [],
    ),
  );
  const arrays = new Set<number>();
  for (const [tensor, members] of merged.members.entries()) {
    if (members.every(({ id }) => cheap.has(id))) arrays.add(tensor);
    else for (const { id } of members) cheap.delete(id);
  }
  return { cheap, arrays };
}

const numbersOf = ({ dims, fixedSize }: AtomicTensor, { axes }: LoweredSpec, channels: number) =>
  dims.reduce((n, { axis }) => n * axes[axis].size, fixedSize * channels);

/** Numbers a network of all cheap tensors of a layer's products. */
export function scratchSize(products: KernelProducts): number {
  const { derived, channels } = products;
  const { cheap } = cheapTensors(products);
  return [...cheap].reduce((sum, id) => sum + numbersOf(derived.tensors[id], derived, channels), 0);
}

/** Gives arrays in a buffer that the products of all layers share: nothing in it lasts longer than a layer needs it. */
function scratchArrays({ buffer, size }: Scratch) {
  let offset = 0;
  return (sizes: readonly number[], columns: number): Value => {
    const strides = stridesOf(sizes).map((stride) => stride * columns);
    const value: Value = { buffer, offset, batch: size, sizes, strides, columns };
    offset += sizeOf(sizes) * columns;
    return value;
  };
}

/** A buffer for cheap tensors, and its numbers a network. */
export interface Scratch {
  readonly buffer: number;
  readonly size: number;
}

/** Plans the forward pass. `base` holds one array for each tensor of the base; the result one for each tensor that is read. */
export function planProducts(
  build: Build,
  products: KernelProducts,
  base: readonly Value[],
  scratch: Scratch,
): { inputs: Value[]; state: ProductsState } {
  const { arena, forward } = build;
  const { derived, merged, channels, name } = products;
  const own = membersIn(products.base.members, base, channels);
  const aliases = merged.tensors.map(({ id }) => aliasOf(products, id));
  const { cheap, arrays } = cheapTensors(products);
  const inScratch = scratchArrays(scratch);
  const newValue = (isShared: boolean, { dims, fixedSize, name: label }: AtomicTensor): Value => {
    const sizes = dims.map(({ axis }) => derived.axes[axis].size);
    const columns = fixedSize * channels;
    return isShared ? inScratch(sizes, columns) : arena.value(`${name} ${label}`, sizes, columns);
  };
  const inputs: Value[] = [];
  for (const tensor of merged.tensors) {
    if (!isRead(tensor)) continue;
    const alias = aliases[tensor.id];
    inputs[tensor.id] = alias === null ? newValue(arrays.has(tensor.id), tensor) : base[alias];
  }
  const values = membersIn(merged.members, inputs, channels);
  for (const tensor of derived.tensors) {
    const { id, formula } = tensor;
    if (formula !== undefined) values[id] ??= newValue(cheap.has(id), tensor);
    else if (values[id] === undefined) values[id] = own[id];
    else if (values[id].buffer !== own[id].buffer)
      forward.push(copy(`${name}_copy_${id}`, own[id], values[id], false));
  }
  const coefficients = planFormulaCoefficients(build, products);
  const state = { products, values, coefficients, aliases, cheap };
  for (const { id, formula } of derived.tensors)
    if (formula !== undefined) planFormula(forward, state, id, formula);
  return { inputs, state };
}

/** Computes what was not kept once more, before the backward pass of what reads it. */
export function planAgain({ backward }: Build, state: ProductsState): void {
  for (const { id, formula } of state.products.derived.tensors)
    if (formula !== undefined && state.cheap.has(id)) planFormula(backward, state, id, formula);
}

function planFormulaCoefficients(
  build: Build,
  { derived, channels, coefficients, name }: KernelProducts,
): Map<number, FormulaCoefficients> {
  const { arena, gradients } = build;
  const planned = new Map<number, FormulaCoefficients>();
  for (const { id, formula } of derived.tensors) {
    const shape = formula === undefined ? null : coefficientShape(formula, channels);
    const source = coefficients.get(id);
    if (shape === null || source === undefined) continue;
    const size = sizeOf(shape);
    let [buffer, gradient] = [-1, -1];
    if (typeof source === "string") {
      const plan = parameter(build, source, shape);
      buffer = plan.buffer;
      if (gradients) gradient = gradientTarget(build, source, size, plan.gradient);
    } else {
      buffer = arena.buffer(`${name} frozen ${id}`, size);
      build.constants.push({ buffer, data: source });
    }
    const isFull = formula?.op === "map" && formula.matrix === "full";
    const transposed = isFull && gradients ? arena.buffer(`${name} transposed ${id}`, size) : -1;
    if (transposed !== -1) {
      const [rows, columns] = shape;
      planTransposed(build, `${name}_${id}`, buffer, transposed, [rows, columns]);
    }
    planned.set(id, { buffer, gradient, transposed });
  }
  return planned;
}
