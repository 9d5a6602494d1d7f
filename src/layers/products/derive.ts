// Computes derived tensors on arrays: one product, map or sum after the other, each for a whole batch of networks.

import { numpy as np } from "@jax-js/jax";
import { type ProductIndex, productLoops } from "../../plan/products/product-loops.ts";
import type { LoweredSpec } from "../../symmetry/lower.ts";
import { isRead, type Formula } from "../../symmetry/formula.ts";

/** Coefficients by derived tensor id: [from * channels, to * channels], [from, to, channels] or [operands, channels]. */
export type DerivedCoefficients = ReadonlyMap<number, np.Array>;

/** An array with the indices `has` (in its order) as one whose dimensions are all `indices`, of size 1 where it has none. @consumes */
function expandDims(
  x: np.Array,
  has: readonly number[],
  indices: readonly ProductIndex[],
): np.Array {
  const batch = x.shape[0];
  const sorted = has.toSorted((a, b) => a - b);
  const open = np.reshape(x, [batch, ...has.map((i) => indices[i].size)]);
  const inOrder = has.every((index, place) => index === sorted[place])
    ? open
    : np.transpose(open, [0, ...sorted.map((index) => 1 + has.indexOf(index))]);
  return np.reshape(inOrder, [
    batch,
    ...indices.map(({ size }, i) => (has.includes(i) ? size : 1)),
  ]);
}

/**
 * Sums over dimensions, which stay with size 1 for a reshape to drop. Compiled, the engine's sum of a product over a dimension of
 * size 1 is wrong where it works on vectors (last dimension a multiple of 4). @consumes
 */
function sumLarge(x: np.Array, dims: readonly number[]): np.Array {
  const large = dims.filter((dim) => x.shape[dim] > 1);
  return large.length === 0 ? x : np.sum(x, large, { keepdims: true });
}

/** The average over dimensions 1 to n: [batch, ..., width] -> [batch, width]. @consumes */
export function averageMiddle(x: np.Array): np.Array {
  const dims = x.shape.slice(1, -1).map((_, dim) => dim + 1);
  const entries = x.shape.slice(1, -1).reduce((n, size) => n * size, 1);
  const sum = np.reshape(sumLarge(x, dims), [x.shape[0], x.shape[x.ndim - 1]]);
  return scaledBy(sum, 1 / entries);
}

/** Two arrays multiplied index by index and summed over all indices that `result` does not have, in its order. @consumes */
function combine(
  [x, ofX]: readonly [np.Array, readonly number[]],
  [y, ofY]: readonly [np.Array, readonly number[]],
  result: readonly number[],
  indices: readonly ProductIndex[],
): np.Array {
  const batch = x.shape[0];
  const gone = indices.flatMap((_, i) => (result.includes(i) ? [] : [i + 1]));
  const made = np.multiply(expandDims(x, ofX, indices), expandDims(y, ofY, indices));
  const sorted = result.toSorted((a, b) => a - b);
  const summed = np.reshape(sumLarge(made, gone), [batch, ...sorted.map((i) => indices[i].size)]);
  const inOrder = result.every((index, place) => index === sorted[place])
    ? summed
    : np.transpose(summed, [0, ...result.map((index) => 1 + sorted.indexOf(index))]);
  const sizes = result.map((i) => indices[i].size);
  const width = sizes.slice(-3).reduce((n, size) => n * size, 1);
  return np.reshape(inOrder, [batch, ...sizes.slice(0, -3), width]);
}

const scaledBy = (x: np.Array, factor: number): np.Array =>
  factor === 1 ? x : np.multiply(x, factor);

/**
 * One product for every network. Channels stay last and are multiplied one by one: a sum of such products takes the engine a
 * tenth of the time of matrix products with channels in front, whose transpositions cost more than the products.
 * @consumes
 */
function product(
  lowered: LoweredSpec,
  formula: Formula & { op: "contract" | "outer" },
  [x, y]: readonly np.Array[],
  channels: number,
): np.Array {
  const { indices, x: ofX, y: ofY, result } = productLoops(lowered, formula, channels);
  const made = combine([x, ofX], [y, ofY], result, indices);
  return formula.op === "contract" ? scaledBy(made, formula.factor) : made;
}

function mapFixed(
  { from, to, matrix }: Formula & { op: "map" },
  x: np.Array,
  coefficients: np.Array,
  channels: number,
): np.Array {
  const width = (x.shape[x.ndim - 1] / from) * to;
  const shape = [...x.shape.slice(0, -1), width];
  if (matrix === "full")
    return np.reshape(np.matmul(np.reshape(x, [-1, from * channels]), coefficients), shape);
  const rows = np.reshape(x, [-1, from, channels]);
  const wide = np.reshape(rows, [-1, from, 1, channels]);
  return np.reshape(sumLarge(np.multiply(wide, coefficients), [1]), shape);
}

function addUp(operands: readonly np.Array[], coefficients: np.Array | null, channels: number) {
  const width = operands[0].shape[operands[0].ndim - 1];
  const scaled = operands.map((x, n) => {
    if (coefficients === null) return x;
    const row = np.tile(coefficients.ref.slice(n), [width / channels]); // [fixed * channels]
    return np.multiply(x, row);
  });
  coefficients?.dispose();
  return scaled.reduce((sum, x) => np.add(sum, x));
}

/** sign(x) log(1 + |x|): nearly x for small entries, of moderate size for large ones. @consumes */
export function signedLog(x: np.Array): np.Array {
  return np.multiply(np.sign(x.ref), np.log1p(np.abs(x)));
}

const gates = { "signed-log": signedLog, sin: np.sin, cos: np.cos };

