// How far apart two networks of one spec are, layer by layer, as clouds of neurons: a distance that does not see the order of
// neurons, their signs and their scales. It says nothing about which neurons are wired together beyond what its label says.

import { OptionError } from "../../core/errors.ts";
import type { Tensor, Weights } from "../../core/tensors.ts";
import type { Axis, AxisScale, SymmetrySpec } from "../../symmetry/types.ts";
import { checkWeights, type NeuronCoordinates, neuronClouds } from "./neuron-clouds.ts";
import { treesAround } from "../sample-trees.ts";
import { slicedWasserstein } from "../sliced.ts";
import { energyDistance } from "../sliced-variants.ts";
import { treeSlicedWasserstein } from "../tree-sliced.ts";

/** Sliced W2, Db-TSW of order 1, or the energy distance. */
export type NetworkDistanceKind = "sw" | "tsw" | "energy";

/** Which distance of networks, and how fine. */
export interface NetworkDistanceOptions {
  /** @default "sw" */
  readonly kind?: NetworkDistanceKind;
  /** Random directions of `sw`; `tsw` has a quarter as many trees of four lines. @default 100 */
  readonly nProjections?: number;
  /** @default 0 */
  readonly seed?: number;
  /** Activations of both networks on the same inputs, by axis: [samples, neurons] each. They replace clouds that are not exact. */
  readonly activations?: readonly [ActivationsByAxis, ActivationsByAxis];
}

type ActivationsByAxis = Readonly<Record<string, readonly Tensor[]>>;

/** How far apart two networks are in one layer. */
export interface LayerDistance {
  readonly axis: string;
  readonly neurons: number;
  readonly coordinates: NeuronCoordinates | "activations";
  readonly distance: number;
}

/** How far apart two networks are as clouds of neurons, layer by layer. */
export interface NetworkDistance {
  readonly kind: NetworkDistanceKind;
  readonly layers: readonly LayerDistance[];
  /** Distance of the tensors that no group moves; absent where there are none. */
  readonly fixed?: number;
  /** Layers and fixed tensors together: the root of the sum of squares for `sw`, the sum otherwise. */
  readonly total: number;
  /** Whether a total of 0, along enough directions, means the same network up to its symmetries. */
  readonly exact: boolean;
  /** Axes that nothing stands for. */
  readonly notCompared: readonly string[];
}

/** The distance of two clouds by kind. */
function cloudDistance(
  x: Tensor,
  y: Tensor,
  { kind = "sw", nProjections = 100, seed = 0 }: NetworkDistanceOptions,
): number {
  if (kind === "energy") return energyDistance(x, y);
  if (kind === "sw") return slicedWasserstein(x, y, { nProjections, seed });
  const { trees, unit } = treesAround([x, y], { lines: nProjections, seed });
  return treeSlicedWasserstein(x, y, { trees, splitting: { kind: "distance", delta: 10, unit } });
}

/** What the chosen distance is, on average over directions, for two single points this far apart in d dimensions. */
function pointDistance(kind: NetworkDistanceKind, difference: number, dimension: number): number {
  if (kind === "energy") return 2 * difference;
  if (kind === "sw") return difference / Math.sqrt(dimension);
  return difference * meanProjection(dimension);
}

/** The mean length of a unit vector's projection on a random direction. */
function meanProjection(dimension: number): number {
  let mean = dimension % 2 === 1 ? 1 : 2 / Math.PI;
  for (let d = dimension % 2 === 1 ? 1 : 2; d < dimension; d += 2) mean *= d / (d + 1);
  return mean;
}

function fixedDistance(
  kind: NetworkDistanceKind,
  names: readonly string[],
  a: Weights,
  b: Weights,
): number | undefined {
  let [squares, count] = [0, 0];
  for (const name of names) {
    a[name].data.forEach((value, i) => (squares += (value - b[name].data[i]) ** 2));
    count += a[name].data.length;
  }
  return count === 0 ? undefined : pointDistance(kind, Math.sqrt(squares), count);
}

/**
 * Activations [samples, neurons] of several values as one cloud [neurons, samples]: neurons with a positive scale at root mean square
 * 1, neurons with a sign beside their negatives.
 */
