// The sliced functional: the neurons of every layer as a cloud, projected on fixed random directions and sorted, so that sliced
// Wasserstein distances between networks are distances between their vectors; then a dense network. A thousand networks cost a
// thousand sorts.

import { numpy as np } from "@jax-js/jax";
import { SpecError } from "../core/errors.ts";
import { deriveSeed, randomStream } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import { concatenateAll } from "../layers/pointwise/concatenate.ts";
import { unpack } from "../layers/pack.ts";
import { type AtomicTensor, type LoweredSpec, lowerSpec } from "../symmetry/lower.ts";
import { signsOfPhases } from "../symmetry/phases.ts";
import { powerOf } from "../symmetry/parts.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { Model, VectorModel, WeightBatch } from "./model.ts";
import { vectorModel } from "./vector-model.ts";
import { checkValues, slicedOptions } from "./options.ts";

/** The shape of a functional on sorted projections. */
export interface SlicedModelOptions {
  readonly name?: string;
  /** Hidden and output sizes of the dense network. @default [128, 128, 1] */
  readonly head?: readonly number[];
  /** @default 0 */
  readonly dropout?: number;
  /** Random directions for each layer. @default 16 */
  readonly directions?: number;
  /** Quantiles kept of the projections on each direction. @default 8 */
  readonly quantiles?: number;
}

/** Coordinates of the neurons of an axis from one atomic tensor: [batch, neurons, width], with the charge under scales. */
interface Coordinates {
  readonly values: np.Array;
  readonly charge: 1 | -1 | 0;
  /** Keeps its sign when the neuron changes its own. */
  readonly even: boolean;
}

const ancestors = (dims: AtomicTensor["dims"], dim: number): number[] => {
  const { parent } = dims[dim];
  return parent === null ? [] : [...ancestors(dims, parent), parent];
};

/** What one dimension of an atomic array [batch, ...dims, fixed] tells of its neurons. @keeps all */
function coordinatesOf(
  lowered: LoweredSpec,
  tensor: AtomicTensor,
  dim: number,
  x: np.Array,
): Coordinates[] {
  const { dims, fixedSize } = tensor;
  const axesOfDim = [...ancestors(dims, dim), dim];
  const others = dims.map((_, i) => i).filter((i) => !axesOfDim.includes(i));
  const order = [0, ...axesOfDim.map((i) => i + 1), dims.length + 1, ...others.map((i) => i + 1)];
  const neurons = sizeOf(axesOfDim.map((i) => x.shape[i + 1]));
  const rest = sizeOf(others.map((i) => x.shape[i + 1]));
  const charge = powerOf(dims[dim]);
  const values = np.transpose(x.ref, order).reshape([x.shape[0], neurons, fixedSize, rest]);
  if (others.length === 0)
    return [{ values: values.reshape([x.shape[0], neurons, fixedSize]), charge, even: false }];
  const axes = others.map((i) => {
    const { scale, ...axis } = lowered.axes[dims[i].axis];
    return { ...axis, scale: dims[i].still ? null : scale };
  });
  if (axes.some(({ group, scale }) => group !== "permutation" || (scale && scale !== "sign"))) {
    values.dispose();
    return [];
  }
  const sizes = np.sqrt(np.mean(np.square(values.ref), 3));
  const means = np.mean(values, 3);
  const isSigned = axes.some(({ scale }) => scale === "sign");
  if (isSigned) means.dispose();
  return [
    { values: sizes, charge, even: true },
    ...(isSigned ? [] : [{ values: means, charge, even: false } as const]),
  ];
}

/** Incoming weights at length 1, outgoing ones times that length. @consumes */
function takeOutScale(parts: readonly Coordinates[]): Coordinates[] {
  const squares = parts
    .filter(({ charge }) => charge === 1)
    .map(({ values }) => np.sum(np.square(values.ref), 2, { keepdims: true }));
  if (squares.length === 0) return [...parts];
  const length = np.sqrt(squares.reduce((sum, part) => np.add(sum, part)));
  const safe = np.where(np.greater(length.ref, 0), length.ref, 1);
  const scaled = parts.map((part) => ({
    ...part,
    values:
      part.charge === 0
        ? part.values
        : part.charge === 1
          ? np.divide(part.values, safe.ref)
          : np.multiply(part.values, length.ref),
  }));
  safe.dispose();
  length.dispose();
  return scaled;
}

/** The cloud of an axis, every neuron beside its negative where the axis has signs: [batch, neurons, d]. @consumes */
function cloudOf(parts: readonly Coordinates[], isSigned: boolean): np.Array {
  const join = (list: readonly Coordinates[]) =>
    concatenateAll(
      list.map(({ values }) => values),
      2,
    );
  if (!isSigned) return join(parts);
  const negative = parts.map((part) => ({
    ...part,
    values: part.even ? part.values.ref : np.negative(part.values.ref),
  }));
  return np.concatenate([join(parts), join(negative)], 1);
}

