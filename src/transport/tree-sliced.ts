// Tree-sliced Wasserstein distances on systems of lines, on plain arrays in float64: TSW-SL (ICML 2025, Algorithm 1), Db-TSW
// (ICLR 2025), TS-Sobolev weights, unequal masses; with the gradient in closed form.

import { checkOptions, treeNames } from "./option-names.ts";
import { checkTrees, sharesSourceOfPrevious, type LineTree } from "./line-trees.ts";
import { checkOrder, finitePower, type Points, readClouds, readWeights } from "./points.ts";
import { pullBack } from "./numeric/projection.ts";
import { meanOf, leastPower, orderRoot, rootDerivative, type TransportGradient } from "./sliced.ts";
import {
  centreClouds,
  type CentredCloud,
  placeOnTrees,
  seenFrom,
  type TreeCoordinates,
} from "./tree-coordinates.ts";
import { sobolevWeights } from "./sobolev.ts";
import {
  checkSplitting,
  distanceDerivatives,
  readsDistances,
  type Shares,
  splitCloud,
  splitMemory,
  type Splitting,
} from "./splitting.ts";
import {
  type EdgeWeights,
  flowCost,
  type FlowDerivatives,
  flowDerivatives,
  lengthCost,
  lengthWeights,
  type TreeFlow,
  treeFlow,
  treeMemory,
} from "./tree-flow.ts";

/** Order, weights and trees of a tree-sliced distance. */
export interface TreeSlicedOptions {
  /** Systems of lines, over which the mean is taken: see `sampleTrees`. */
  readonly trees: readonly LineTree[];
  /** How a point's mass is shared among the lines. @default constant and uniform, which is sliced W1 */
  readonly splitting?: Splitting;
  /** Exponent of the flow: (mean over trees of the sum of length * |flow|^order)^(1/order). Above 1 it is no Wasserstein order. @default 1 */
  readonly order?: number;
  /** Weights of x, which sum to 1. @default uniform */
  readonly a?: ArrayLike<number>;
  /** Weights of y, which sum to 1. @default uniform */
  readonly b?: ArrayLike<number>;
  /** Edges weigh as in TS-Sobolev. @default false */
  readonly sobolev?: boolean;
  /** Weights may have any sums; mass that one side lacks enters at the root. @default false */
  readonly partial?: boolean;
}

/** What `log: true` returns. */
export interface TreeSlicedLog {
  readonly value: number;
  /** The value to the power of the order. */
  readonly power: number;
  /** The power of every tree; their mean is `power`. */
  readonly perTree: readonly number[];
}

/** A tree-sliced distance with all its options. */
export interface TreeProblem extends Required<Omit<TreeSlicedOptions, "a" | "b" | "partial">> {
  readonly cloud: CentredCloud;
  /** Points of x, which come first in the cloud. */
  readonly first: number;
  /** Weights of x, then those of y with a minus: [n + m] */
  readonly signed: Float64Array;
}

/** All arguments checked and read. @throws {ShapeError} @throws {OptionError} */
export function treeProblem(
  caller: string,
  x: Points,
  y: Points,
  options: TreeSlicedOptions,
): TreeProblem {
  const { trees, order = 1, sobolev = false, partial = false } = options;
  const splitting = options.splitting ?? { kind: "constant" };
  checkOrder(caller, "order", order);
  const [first, second] = readClouds(caller, x, y);
  checkTrees(caller, trees, first.dimension);
  checkSplitting(caller, splitting, trees);
  const a = readWeights(caller, "a", options.a, first.size, partial);
  const b = readWeights(caller, "b", options.b, second.size, partial);
  const signed = new Float64Array(a.length + b.length);
  signed.set(a);
  for (let i = 0; i < b.length; i++) signed[a.length + i] = -b[i];
  return {
    trees,
    splitting,
    order,
    sobolev,
    cloud: centreClouds([first, second], trees[0].source[0]),
    first: first.size,
    signed,
  };
}

/** The points on the lines of one tree, and the flow that results. */
export interface SolvedTree {
  readonly tree: LineTree;
  readonly coordinates: readonly Float64Array[];
  readonly shares: Shares;
  readonly flow: TreeFlow;
  readonly edges: EdgeWeights;
}

/** Products entry by entry. */
function times(a: Float64Array, b: Float64Array): Float64Array {
  const products = new Float64Array(a.length);
  for (let i = 0; i < a.length; i++) products[i] = a[i] * b[i];
  return products;
}

