// The action of a group element on named weights. Every tensor is taken apart into single-axis parts; in each part the
// matrices act first, then the scales, then the shifts of phases, then the permutations, one dimension at a time.

import { ShapeError } from "../core/errors.ts";
import { frozenRecord, lookup } from "../core/records.ts";
import { equalShapes, formatShape } from "../core/shapes.ts";
import type { Tensor, Weights } from "../core/tensors.ts";
import {
  type Dense,
  densePart,
  parentsOf,
  innermostFirst,
  type Lanes,
  lanesOf,
  type FloatArray,
  writePart,
  zerosLike,
} from "./dense.ts";
import type { GroupElement } from "./element.ts";
import { invertMatrix, transposeMatrix } from "./matrices.ts";
import { parentsFirst, type PartDim, splitParts } from "./parts.ts";
import { passesSigns, windingStep } from "./phases.ts";
import type { Axis, SymmetrySpec } from "./types.ts";

/**
 * New weights after the element acted; tensors outside the spec are passed through unchanged, nothing is modified.
 * @throws {ShapeError} when a tensor does not have the spec's shape.
 */
export function actOn(spec: SymmetrySpec, element: GroupElement, weights: Weights): Weights {
  const act = partAction(spec.axes, element);
  return frozenRecord(
    Object.entries(weights).map(
      ([name, tensor]) => [name, actWith(spec, act, name, tensor)] as const,
    ),
  );
}

/** The action on one tensor of the spec. @throws {ShapeError} when it does not have the spec's shape */
export function actOnTensor(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  element: GroupElement,
  name: string,
  tensor: Tensor,
): Tensor {
  return actWith(spec, partAction(spec.axes, element), name, tensor);
}

function actWith(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  act: PartAction,
  name: string,
  tensor: Tensor,
): Tensor {
  const { shape, data } = tensor;
  const expected = lookup(spec.tensors, name);
  if (expected === undefined) return tensor;
  if (!equalShapes(expected.shape, shape)) {
    throw new ShapeError(
      `actOn: tensor "${name}" has shape ${formatShape(shape)}, expected ${formatShape(expected.shape)} from the spec`,
    );
  }
  const { parts } = splitParts(spec, name);
  const target = zerosLike(data);
  for (const part of parts) writePart(part, act(part.dims, densePart(part, data)), target);
  return { shape, data: target };
}

/** How an element acts on a dense part with these dimensions: new numbers, or the part itself when nothing moves. */
export type PartAction = (dims: readonly PartDim[], dense: Dense) => Dense;

/**
 * The action of an element on dense parts; dimensions marked inverse get inverse scales and inverse transposed matrices.
 * Every number is rounded once for all its scales together, and once for each matrix.
 */
export function partAction(axes: SymmetrySpec["axes"], element: GroupElement): PartAction {
  const moveOf = axisMoves(axes, element);
  return (dims, dense) => {
    const moves = dims.map(({ axis }) => (axis === null ? null : moveOf(axis)));
    if (moves.every((move) => move === null)) return dense;
    let { data } = dense;
    const lanesAt = (dim: number) => lanesOf(dense.sizes, dim, parentsOf(dims, dim));
    for (const [dim, { inverse, size }] of dims.entries()) {
      const matrices = inverse ? moves[dim]?.dualMatrices() : moves[dim]?.matrices;
      if (matrices !== undefined) data = multiplied(data, size, lanesAt(dim), matrices);
    }
    data = scaled(data, dims, moves, lanesAt);
    data = shifted(data, dims, moves, lanesAt);
    for (const dim of innermostFirst(dims)) {
      const permutations = moves[dim]?.permutations;
      if (permutations !== undefined)
        data = permuted(data, dims[dim].size, lanesAt(dim), permutations);
    }
    return { sizes: dense.sizes, data };
  };
}

/** What an element does along one axis, by instance; absent where it does nothing. */
interface AxisMove {
  readonly permutations: readonly (readonly number[])[] | undefined;
  /** What dimensions are multiplied by. */
  readonly scales: readonly (readonly number[])[] | undefined;
  /** What inverse dimensions are divided by: the scales, on phase axes the signs of outgoing weights. */
  readonly divisors: readonly (readonly number[])[] | undefined;
  /** What is added along shifted dimensions. */
  readonly shifts: readonly (readonly number[])[] | undefined;
  readonly matrices: readonly (readonly number[])[] | undefined;
  /** Inverse transposed matrices. */
  readonly dualMatrices: () => readonly (readonly number[])[] | undefined;
}