/** One derived tensor [batch, ...dims, fixed * channels] from its operands; `coefficients` where its formula has some. @consumes */
export function deriveOne(
  lowered: LoweredSpec,
  formula: Formula,
  operands: readonly np.Array[],
  coefficients: np.Array | null,
  channels: number,
): np.Array {
  const [x] = operands;
  switch (formula.op) {
    case "contract":
    case "outer":
      return product(lowered, formula, operands, channels);
    case "reduce": {
      const kept = x.shape.filter((_, dim) => !formula.dims.includes(dim - 1));
      const gone = formula.dims.map((dim) => dim + 1);
      return scaledBy(np.reshape(sumLarge(x, gone), kept), formula.factor);
    }
    case "map":
      return mapFixed(formula, x, coefficients as np.Array, channels);
    case "sum":
      return addUp(operands, coefficients, channels);
    case "gate":
      return gates[formula.function](
        formula.frequency === 1 ? x : np.multiply(x, formula.frequency),
      );
  }
}

/**
 * Arrays of all tensors that are read, derived ones included, in order. `inputs` are those of the spec's own tensors.
 * @consumes everything
 */
export function deriveTensors(
  lowered: LoweredSpec,
  inputs: readonly np.Array[],
  coefficients: DerivedCoefficients,
  channels: number,
): np.Array[] {
  const values: np.Array[] = [...inputs];
  for (const { id, formula } of lowered.tensors) {
    if (formula === undefined) continue;
    const operands = formula.operands.map((operand) => values[operand].ref);
    values[id] = deriveOne(lowered, formula, operands, coefficients.get(id) ?? null, channels);
  }
  return lowered.tensors.flatMap((tensor) => {
    const value = values[tensor.id];
    if (value !== undefined && isRead(tensor)) return [value];
    value?.dispose();
    return [];
  });
}

/** Gradients of operands, in order, and of coefficients where there are some. */
export interface DerivedGradients {
  readonly operands: np.Array[];
  readonly coefficients: np.Array | null;
}

function pullMap(
  { from, to, matrix }: Formula & { op: "map" },
  x: np.Array,
  coefficients: np.Array,
  gradient: np.Array,
  channels: number,
): DerivedGradients {
  const { shape } = x;
  if (matrix === "full") {
    const [rows, back] = [
      np.reshape(x, [-1, from * channels]),
      np.reshape(gradient, [-1, to * channels]),
    ];
    const ofX = np.matmul(back.ref, np.transpose(coefficients));
    return {
      operands: [np.reshape(ofX, shape)],
      coefficients: np.matmul(np.transpose(rows), back),
    };
  }
  const rows = np.reshape(x, [-1, from, 1, channels]);
  const back = np.reshape(gradient, [-1, 1, to, channels]);
  return {
    operands: [np.reshape(sumLarge(np.multiply(back.ref, coefficients), [2]), shape)],
    coefficients: np.reshape(sumLarge(np.multiply(rows, back), [0]), [from, to, channels]),
  };
}

function pullSum(
  operands: readonly np.Array[],
  coefficients: np.Array | null,
  gradient: np.Array,
  channels: number,
): DerivedGradients {
  if (coefficients === null) {
    for (const operand of operands) operand.dispose();
    const copies = operands.map(() => gradient.ref);
    gradient.dispose();
    return { operands: copies, coefficients: null };
  }
  const width = gradient.shape[gradient.ndim - 1];
  const rows = (x: np.Array) => np.reshape(x, [-1, channels]);
  const ofCoefficients = np.stack(
    operands.map((x) => np.reshape(sumLarge(rows(np.multiply(x, gradient.ref)), [0]), [channels])),
    0,
  ); // [operands, channels]
  const ofOperands = operands.map((_, n) =>
    np.multiply(gradient.ref, np.tile(coefficients.ref.slice(n), [width / channels])),
  );
  coefficients.dispose();
  gradient.dispose();
  return { operands: ofOperands, coefficients: ofCoefficients };
}

/** Derivatives of gates. Consume. */
const derivatives = {
  "signed-log": (x: np.Array) => np.reciprocal(np.add(np.abs(x), 1)),
  sin: (x: np.Array) => np.cos(x),
  cos: (x: np.Array) => np.negative(np.sin(x)),
};

/** The gradient of {@link deriveOne}, written out: derived by the engine it takes several times as long. @consumes */
export function pullOne(
  lowered: LoweredSpec,
  formula: Formula,
  operands: readonly np.Array[],
  coefficients: np.Array | null,
  gradient: np.Array,
  channels: number,
): DerivedGradients {
  const [x, y] = operands;
  switch (formula.op) {
    case "contract":
    case "outer": {
      const { indices, x: ofX, y: ofY, result } = productLoops(lowered, formula, channels);
      const back = formula.op === "contract" ? scaledBy(gradient, formula.factor) : gradient;
      const toX = combine([back.ref, result], [y, ofY], ofX, indices);
      const toY = combine([back, result], [x, ofX], ofY, indices);
      return {
        operands: [toX, toY],
        coefficients: null,
      };
    }
    case "reduce": {
      const sizes = x.shape.map((size, dim) => (formula.dims.includes(dim - 1) ? 1 : size));
      const broadcast = np.broadcastTo(np.reshape(gradient, sizes), x.shape);
      x.dispose();
      return { operands: [scaledBy(broadcast, formula.factor)], coefficients: null };
    }
    case "map":
      return pullMap(formula, x, coefficients as np.Array, gradient, channels);
    case "sum":
      return pullSum(operands, coefficients, gradient, channels);
    case "gate": {
      const derivative = derivatives[formula.function](scaledBy(x, formula.frequency));
      const back = np.multiply(gradient, scaledBy(derivative, formula.frequency));
      return { operands: [back], coefficients: null };
    }
  }
}