function solveTree(
  caller: string,
  { cloud, signed, splitting, order, sobolev }: TreeProblem,
  places: TreeCoordinates,
  tree: LineTree,
  index: number,
): SolvedTree {
  const { coordinates } = places;
  const shares = splitCloud(caller, splitting, cloud, places, tree, index);
  const flow = treeFlow(tree, coordinates, { shares: shares.shares, signed });
  const edges = sobolev && order !== 1 ? sobolevWeights(flow, order) : lengthWeights(flow);
  return { tree, coordinates, shares, flow, edges };
}

/** Trees one after another, those of the problem where no others are given. */
export function* solveTrees(
  caller: string,
  problem: TreeProblem,
  trees = problem.trees,
): Generator<SolvedTree, void> {
  let index = 0;
  for (const places of placeOnTrees(problem.cloud, trees, readsDistances(problem.splitting)))
    yield solveTree(caller, problem, places, trees[index], index++);
}

/** A problem whose masses are in a unit of their own. */
export interface MeasuredTrees {
  readonly problem: TreeProblem;
  readonly unit: number;
}

/** Masses in units of the largest flow where the mean power of the cost, which is given, would be lost; 1 elsewhere. */
export function measureTrees(caller: string, problem: TreeProblem, mean: number): MeasuredTrees {
  let unit = 0;
  if (problem.order === 1 || mean >= leastPower) return { problem, unit: 1 };
  for (const { flow } of solveTrees(caller, problem))
    for (const line of flow.lines)
      for (let j = 0; j < line.flow.length; j++) unit = Math.max(unit, Math.abs(line.flow[j]));
  if (unit === 0) return { problem, unit: 1 };
  return { problem: { ...problem, signed: problem.signed.map((mass) => mass / unit) }, unit };
}

/** The power of every tree. */
export function treeCosts(caller: string, problem: TreeProblem): number[] {
  const { cloud, trees, signed, splitting, order, sobolev } = problem;
  const perTree: number[] = [];
  if (sobolev && order !== 1) {
    for (const { flow, edges } of solveTrees(caller, problem))
      perTree.push(flowCost(flow, edges, order));
    return perTree;
  }
  const [ofSplit, ofTree] = [splitMemory(), treeMemory()];
  for (const places of placeOnTrees(cloud, trees, readsDistances(splitting))) {
    const index = perTree.length;
    const tree = trees[index];
    const { shares } = splitCloud(caller, splitting, cloud, places, tree, index, ofSplit);
    perTree.push(lengthCost(tree, places.coordinates, { shares, signed }, order, ofTree));
  }
  return perTree;
}

/** @see treeSlicedWasserstein below */
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
/**
 * The tree-sliced distance of two weighted clouds x [n, d] and y [m, d] on given trees: a number, or with `log: true` a
 * {@link TreeSlicedLog}. With constant splitting and order 1 it is the weighted mean of sliced W1 over all lines.
 * @throws {ShapeError} for empty clouds, dimensions that differ, misshapen weights or trees; {OptionError} for NaN, an order below
 * 1, delta NaN, or weights that do not sum to 1 without `partial`.
 */
export function treeSlicedWasserstein(
  x: Points,
  y: Points,
  options: TreeSlicedOptions & { readonly log?: boolean },
): number | TreeSlicedLog {
  const caller = "treeSlicedWasserstein";
  checkOptions(caller, options, treeNames);
  const problem = treeProblem(caller, x, y, options);
  const { order } = problem;
  const plain = treeCosts(caller, problem);
  const { problem: measured, unit } = measureTrees(caller, problem, meanOf(plain));
  const costs = unit === 1 ? plain : treeCosts(caller, measured);
  const value = unit * orderRoot(finitePower(caller, meanOf(costs)), order);
  if (options.log !== true) return value;
  const perTree = unit === 1 ? costs : costs.map((cost) => cost * unit ** order);
  return { value, power: meanOf(perTree), perTree };
}

/** How a tree's cost moves with the points, line by line. */
export interface LineDerivatives {
  /** Times the line's direction: [k][points] */
  readonly along: readonly Float64Array[];
  /** Times the way from the line's source, where shares move with the point: [k][points] */
  readonly away?: readonly Float64Array[];
  /** [k]: through the child's place on its parent alone, its source held where it is */
  readonly position: Float64Array;
}