function activationCloud(
  values: readonly Tensor[],
  neurons: number,
  scale: AxisScale | undefined,
): Tensor {
  const width = values.reduce((sum, { shape }) => sum + shape[0], 0);
  const copies = scale === "sign" ? 2 : 1;
  const data = new Float64Array(copies * neurons * width);
  let start = 0;
  for (const { shape, data: entries } of values) {
    for (let s = 0; s < shape[0]; s++)
      for (let i = 0; i < neurons; i++) data[i * width + start + s] = entries[s * neurons + i];
    start += shape[0];
  }
  for (let i = 0; i < neurons; i++) {
    const row = data.subarray(i * width, (i + 1) * width);
    const size = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / width);
    if (scale === "positive" && size > 0) row.forEach((v, s) => (row[s] = v / size));
    if (copies === 2) row.forEach((v, s) => (data[(neurons + i) * width + s] = -v));
  }
  return { shape: [copies * neurons, width], data };
}

/** Clouds of what the neurons of an axis do; undefined where that is not known, or depends on a basis. */
function activeClouds(
  { group, scale }: Axis,
  axis: string,
  activations: readonly [ActivationsByAxis, ActivationsByAxis] | undefined,
) {
  const [a, b] = [activations?.[0][axis], activations?.[1][axis]];
  const known = group === "permutation" && (!scale || scale === "sign" || scale === "positive");
  if (!known || a === undefined || b === undefined || a.length === 0 || a.length !== b.length)
    return undefined;
  const neurons = a[0].shape[1];
  const cloud = (values: readonly Tensor[]) => activationCloud(values, neurons, scale);
  return { neurons, x: cloud(a), y: cloud(b) };
}

/**
 * The distance of two networks of one spec, layer by layer and in total. It does not change when a network is moved by an element of
 * its symmetry group. Layers are compared by all weights of their neurons where that is sound (`exact`), else by activations where they
 * are given, else by `statistics`, for which different layers may be at distance 0.
 * @throws {OptionError} for tensors that are missing, of other sizes, or not finite, and for an unknown kind
 */
export function networkDistance(
  spec: SymmetrySpec,
  a: Weights,
  b: Weights,
  options: NetworkDistanceOptions = {},
): NetworkDistance {
  const caller = "networkDistance";
  const { kind = "sw", activations } = options;
  if (!["sw", "tsw", "energy"].includes(kind))
    throw new OptionError(`${caller}: kind is "${kind}", expected sw, tsw or energy`);
  checkWeights(caller, spec, a);
  checkWeights(caller, spec, b);
  const [first, second] = [neuronClouds(spec, a), neuronClouds(spec, b)];
  const layers: LayerDistance[] = [];
  const notCompared: string[] = [];
  const add = (
    axis: string,
    coordinates: LayerDistance["coordinates"],
    x: Tensor,
    y: Tensor,
    neurons: number,
  ) => layers.push({ axis, neurons, coordinates, distance: cloudDistance(x, y, options) });
  for (const [i, { axis, points, coordinates, neurons }] of first.clouds.entries()) {
    const active =
      coordinates === "exact" ? undefined : activeClouds(spec.axes[axis], axis, activations);
    if (active) add(axis, "activations", active.x, active.y, active.neurons);
    else add(axis, coordinates, points, second.clouds[i].points, neurons);
  }
  for (const axis of first.notCompared) {
    const active = activeClouds(spec.axes[axis], axis, activations);
    if (active) add(axis, "activations", active.x, active.y, active.neurons);
    else notCompared.push(axis);
  }
  const fixed = fixedDistance(kind, first.fixed, a, b);
  const parts = [
    ...layers.map(({ distance }) => distance),
    ...(fixed === undefined ? [] : [fixed]),
  ];
  const total =
    kind === "sw" ? Math.hypot(...parts) : parts.reduce((sum, distance) => sum + distance, 0);
  const exact =
    notCompared.length === 0 && layers.every(({ coordinates }) => coordinates === "exact");
  return { kind, layers, ...(fixed !== undefined && { fixed }), total, exact, notCompared };
}