/** What an element does along an axis, worked out when first asked for: an element of thousands of axes often moves parts of two. */
function axisMoves(
  axes: SymmetrySpec["axes"],
  element: GroupElement,
): (axis: string) => AxisMove | null {
  const known = new Map<string, AxisMove | null>();
  return (axis) => {
    let move = known.get(axis);
    if (move === undefined) {
      move = axisMove(axes, element, axis);
      known.set(axis, move);
    }
    return move;
  };
}

/** Null when every index stays as it is. */
function axisMove(
  axes: SymmetrySpec["axes"],
  element: GroupElement,
  axis: string,
): AxisMove | null {
  const action = lookup(element, axis);
  if (action === undefined || axes[axis].group === "fixed") return null;
  const { group, size } = axes[axis];
  const { shifts, divisors } = phaseMoves(axes[axis], action);
  const matrices = group === "general-linear" ? action.matrices : undefined;
  const still = action.permutations.every((p) => p.every((to, i) => to === i));
  const unscaled = action.scales?.every((factors) => factors.every((s) => s === 1)) ?? true;
  if (matrices === undefined && still && unscaled && shifts === undefined) return null;
  const scales = unscaled ? undefined : action.scales;
  return {
    permutations: still ? undefined : action.permutations,
    scales,
    divisors: axes[axis].scale === "phase" ? divisors : scales,
    shifts,
    matrices,
    dualMatrices: () => matrices?.map((matrix) => dualOf(matrix, size)),
  };
}

/** What windings add to biases, and the signs of outgoing weights; without windings only cosines differ from signs. */
function phaseMoves(
  axis: Axis,
  { permutations, scales, windings }: GroupElement[string],
): Pick<AxisMove, "shifts" | "divisors"> {
  if (axis.scale !== "phase") return { shifts: undefined, divisors: undefined };
  const step = windingStep(axis);
  const isWound = windings?.some((ofInstance) => ofInstance.some((k) => k !== 0)) === true;
  const divisors = permutations.map((p, instance) =>
    p.map((_, i) => {
      const parity = ((windings?.[instance][i] ?? 0) & 1) === 0 ? 1 : -1;
      return passesSigns(axis) ? parity * (scales?.[instance][i] ?? 1) : parity;
    }),
  );
  const isFlipped = divisors.some((ofInstance) => ofInstance.some((sign) => sign !== 1));
  return {
    shifts: isWound ? windings.map((list) => list.map((k) => k * step)) : undefined,
    divisors: isFlipped ? divisors : undefined,
  };
}

/** Inverse transposed matrices that were asked for: one element acts on many tensors. */
const duals = new WeakMap<readonly number[], readonly number[]>();

function dualOf(matrix: readonly number[], size: number): readonly number[] {
  const known = duals.get(matrix);
  if (known !== undefined) return known;
  const dual = transposeMatrix(invertMatrix(matrix, size), size);
  duals.set(matrix, dual);
  return dual;
}

/** Multiplies the vectors along one dimension by the matrix of their instance. */
function multiplied(
  source: FloatArray,
  size: number,
  { outer, inner, outerInstance, innerInstance }: Lanes,
  matrices: readonly (readonly number[])[],
): FloatArray {
  const target = zerosLike(source);
  for (let o = 0; o < outer; o++) {
    const base = o * size * inner;
    for (let n = 0; n < inner; n++) {
      const matrix = matrices[(outerInstance?.[o] ?? 0) + (innerInstance?.[n] ?? 0)];
      for (let row = 0; row < size; row++) {
        let sum = 0;
        for (let k = 0; k < size; k++) sum += matrix[row * size + k] * source[base + k * inner + n];
        target[base + row * inner + n] = sum;
      }
    }
  }
  return target;
}

/** Multiplies every number by the product of its scales. */
function scaled(
  source: FloatArray,
  dims: readonly PartDim[],
  moves: readonly (AxisMove | null)[],
  lanesAt: (dim: number) => Lanes,
): FloatArray {
  const isScaled = (dim: number) =>
    moves[dim]?.[dims[dim].inverse ? "divisors" : "scales"] !== undefined &&
    dims[dim].still !== true;
  const order = parentsFirst(dims, dims.map((_, dim) => dim).filter(isScaled));
  if (order.length === 0) return source;
  const plain = dims.length === 2 ? matrixFactors(dims, moves, order, lanesAt) : undefined;
  if (plain !== undefined) return scaledMatrix(source, plain);
  const factors = new Float64Array(source.length).fill(1);
  for (const dim of order)
    multiplyAlong(factors, dims[dim].size, lanesAt(dim), factorsOf(dims[dim], moves[dim]));
  const target = zerosLike(source);
  for (let i = 0; i < source.length; i++)
    target[i] = factors[i] === 1 ? source[i] : factors[i] * source[i] + 0; // no -0 from a flip
  return target;
}

