// TS-Sobolev edge weights of concurrent lines on engine arrays: see sobolev.ts for the definition.

import { numpy as np } from "@jax-js/jax";
import type { EngineArray } from "./engine-arrays.ts";

/** An integral of s^(1 - p). @consumes */
const integral = (s: EngineArray, p: number): EngineArray =>
  p === 2 ? np.log(s) : np.multiply(np.power(s, 2 - p), 1 / (2 - p));

const padded = (values: EngineArray, before: number, after: number): EngineArray =>
  np.pad(values, [
    [0, 0],
    [before, after],
  ]);

/**
 * Weights of the edges between sorted atoms [lines, atoms], and the derivatives of the cost, which has `raised` = |flow|^p on its edges,
 * with respect to the atoms' keys through these weights. @consumes both
 */
export function engineSobolev(keys: EngineArray, raised: EngineArray, p: number) {
  const atoms = keys.shape[1];
  const low = keys.ref.slice([], [0, atoms - 1]);
  const high = keys.ref.slice([], [1, atoms]);
  const first = keys.ref.slice([], [0, 1]);
  const last = keys.slice([], [atoms - 1, atoms]);
  const isRight = np.greaterEqual(low.ref, 0);
  const beyond = np.where(isRight.ref, np.subtract(last, high.ref), np.subtract(low.ref, first));
  const gap = np.subtract(high, low);
  const far = np.add(beyond, 1);
  const near = np.add(far.ref, gap);
  const weights = np.subtract(integral(near.ref, p), integral(far.ref, p));
  const byGap = np.multiply(raised.ref, np.power(near, 1 - p));
  const byBeyond = np.subtract(byGap.ref, np.multiply(raised, np.power(far, 1 - p)));
  const right = np.where(isRight.ref, byBeyond.ref, 0);
  const left = np.where(isRight, 0, byBeyond);
  const keyDerivatives = [
    padded(np.subtract(byGap.ref, right.ref), 1, 0),
    padded(np.subtract(left.ref, byGap), 0, 1),
    padded(np.sum(right, 1, { keepdims: true }), atoms - 1, 0),
    padded(np.negative(np.sum(left, 1, { keepdims: true })), 0, atoms - 1),
  ].reduce((sum, term) => np.add(sum, term));
  return { weights, keyDerivatives };
}
