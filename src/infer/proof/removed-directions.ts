// Directions of weights that a LayerNorm removes. It takes the mean away, so whatever writes to what it reads may have one vector
// added to all its outputs alike; and what it gives sums to 0 before its gain, so whatever reads that may have one vector added to
// the rows that the gains divide. These are translations, no group elements of a spec. They are looked for on the file: a tensor is
// moved along a direction at random, and no output may change, while the same move with random signs must show.

import { deriveSeed, randomStream } from "../../core/random.ts";
import { sizeOf, stridesOf } from "../../core/shapes.ts";
import type { Tensor, Weights } from "../../core/tensors.ts";
import { SpecError } from "../../core/errors.ts";
import type { Executor } from "../../runtime/executor.ts";
import type { Inference } from "../infer.ts";
import { prepareModel, type PreparedModel } from "./prove.ts";

/** A direction along one dimension of a tensor that no output depends on. */
export interface RemovedDirection {
  readonly tensor: string;
  /** The dimension, from 0, along which something constant may be added, the same at every other index or not. */
  readonly dimension: number;
  /** The tensor of gains by whose entries the constant is divided; absent where it is added as it is. */
  readonly gain?: string;
}

/** A direction with what was measured. */
export interface ProvedDirection extends RemovedDirection {
  /** Largest difference of outputs, relative to their size, after a random move along it. */
  readonly error: number;
  /** The same after the move with random signs, which must show. */
  readonly control: number;
}

/** How {@link findRemovedDirections} looks. */
export interface RemovedDirectionsOptions {
  /** @default 0 */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** Outputs that change by less did not change, in float32. */
const tolerance = 1e-5;
/** A control must show by this much more. */
const clearly = 30;
/** Tensors of gains that are tried for a dimension. */
const maxGains = 64;

/**
 * Finds and proves directions on a model file. Every dimension of every tensor is tried, so the model runs twice or more for each.
 * @throws {UnsupportedError} when the model does not run on random inputs; {SpecError} when directions that hold one by one
 * do not hold together; the signal's reason
 */
export async function findRemovedDirections(
  bytes: Uint8Array,
  inference: Pick<Inference, "spec" | "graph" | "aliases" | "inputShapes" | "otherShapes">,
  executor: Executor,
  { seed = 0, signal }: RemovedDirectionsOptions = {},
): Promise<ProvedDirection[]> {
  const prepared = await prepareModel(bytes, inference, executor, { seed });
  try {
    const { weights } = prepared;
    const found: ProvedDirection[] = [];
    for (const [tensor, { shape }] of Object.entries(weights))
      for (const [dimension, size] of shape.entries()) {
        signal?.throwIfAborted();
        if (size < 2) continue;
        const direction = await directionAlong(prepared, { tensor, dimension }, seed);
        if (direction !== undefined) found.push(direction);
      }
    if (found.length === 0) return found;
    const together = await prepared.errorOf(removeDirections(weights, found));
    if (together <= tolerance * clearly) return found;
    throw new SpecError("findRemovedDirections", [
      {
        severity: "error",
        message: `${found.length} directions hold one by one, but without all of them the outputs differ by ${together.toExponential(1)}; please report this model`,
      },
    ]);
  } finally {
    await prepared.close();
  }
}

/** Tries the constant itself, then divided by each tensor of gains of that length. */
async function directionAlong(
  prepared: PreparedModel,
  place: Pick<RemovedDirection, "tensor" | "dimension">,
  seed: number,
): Promise<ProvedDirection | undefined> {
  const { weights, errorOf } = prepared;
  const size = weights[place.tensor].shape[place.dimension];
  const gains = Object.entries(weights)
    .filter(([name, { shape, data }]) => name !== place.tensor && isGain(shape, data, size))
    .map(([name]) => name)
    .slice(0, maxGains);
  for (const gain of [undefined, ...gains]) {
    const direction: RemovedDirection = { ...place, ...(gain !== undefined && { gain }) };
    const own = deriveSeed(seed, "direction", place.tensor, place.dimension);
    const error = await errorOf(moved(weights, direction, own, false));
    if (!(error <= tolerance)) continue;
    const control = await errorOf(moved(weights, direction, own, true));
    // A tensor that nothing depends on has no directions worth the name.
    return control >= clearly * Math.max(error, tolerance)
      ? { ...direction, error, control }
      : undefined;
  }
  return undefined;
}

const isGain = (shape: readonly number[], data: ArrayLike<number>, size: number): boolean =>
  shape.length === 1 && shape[0] === size && Array.from(data).every((x) => x !== 0);

/** The constant along the dimension: 1, or 1 over the gains. */
function constantOf(weights: Weights, { tensor, dimension, gain }: RemovedDirection): Float64Array {
  const size = weights[tensor].shape[dimension];
  return Float64Array.from({ length: size }, (_, i) =>
    gain === undefined ? 1 : 1 / weights[gain].data[i],
  );
}

/** The tensor moved at random along a direction, by as much as it has; with random signs, off it. */
function moved(weights: Weights, direction: RemovedDirection, seed: number, off: boolean): Weights {
  const { tensor, dimension } = direction;
  const { shape, data } = weights[tensor];
  const random = randomStream(seed);
  const constant = constantOf(weights, direction);
  const signs = Float64Array.from(constant, () => (random.uniform() < 0.5 ? -1 : 1));
  let square = 0;
  for (const x of data) square += x * x;
  const size = Math.sqrt(square / data.length) || 1;
  const unit = size / Math.sqrt(constant.reduce((sum, x) => sum + x * x, 0) / constant.length);
  const { length, stride } = lineOf(shape, dimension);
  const other = Float64Array.from({ length: data.length / length }, () => unit * random.normal());
  const result = Float32Array.from(data, (x, at) => {
    const index = Math.floor(at / stride) % length;
    const rest = Math.floor(at / (stride * length)) * stride + (at % stride);
    return x + other[rest] * constant[index] * (off ? signs[index] : 1);
  });
  return { [tensor]: { shape, data: result } };
}

const lineOf = (shape: readonly number[], dimension: number) => ({
  length: shape[dimension],
  stride: stridesOf(shape)[dimension],
});

/**
 * Weights without their part along directions: means are 0 along each, so that networks which differ by such directions alone get
 * the same weights. Permutations of the dimension commute with it.
 */
export function removeDirections(
  weights: Weights,
  directions: readonly RemovedDirection[],
): Weights {
  const result: Record<string, Tensor> = { ...weights };
  for (const direction of directions) {
    const { tensor, dimension } = direction;
    const { shape, data } = result[tensor];
    const { length, stride } = lineOf(shape, dimension);
    const constant = constantOf(weights, direction);
    const square = constant.reduce((sum, x) => sum + x * x, 0);
    const next = data.slice();
    for (let line = 0; line < sizeOf(shape) / length; line++) {
      const start = Math.floor(line / stride) * stride * length + (line % stride);
      let along = 0;
      for (let i = 0; i < length; i++) along += next[start + i * stride] * constant[i];
      along /= square;
      for (let i = 0; i < length; i++) next[start + i * stride] -= along * constant[i];
    }
    result[tensor] = { shape, data: next };
  }
  return result;
}