/** The chain rule from the flow to coordinates and distances. */
export function lineDerivatives(
  { cloud: { size }, signed, splitting, order }: TreeProblem,
  { tree, coordinates, shares, flow, edges }: SolvedTree,
): LineDerivatives {
  const { keys, masses }: FlowDerivatives = flowDerivatives(flow, edges, order);
  const position = Float64Array.from(tree.parent, (above, l) =>
    above === -1 ? 0 : keys[above][size + 1 + flow.children[above].indexOf(l)],
  );
  const along = keys.map((ofLine) => ofLine.slice(0, size));
  if (splitting.kind !== "distance" || shares.distances === undefined) return { along, position };
  const byMass = masses.map((ofLine) => times(ofLine, signed));
  const away = distanceDerivatives(splitting, shares, byMass);
  for (const [l, distances] of shares.distances.entries())
    turnAway(away[l], along[l], distances, coordinates[l]);
  return { along, away, position };
}

/** From derivatives by distances from a line to those by the way from its source and by the coordinate on it. */
function turnAway(
  away: Float64Array,
  along: Float64Array,
  distances: Float64Array,
  coordinates: Float64Array,
): void {
  for (let i = 0; i < away.length; i++) {
    const derivative = distances[i] === 0 ? 0 : away[i] / distances[i];
    away[i] = derivative;
    along[i] -= derivative * coordinates[i];
  }
}

/** Coefficients of the ways from the sources: of the way from the origin [points], and of each source as the origin sees it. */
interface AwayTerms {
  readonly fromOrigin: Float64Array;
  readonly coefficients: Float64Array[];
  readonly sources: Float64Array[];
}

/** Adds a tree's ways from its lines' sources; lines with one source go together. */
function addAway(
  { fromOrigin, coefficients, sources }: AwayTerms,
  { cloud: { size, origin } }: TreeProblem,
  tree: LineTree,
  away: readonly Float64Array[],
): void {
  for (let l = 0; l < away.length;) {
    const source = seenFrom(origin, tree.source[l]);
    const total = Float64Array.from(away[l]);
    for (l++; l < away.length && sharesSourceOfPrevious(tree, l); l++)
      for (let i = 0; i < size; i++) total[i] += away[l][i];
    for (let i = 0; i < size; i++) fromOrigin[i] += total[i];
    if (source.every((value) => value === 0)) continue;
    for (let i = 0; i < size; i++) total[i] = -total[i];
    coefficients.push(total);
    sources.push(source);
  }
}

/** d power / d points times the number of trees: [points, d] */
function pullBackTrees(problem: TreeProblem, lines: readonly LineDerivatives[]): Float64Array {
  const { cloud, trees } = problem;
  const { size, dimension, fromOrigin } = cloud;
  const terms = { fromOrigin: new Float64Array(size), coefficients: [], sources: [] };
  for (const [t, { away }] of lines.entries())
    if (away !== undefined) addAway(terms, problem, trees[t], away);
  const sums = pullBack(
    [...lines.flatMap(({ along }) => along), ...terms.coefficients],
    [
      ...trees.flatMap(({ theta }) => theta.map((direction) => Float64Array.from(direction))),
      ...terms.sources,
    ],
  );
  for (let i = 0, at = 0; i < size; i++)
    for (let j = 0; j < dimension; j++, at++) sums[at] += terms.fromOrigin[i] * fromOrigin.data[at];
  return sums;
}

/**
 * The tree-sliced distance with its gradient in closed form. Shares of a callback count as constants. Where atoms of a line
 * coincide, or the flow of order 1 vanishes, the gradient is one of several one-sided ones.
 * @throws {ShapeError} @throws {OptionError} as {@link treeSlicedWasserstein}
 */
export function treeSlicedWassersteinGradient(
  x: Points,
  y: Points,
  options: TreeSlicedOptions,
): TransportGradient {
  const caller = "treeSlicedWassersteinGradient";
  checkOptions(caller, options, treeNames);
  const problem = treeProblem(caller, x, y, options);
  const { cloud, first, order, trees } = problem;
  const derive = (given: TreeProblem) => {
    let sum = 0;
    const lines: LineDerivatives[] = [];
    for (const solved of solveTrees(caller, given)) {
      sum += flowCost(solved.flow, solved.edges, order);
      lines.push(lineDerivatives(given, solved));
    }
    return { mean: finitePower(caller, sum / trees.length), lines };
  };
  const plain = derive(problem);
  const { problem: measured, unit } = measureTrees(caller, problem, plain.mean);
  const { mean, lines } = unit === 1 ? plain : derive(measured);
  const sums = pullBackTrees(problem, lines);
  const factor = (unit * rootDerivative(mean, order)) / trees.length;
  const { dimension, size } = cloud;
  const gradient = (from: number, to: number) => ({
    shape: [to - from, dimension],
    data: sums.slice(from * dimension, to * dimension).map((value) => value * factor),
  });
  const [value, power] = [unit * orderRoot(mean, order), mean * unit ** order];
  return { value, power, x: gradient(0, first), y: gradient(first, size) };
}
