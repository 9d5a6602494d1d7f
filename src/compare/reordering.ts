// Whether a tensor is another one with its rows, columns, ... reordered, whatever any graph says: every dimension is taken
// as an axis of its own and matched by colours.

import { stridesOf } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";
import type { Axis } from "../symmetry/types.ts";
import { checkMove } from "../parts/check-move.ts";
import { matchColours } from "../parts/colours/match-colours.ts";
import { partAction } from "../symmetry/act.ts";
import type { MatchProblem } from "../parts/problem.ts";

/** By dimension, where every index of the second tensor goes in the first. */
export type Reordering = readonly (readonly number[])[];

/** The reordering that takes `b` to `a`, of the same shape, exactly; undefined when there is none. Indices stay where they can. */
export async function findReordering(a: Tensor, b: Tensor): Promise<Reordering | undefined> {
  const sum = sumOfNumbers(a);
  if (sum === undefined || sum !== sumOfNumbers(b)) return undefined;
  const { problem } = freeProblem(a.shape);
  const dense = ({ shape, data }: Tensor) => ({ sizes: shape, data });
  const [left, right] = [async () => dense(a), async () => dense(b)];
  const { element } = await matchColours(
    problem,
    left,
    right,
    async (candidate) => (await checkMove(problem, candidate, left, right)) === 0,
  );
  if (element === undefined) return undefined;
  return a.shape.map((_, dim) => element[`d${dim}`].permutations[0]);
}

/** Moves a tensor by one permutation per dimension. */
export function reorder({ shape, data }: Tensor, permutations: Reordering): Tensor {
  const { problem, dims } = freeProblem(shape);
  const element = Object.fromEntries(
    permutations.map((permutation, dim) => [`d${dim}`, { permutations: [permutation] }]),
  );
  return { shape, data: partAction(problem.axes, element)(dims, { sizes: shape, data }).data };
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
    parent: null,
    dimension,
  }));
  const problem: MatchProblem = { axes, parts: [{ name: "tensor", dims }] };
  return { problem, dims };
}

/** A sum of bit patterns that no reordering or widening changes; undefined with NaN, which never equals itself. */
function sumOfNumbers({ data }: Tensor): number | undefined {
  const number = new Float64Array(1);
  const words = new Int32Array(number.buffer);
  let sum = 0;
  for (let i = 0; i < data.length; i++) {
    if (Number.isNaN(data[i])) return undefined;
    number[0] = data[i] === 0 ? 0 : data[i]; // -0 is 0
    sum = (sum + words[0] + Math.imul(words[1], 0x9e3779b1)) | 0;
  }
  return sum;
}