/** What the scales of a dimension multiply by, instance by instance. */
const factorsOf = ({ inverse }: PartDim, move: AxisMove | null): Float64Array[] =>
  ((inverse ? move?.divisors : move?.scales) ?? []).map((ofInstance) =>
    Float64Array.from(ofInstance, (scale) => (inverse ? 1 / scale : scale)),
  );

/** Factors of the rows and of the columns of a matrix; undefined where a dimension has several instances. */
function matrixFactors(
  dims: readonly PartDim[],
  moves: readonly (AxisMove | null)[],
  order: readonly number[],
  lanesAt: (dim: number) => Lanes,
): readonly Float64Array[] | undefined {
  const factors: Float64Array[] = dims.map(({ size }) => new Float64Array(size).fill(1));
  for (const dim of order) {
    const { outerInstance, innerInstance } = lanesAt(dim);
    if (outerInstance !== null || innerInstance !== null) return undefined;
    [factors[dim]] = factorsOf(dims[dim], moves[dim]);
  }
  return factors;
}

/** A matrix whose rows and columns are scaled, without a factor kept for every number. */
function scaledMatrix(
  source: FloatArray,
  [ofRows, ofColumns]: readonly Float64Array[],
): FloatArray {
  const target = zerosLike(source);
  const columns = ofColumns.length;
  for (let row = 0, at = 0; row < ofRows.length; row++) {
    const ofRow = ofRows[row];
    for (let column = 0; column < columns; column++, at++) {
      const factor = ofRow * ofColumns[column];
      target[at] = factor === 1 ? source[at] : factor * source[at] + 0; // no -0 from a flip
    }
  }
  return target;
}

/** Adds the shifts of phases along shifted dimensions. */
function shifted(
  source: FloatArray,
  dims: readonly PartDim[],
  moves: readonly (AxisMove | null)[],
  lanesAt: (dim: number) => Lanes,
): FloatArray {
  const dim = dims.findIndex((place, at) => place.shifted && moves[at]?.shifts !== undefined);
  if (dim === -1) return source;
  const shifts = moves[dim]?.shifts ?? [];
  const { outer, inner, outerInstance, innerInstance } = lanesAt(dim);
  const { size } = dims[dim];
  const target = zerosLike(source);
  for (let o = 0, at = 0; o < outer; o++)
    for (let i = 0; i < size; i++)
      for (let n = 0; n < inner; n++, at++)
        target[at] = source[at] + shifts[(outerInstance?.[o] ?? 0) + (innerInstance?.[n] ?? 0)][i];
  return target;
}

/** Multiplies every number by that of its index along one dimension, in its instance; in place. */
function multiplyAlong(
  data: Float64Array,
  size: number,
  { outer, inner, outerInstance, innerInstance }: Lanes,
  numbers: readonly Float64Array[],
): void {
  for (let o = 0; o < outer; o++) {
    const first = outerInstance?.[o] ?? 0;
    const along = numbers[first];
    const start = o * size * inner;
    if (inner === 1 && innerInstance === null) {
      for (let i = 0; i < size; i++) data[start + i] *= along[i];
      continue;
    }
    for (let i = 0; i < size; i++) {
      const base = start + i * inner;
      if (innerInstance === null) {
        const number = along[i];
        for (let n = 0; n < inner; n++) data[base + n] *= number;
      } else {
        for (let n = 0; n < inner; n++) data[base + n] *= numbers[first + innerInstance[n]][i];
      }
    }
  }
}

/** Moves index i of one dimension to the image of i under the permutation of its instance. */
function permuted(
  source: FloatArray,
  size: number,
  { outer, inner, outerInstance, innerInstance }: Lanes,
  permutations: readonly (readonly number[])[],
): FloatArray {
  const target = zerosLike(source);
  for (let o = 0; o < outer; o++) {
    const base = o * size * inner;
    const first = outerInstance?.[o] ?? 0;
    const images = permutations[first];
    if (inner === 1 && innerInstance === null) {
      for (let i = 0; i < size; i++) target[base + images[i]] = source[base + i];
      continue;
    }
    for (let i = 0; i < size; i++) {
      const from = base + i * inner;
      if (innerInstance === null) {
        target.set(source.subarray(from, from + inner), base + images[i] * inner);
        continue;
      }
      for (let n = 0; n < inner; n++)
        target[base + permutations[first + innerInstance[n]][i] * inner + n] = source[from + n];
    }
  }
  return target;
}
