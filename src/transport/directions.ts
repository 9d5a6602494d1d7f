// Directions on the unit sphere from a seed: independent ones, and orthonormal systems.

import { randomStream, type RandomStream } from "../core/random.ts";

/** Sums of squares from here to infinity keep their digits. */
const leastSquares = 1e-280;

/** Length of a vector; in units of its largest entry where squares underflow or overflow. */
export function lengthOf(vector: ArrayLike<number>): number {
  let squares = 0;
  for (let j = 0; j < vector.length; j++) squares += vector[j] * vector[j];
  if (squares >= leastSquares && squares < Infinity) return Math.sqrt(squares);
  let [largest, shares] = [0, 0];
  for (let j = 0; j < vector.length; j++) largest = Math.max(largest, Math.abs(vector[j]));
  if (!(largest > 0 && largest < Infinity)) return largest;
  for (let j = 0; j < vector.length; j++) shares += (vector[j] / largest) ** 2;
  return largest * Math.sqrt(shares);
}

/** A direction drawn uniformly from the unit sphere. */
export function randomDirection(dimension: number, random: RandomStream): number[] {
  for (;;) {
    const direction: number[] = [];
    for (let j = 0; j < dimension; j++) direction.push(random.normal());
    const length = lengthOf(direction);
    if (length <= 1e-12) continue;
    for (let j = 0; j < dimension; j++) direction[j] /= length;
    return direction;
  }
}

/**
 * `count` orthonormal directions, uniform among such systems (Gram-Schmidt on normal vectors, twice for accuracy); at most
 * `dimension` of them exist.
 */
export function orthonormalDirections(
  count: number,
  dimension: number,
  random: RandomStream,
): number[][] {
  const chosen: number[][] = [];
  while (chosen.length < count) {
    let direction = randomDirection(dimension, random);
    for (let pass = 0; pass < 2; pass++) {
      for (const other of chosen) {
        const inner = other.reduce((sum, v, i) => sum + v * direction[i], 0);
        direction = direction.map((v, i) => v - inner * other[i]);
      }
    }
    const length = lengthOf(direction);
    if (length > 1e-6) chosen.push(direction.map((v) => v / length));
  }
  return chosen;
}

/**
 * Random directions as the columns of a matrix [dimension, nProjections], the shape POT's `get_random_projections` has.
 * Not POT's numbers: seeds are the project's own.
 */
export function randomProjections(
  dimension: number,
  nProjections: number,
  seed: number,
): number[][] {
  const random = randomStream(seed);
  const directions = Array.from({ length: nProjections }, () => randomDirection(dimension, random));
  return Array.from({ length: dimension }, (_, row) => directions.map((v) => v[row]));
}
