// Arrays of theta on the host: fresh ones, and the way between named arrays and the one vector that meta-training moves.

import { numpy as np } from "@jax-js/jax";
import { ShapeError } from "../core/errors.ts";
import { frozenRecord } from "../core/records.ts";
import { randomStream } from "../core/random.ts";
import { equalShapes, formatShape, sizeOf } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";
import type { ArrayRecord, HostRecord } from "../engine/arrays.ts";
import type { ThetaShapes } from "./update-program.ts";

/** Normal numbers of this standard deviation, from a seed. */
export function hostNormal(seed: number, shape: readonly number[], deviation: number): Tensor {
  const random = randomStream(seed);
  return {
    shape,
    data: Float32Array.from({ length: sizeOf(shape) }, () => deviation * random.normal()),
  };
}

/** The same, without values beyond two standard deviations; they are drawn again. */
export function hostTruncatedNormal(
  seed: number,
  shape: readonly number[],
  deviation: number,
): Tensor {
  const random = randomStream(seed);
  const draw = (): number => {
    const value = random.normal();
    return Math.abs(value) > 2 ? draw() : value;
  };
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => deviation * draw()) };
}

/** All zeros, or all `value`. */
export const hostZeros = (shape: readonly number[], value = 0): Tensor => ({
  shape,
  data: new Float32Array(sizeOf(shape)).fill(value),
});

/** How many numbers theta holds. */
export const thetaSize = (shapes: ThetaShapes): number =>
  Object.values(shapes).reduce((sum, shape) => sum + sizeOf(shape), 0);

function checkTheta(where: string, shapes: ThetaShapes, theta: HostRecord): void {
  for (const [name, shape] of Object.entries(shapes)) {
    if (!Object.hasOwn(theta, name))
      throw new ShapeError(
        `${where}: theta has no array "${name}", expected ${formatShape(shape)}; it belongs to another kind of optimizer or another list of tensors`,
      );
    if (!equalShapes(theta[name].shape, shape))
      throw new ShapeError(
        `${where}: theta's array "${name}" has shape ${formatShape(theta[name].shape)}, expected ${formatShape(shape)}; it belongs to another kind of optimizer or another list of tensors`,
      );
  }
  const unknown = Object.keys(theta).find((name) => !Object.hasOwn(shapes, name));
  if (unknown !== undefined)
    throw new ShapeError(
      `${where}: theta has an array "${unknown}", expected only ${Object.keys(shapes).join(", ")}`,
    );
}

/**
 * All arrays one after another; `where` begins the message of an error.
 * @throws {ShapeError} naming the first array that is missing, unknown or of another shape
 */
export function thetaToVector(
  shapes: ThetaShapes,
  theta: HostRecord,
  where = "thetaToVector",
): Float32Array {
  checkTheta(where, shapes, theta);
  const vector = new Float32Array(thetaSize(shapes));
  let at = 0;
  for (const name of Object.keys(shapes)) {
    vector.set(theta[name].data, at);
    at += theta[name].data.length;
  }
  return vector;
}

/** The named arrays of one vector. */
export function thetaFromVector(shapes: ThetaShapes, vector: Float32Array): HostRecord {
  let at = 0;
  return frozenRecord(
    Object.entries(shapes).map(([name, shape]) => {
      const size = sizeOf(shape);
      at += size;
      return [name, { shape, data: vector.slice(at - size, at) }] as const;
    }),
  );
}

/** Arrays [n, ...shape] of n vectors. */
export function stackThetas(shapes: ThetaShapes, vectors: readonly Float32Array[]): ArrayRecord {
  let at = 0;
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const size = sizeOf(shape);
    const data = new Float32Array(vectors.length * size);
    for (const [i, vector] of vectors.entries()) data.set(vector.subarray(at, at + size), i * size);
    at += size;
    return [name, np.array(data, { shape: [vectors.length, ...shape] })];
  });
  return Object.fromEntries(entries) as ArrayRecord;
}

/** The arrays of theta that a part of a program, a layer for one, gives shapes for. */
export const thetaPart = (theta: ArrayRecord, shapes: ThetaShapes): ArrayRecord =>
  Object.fromEntries(Object.keys(shapes).map((name) => [name, theta[name]]));
