// Makes a tensor by its recipe from the tensors of another file.

import { sizeOf, stridesOf } from "../../core/shapes.ts";
import type { Tensor } from "../../core/tensors.ts";
import type { WeightReader } from "../../parts/problem.ts";
import { inOrder, type TensorPiece, type TensorRecipe } from "./conversion.ts";

/** The tensor with its dimensions in another order: dimension i of the result is `dims[i]` of the tensor. */
export function permuted({ shape, data }: Tensor, dims: readonly number[]): Tensor {
  if (dims.every((to, from) => to === from)) return { shape, data };
  const sizes = dims.map((dim) => shape[dim]);
  const strides = stridesOf(shape);
  const steps = dims.map((dim) => strides[dim]);
  const result = data.slice();
  const at = sizes.map(() => 0);
  let from = 0;
  for (let i = 0; i < result.length; i++) {
    result[i] = data[from];
    for (let dim = sizes.length - 1; dim >= 0; dim--) {
      from += steps[dim];
      if (++at[dim] < sizes[dim]) break;
      from -= steps[dim] * sizes[dim];
      at[dim] = 0;
    }
  }
  return { shape: sizes, data: result };
}

/** The rows of a piece, as one array of equally long rows. */
function rowsOf(tensor: Tensor, { dims, rows }: TensorPiece): Tensor {
  const ordered = permuted(tensor, dims);
  return rows === undefined ? ordered : takeRows(ordered, rows);
}

/** Rows of a tensor by number. */
export function takeRows({ shape, data }: Tensor, rows: readonly number[]): Tensor {
  const width = sizeOf(shape.slice(1));
  const result = data.slice(0, rows.length * width);
  const isInside = result.length === rows.length * width;
  const target = isInside ? result : new Float64Array(rows.length * width);
  for (const [to, from] of rows.entries())
    target.set(data.subarray(from * width, (from + 1) * width), to * width);
  return { shape: [rows.length, ...shape.slice(1)], data: target };
}

/** One behind the other along the first dimension. */
function stacked(tensors: readonly Tensor[]): Tensor {
  if (tensors.length === 1) return tensors[0];
  const size = tensors.reduce((sum, { data }) => sum + data.length, 0);
  const isWide = tensors.some(({ data }) => data instanceof Float64Array);
  const data = isWide ? new Float64Array(size) : new Float32Array(size);
  let at = 0;
  for (const one of tensors) {
    data.set(one.data, at);
    at += one.data.length;
  }
  const rows = tensors.reduce((sum, { shape }) => sum + (shape[0] ?? 1), 0);
  return { shape: [rows, ...tensors[0].shape.slice(1)], data };
}

/** The tensor that a recipe makes. */
export async function makeTensor(recipe: TensorRecipe, read: WeightReader): Promise<Tensor> {
  const { pieces, order, dims, shape } = recipe;
  const parts: Tensor[] = [];
  for (const piece of pieces) parts.push(rowsOf(await read(piece.tensor), piece));
  const joined = stacked(parts);
  const ordered = order === undefined ? joined : takeRows(joined, order);
  const turned = dims.length === ordered.shape.length ? permuted(ordered, dims) : ordered;
  return { shape, data: turned.data };
}

/** A recipe that takes one tensor with its dimensions in this order. */
export const takes = (
  tensor: string,
  dims: readonly number[],
  shape: readonly number[],
): TensorRecipe => ({
  pieces: [{ tensor, dims }],
  dims: inOrder(dims.length),
  shape,
});
