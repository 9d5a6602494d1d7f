// Muon (Jordan et al. 2024): momentum of matrices made nearly orthogonal by five steps of a polynomial of Newton and Schulz, and AdamW
// for tensors of less than two dimensions and those that are named.

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { Params } from "../../models/model.ts";
import { adamW, type Optimizer, printCoefficient } from "./optimizers.ts";
import { average, chain, type Coefficient, scaleBy, type UpdateRule } from "./update-rules.ts";

/** Hyper-parameters of Muon. */
export interface MuonOptions {
  /** Learning rate of matrices; `fit` multiplies it by its own. @default 1 */
  readonly rate?: Coefficient;
  /** Decay of the running sum of gradients, in Nesterov's form. @default 0.95 */
  readonly momentum?: number;
  /** Whether AdamW moves a matrix: embeddings and the last layer, as a rule. @default none */
  readonly adamFor?: (path: string) => boolean;
  /** Rate of AdamW as a multiple of the rate of matrices. @default 0.15 */
  readonly adamRate?: number;
  /** Decoupled weight decay of AdamW. @default 0.01 */
  readonly weightDecay?: number;
  /** Dimensions before those of a tensor: 1 for parameters [n, ...shape] of n networks. @default 0 */
  readonly leading?: 0 | 1;
}

const coefficients = [3.4445, -4.775, 2.0315] as const;
const iterations = 5;
/** Added to norms. */
const epsilon = 1e-7;

/**
 * Singular values of matrices [..., rows, columns] brought near 1, directions kept: five steps of X <- a X + b (X X^T) X + c (X X^T)^2 X.
 * Pure. @consumes
 */
export function orthogonalize(matrices: np.Array): np.Array {
  const [rows, columns] = matrices.shape.slice(-2);
  const isTall = rows > columns;
  const wide = isTall ? np.swapaxes(matrices, -1, -2) : matrices;
  const norm = np.sqrt(np.sum(np.square(wide.ref), [-2, -1], { keepdims: true }));
  let x = np.divide(wide, np.add(norm, epsilon));
  const [a, b, c] = coefficients;
  for (let i = 0; i < iterations; i++) {
    const square = np.matmul(x.ref, np.swapaxes(x.ref, -1, -2));
    const polynomial = np.add(
      np.multiply(square.ref, b),
      np.multiply(np.matmul(square.ref, square), c),
    );
    x = np.add(np.multiply(x.ref, a), np.matmul(polynomial, x));
  }
  return isTall ? np.swapaxes(x, -1, -2) : x;
}

/** Every tensor as a matrix of its first dimension, made orthogonal, times sqrt(max(1, rows / columns)). */
function orthogonalDirections(leading: number): UpdateRule {
  return {
    init: () => ({}),
    update: (gradients) => [
      Object.fromEntries(
        Object.entries(gradients).map(([path, gradient]) => {
          const { shape } = gradient;
          const rows = shape[leading];
          const columns = sizeOf(shape.slice(leading + 1));
          const matrix = np.reshape(gradient, [...shape.slice(0, leading), rows, columns]);
          const factor = Math.sqrt(Math.max(1, rows / columns));
          return [path, np.reshape(np.multiply(orthogonalize(matrix), factor), shape)];
        }),
      ),
      {},
    ],
  };
}

/**
 * Muon, with AdamW for the tensors it is not made for.
 * @throws {OptionError} when momentum is not in [0, 1)
 */
export function muon({
  rate = 1,
  momentum = 0.95,
  adamFor = () => false,
  adamRate = 0.15,
  weightDecay = 0.01,
  leading = 0,
}: MuonOptions = {}): Optimizer {
  if (!(momentum >= 0 && momentum < 1))
    throw new OptionError(`muon: momentum expected at least 0 and below 1, got ${momentum}`);
  const matrices = chain(
    average({ keep: momentum, nesterov: true, slot: "velocity" }),
    orthogonalDirections(leading),
    scaleBy(rate),
    scaleBy(-1),
  );
  const others = chain(adamW({ weightDecay }), scaleBy(rate), scaleBy(adamRate));
  const isMatrix = (path: string, array: np.Array) => array.ndim >= 2 + leading && !adamFor(path);
  const parted = (params: Params, chooseBy: Params): readonly [Params, Params] => {
    const entries = Object.entries(params);
    const chosen = entries.filter(([path]) => isMatrix(path, chooseBy[path]));
    const rest = entries.filter(([path]) => !isMatrix(path, chooseBy[path]));
    return [Object.fromEntries(chosen), Object.fromEntries(rest)];
  };
  return {
    name: `muon(${printCoefficient(rate)}, momentum ${momentum}, adam ${adamRate}, decay ${weightDecay})`,
    init(params) {
      const [first, second] = parted(params, params);
      return { ...matrices.init(first), ...others.init(second) };
    },
    update(gradients, state, params) {
      const [first, second] = parted(gradients, params);
      const [steps, one] = matrices.update(first, state, params);
      const [adamSteps, two] = others.update(second, { ...state, ...one }, params);
      const all = { ...steps, ...adamSteps };
      const updates = Object.fromEntries(Object.keys(params).map((path) => [path, all[path]]));
      return [updates, two];
    },
  };
}