/** Rows of linear interpolation that read quantiles off sorted values: [neurons, quantiles] */
function quantileMatrix(neurons: number, quantiles: number): np.Array {
  const matrix = new Float32Array(neurons * quantiles);
  for (let q = 0; q < quantiles; q++) {
    const place = ((q + 0.5) / quantiles) * neurons - 0.5;
    const bounded = Math.min(neurons - 1, Math.max(0, place));
    const below = Math.floor(bounded);
    const above = Math.min(neurons - 1, below + 1);
    matrix[below * quantiles + q] += 1 - (bounded - below);
    matrix[above * quantiles + q] += bounded - below;
  }
  return np.array(matrix).reshape([neurons, quantiles]);
}

/** Unit directions as columns: [dimension, count] */
function directionMatrix(dimension: number, count: number, seed: number): np.Array {
  const random = randomStream(seed);
  const columns = Array.from({ length: count }, () => {
    const column = Array.from({ length: dimension }, () => random.normal());
    const length = Math.hypot(...column) || 1;
    return column.map((v) => v / length);
  });
  const data = Float32Array.from(
    { length: dimension * count },
    (_, at) => columns[at % count][Math.floor(at / count)],
  );
  return np.array(data).reshape([dimension, count]);
}

/** Quantiles of the sorted projections of a cloud [batch, neurons, d]: [batch, directions * quantiles]. @consumes */
function sortedProjections(
  cloud: np.Array,
  directions: number,
  quantiles: number,
  seed: number,
): np.Array {
  const [batch, neurons, dimension] = cloud.shape;
  const projected = np.matmul(cloud, directionMatrix(dimension, directions, seed));
  const lanes = np.transpose(projected, [0, 2, 1]).reshape([batch * directions, neurons]);
  const solid = np.maximum(lanes, -3e38); // the engine does not compile the sorting of a mere view
  const read = np.matmul(np.sort(solid, 1), quantileMatrix(neurons, quantiles));
  return read.reshape([batch, directions * quantiles]);
}

/** Axes of the lowered spec that a cloud can stand for. */
const isKnown = ({ group, scale }: LoweredSpec["axes"][number]): boolean =>
  group === "permutation" && (!scale || scale === "sign" || scale === "positive");

function readVector(
  lowered: LoweredSpec,
  directions: number,
  quantiles: number,
): VectorModel["read"] {
  return (weights: WeightBatch) => {
    const atoms = unpack(lowered, weights, 1);
    const pieces: np.Array[] = [];
    for (const [id, axis] of lowered.axes.entries()) {
      if (!isKnown(axis)) continue;
      const parts = lowered.tensors.flatMap((tensor) =>
        tensor.dims.flatMap((dim, at) =>
          dim.axis === id ? coordinatesOf(lowered, tensor, at, atoms[tensor.id]) : [],
        ),
      );
      if (parts.length === 0) continue;
      const scaled = axis.scale === "positive" ? takeOutScale(parts) : parts;
      const cloud = cloudOf(scaled, axis.scale === "sign");
      pieces.push(sortedProjections(cloud, directions, quantiles, deriveSeed(0, "cloud", id)));
    }
    for (const tensor of lowered.tensors)
      if (tensor.dims.length === 0) pieces.push(atoms[tensor.id]);
      else atoms[tensor.id].dispose();
    return concatenateAll(pieces, 1);
  };
}

/** Numbers that the vector of a network has. */
function widthOf(lowered: LoweredSpec, each: number): number {
  const read = lowered.axes.filter(
    (axis, id) =>
      isKnown(axis) &&
      lowered.tensors.some(({ dims }) =>
        dims.some(
          (dim, at) =>
            dim.axis === id &&
            dims.every((other, i) => {
              const { group, scale } = lowered.axes[other.axis];
              const isOwn = i === at || ancestors(dims, at).includes(i);
              const isPlain = other.still || !scale || scale === "sign";
              return isOwn || (group === "permutation" && isPlain);
            }),
        ),
      ),
  ).length;
  const fixed = lowered.tensors
    .filter(({ dims }) => dims.length === 0)
    .reduce((sum, { fixedSize }) => sum + fixedSize, 0);
  return read * each + fixed;
}

/**
 * A dense network on the sorted projections of every layer's neurons. Invariant under reordering, signs and positive scales of neurons;
 * weights between two reorderable axes are read by their means and root mean squares. Of phases it sees through the signs only.
 * @throws {OptionError} for impossible sizes; {SpecError} for a spec of which nothing can be read
 */
export function slicedModel(spec: SymmetrySpec, options: SlicedModelOptions = {}): Model {
  const { name = "sliced", head = [128, 128, 1], dropout = 0 } = options;
  const { directions = 16, quantiles = 8 } = options;
  checkValues(name, slicedOptions, options);
  const lowered = lowerSpec(signsOfPhases(spec));
  const width = widthOf(lowered, directions * quantiles);
  if (width === 0)
    throw new SpecError(`${name}: no axis and no tensor of the spec can be read as a cloud`, []);
  const read = readVector(lowered, directions, quantiles);
  return vectorModel(spec, width, { name, head, dropout }, read);
}
