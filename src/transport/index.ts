// Optimal transport: `weightspace/transport`. Distances take plain arrays (float64, a number) or engine arrays (under jit and
// grad, a scalar array), as POT's functions take the arrays of any of its backends.

import { UnsupportedError } from "../core/errors.ts";
import { type EngineArray, isEngineArray } from "./engine/engine-arrays.ts";
import { engineSliced, type EngineSlicedOptions } from "./engine/engine-sliced.ts";
import { engineTreeSliced, type EngineTreeOptions } from "./engine/engine-tree-sliced.ts";
import type { Points } from "./points.ts";
import { type SlicedLog, type SlicedOptions, slicedWasserstein as plainSliced } from "./sliced.ts";
import {
  treeSlicedWasserstein as plainTreeSliced,
  type TreeSlicedLog,
  type TreeSlicedOptions,
} from "./tree-sliced.ts";

/** Engine arrays give a scalar array alone. */
function refuseLog(caller: string, options: object): void {
  if ("log" in options && options.log === true)
    throw new UnsupportedError(
      `${caller}: log is for plain arrays; engine arrays give the value, and with \`power: true\` its power`,
    );
}

/** Sliced Wasserstein distance of plain clouds; with `log: true` also the directions and W_p^p along each. */
export function slicedWasserstein(
  x: Points,
  y: Points,
  options: SlicedOptions & { readonly log: true },
): SlicedLog;
export function slicedWasserstein(
  x: Points,
  y: Points,
  options?: SlicedOptions & { readonly log?: false },
): number;
export function slicedWasserstein(
  x: EngineArray,
  y: EngineArray,
  options?: EngineSlicedOptions,
): EngineArray;
/**
 * The sliced Wasserstein distance (mean over directions of W_p^p)^(1/p) of weighted clouds x [n, d] and y [m, d]. Plain arrays give
 * a number in float64; engine arrays are consumed and give a scalar array, differentiable once in both.
 * @throws {ShapeError} for empty clouds, dimensions that differ, misshapen weights or projections; {OptionError} for NaN (plain
 * arrays), p below 1, or weights that do not sum to 1; {UnsupportedError} for `log` on engine arrays.
 */
export function slicedWasserstein(
  x: Points | EngineArray,
  y: Points | EngineArray,
  options: (SlicedOptions & { readonly log?: boolean }) | EngineSlicedOptions = {},
): number | SlicedLog | EngineArray {
  if (isEngineArray(x) && isEngineArray(y)) {
    refuseLog("slicedWasserstein", options);
    return engineSliced(x, y, options);
  }
  return plainSliced(x as Points, y as Points, options as SlicedOptions & { log?: false });
}

/** Tree-sliced distance of plain clouds; with `log: true` also the power and the cost of every tree. */
export function treeSlicedWasserstein(
  x: Points,
  y: Points,
  options: TreeSlicedOptions & { readonly log: true },
): TreeSlicedLog;
export function treeSlicedWasserstein(
  x: Points,
  y: Points,
  options: TreeSlicedOptions & { readonly log?: false },
): number;
export function treeSlicedWasserstein(
  x: EngineArray,
  y: EngineArray,
  options: EngineTreeOptions,
): EngineArray;
/**
 * The tree-sliced distance of weighted clouds x [n, d] and y [m, d] on given trees of lines. With constant splitting and order 1 it is
 * the weighted mean of sliced W1. Plain arrays give a number in float64; engine arrays are consumed and give a scalar array,
 * differentiable once in both.
 * @throws {ShapeError} for empty clouds, dimensions that differ, misshapen weights or trees; {OptionError} for NaN (plain arrays), an
 * order below 1, delta NaN, or weights that do not sum to 1 without `partial`; {UnsupportedError} for trees of several kinds, a callback
 * or `log` on engine arrays.
 */
export function treeSlicedWasserstein(
  x: Points | EngineArray,
  y: Points | EngineArray,
  options: (TreeSlicedOptions & { readonly log?: boolean }) | EngineTreeOptions,
): number | TreeSlicedLog | EngineArray {
  if (isEngineArray(x) && isEngineArray(y)) {
    refuseLog("treeSlicedWasserstein", options);
    return engineTreeSliced(x, y, options as EngineTreeOptions);
  }
  return plainTreeSliced(x as Points, y as Points, options as TreeSlicedOptions & { log?: false });
}

export type { EngineSlicedOptions } from "./engine/engine-sliced.ts";
export type { EngineArray } from "./engine/engine-arrays.ts";
export type { MapSplitting } from "./engine/engine-splitting.ts";
export type { EngineTreeOptions } from "./engine/engine-tree-sliced.ts";
export type { LineTree } from "./line-trees.ts";
export { maxSlicedWasserstein, type MaxSlicedLog, type MaxSlicedOptions } from "./max-sliced.ts";
export {
  maxTreeSlicedWasserstein,
  type MaxTreeSlicedLog,
  type MaxTreeSlicedOptions,
} from "./max-tree-sliced.ts";
export {
  type LayerDistance,
  networkDistance,
  type NetworkDistance,
  type NetworkDistanceKind,
  type NetworkDistanceOptions,
} from "./networks/network-distance.ts";
export {
  type NeuronCloud,
  type NeuronClouds,
  neuronClouds,
  type NeuronCoordinates,
} from "./networks/neuron-clouds.ts";
export {
  comparePopulations,
  type ComparePopulationsOptions,
  type Population,
  type PopulationComparison,
  type PopulationStatistic,
  type PopulationTest,
} from "./networks/compare-populations.ts";
export {
  type PermutationBlock,
  type PermutationBlocks,
  permutationTest,
  type PermutationRun,
  type PermutationTestOptions,
  type PermutationTestResult,
} from "./networks/permutation-test.ts";
export { invariantFeatures, slicedFeatures } from "./networks/population-features.ts";
export type { StatisticOptions, TwoSampleStatistic } from "./networks/two-sample.ts";
export { wasserstein1d, type Wasserstein1dOptions } from "./one-dimensional.ts";
export { pooledMoments, type Points, type PooledMoments } from "./points.ts";
export { lineTree, sampleTrees, type SampleTreesOptions, type TreeShape } from "./sample-trees.ts";
export {
  slicedWassersteinGradient,
  type SlicedLog,
  type SlicedOptions,
  type TransportGradient,
} from "./sliced.ts";
export {
  type ControlVariateLog,
  energyDistance,
  minSlicedTransportPlan,
  type SlicedPlan,
  slicedWassersteinLCV,
} from "./sliced-variants.ts";
export type {
  CallbackSplitting,
  ConstantSplitting,
  DistanceSplitting,
  Splitting,
} from "./splitting.ts";
export {
  treeSlicedWassersteinGradient,
  type TreeSlicedLog,
  type TreeSlicedOptions,
} from "./tree-sliced.ts";
