// Whether a tensor is another one with its rows, columns, ... reordered, whatever any graph says: every dimension is taken
// as an axis of its own and matched by colours.

import { stridesOf } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";
import type { Axis } from "../spec/types.ts";
import { matchColours } from "./match-colours.ts";
import { mover } from "./move.ts";
import type { MatchProblem } from "./problem.ts";

/** By dimension, where every index of the second tensor goes in the first. */
export type Reordering = readonly (readonly number[])[];

/** The reordering that takes `b` to `a`, of the same shape, exactly; undefined when there is none. Indices stay where they can. */
export async function findReordering(a: Tensor, b: Tensor): Promise<Reordering | undefined> {
  if (sumOfWords(a) !== sumOfWords(b)) return undefined;
  const { problem, dims } = freeProblem(a.shape);
  const dense = ({ shape, data }: Tensor) => ({ sizes: shape, data });
  const element = await matchColours(
    problem,
    async () => dense(a),
    async () => dense(b),
  );
  if (element === undefined) return undefined;
  const { data } = mover(problem.axes, element)(dims, dense(b));
  if (!data.every((value, i) => value === a.data[i])) return undefined;
  return a.shape.map((_, dim) => element[`d${dim}`].permutations[0]);
}

/** Moves a tensor by one permutation per dimension. */
export function reorder({ shape, data }: Tensor, permutations: Reordering): Tensor {
  const { problem, dims } = freeProblem(shape);
  const element = Object.fromEntries(
    permutations.map((permutation, dim) => [`d${dim}`, { permutations: [permutation] }]),
  );
  return { shape, data: mover(problem.axes, element)(dims, { sizes: shape, data }).data };
}

function freeProblem(shape: readonly number[]) {
  const axes = Object.fromEntries(
    shape.map((size, dim): [string, Axis] => [`d${dim}`, { size, group: "permutation" }]),
  );
  const strides = stridesOf(shape);
  const dims = shape.map((size, dimension) => ({
    axis: `d${dimension}`,
    size,
    inverse: false,
    stride: strides[dimension],
    governor: null,
    dimension,
  }));
  const problem: MatchProblem = { axes, parts: [{ name: "tensor", dims }] };
  return { problem, dims };
}

/** A sum over all entries that no reordering changes; NaN never equals itself, so tensors with NaN are not matched. */
function sumOfWords({ data }: Tensor): number {
  const words = new Int32Array(data.buffer, data.byteOffset, data.byteLength / 4);
  let sum = data.some(Number.isNaN) ? NaN : 0;
  for (let i = 0; i < words.length; i++) sum += words[i];
  return sum;
}
