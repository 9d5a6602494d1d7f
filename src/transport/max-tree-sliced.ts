// MaxTSW-SL (ICML 2025, Algorithm 3): the tree of lines on which two clouds are farthest apart, by ascent on the root, the
// positions on the parents and the directions. Every step moves all three; directions stay unit vectors, roots near the points.

import { checkOptions, treeNames } from "./option-names.ts";
import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { ascend, type AscentProblem } from "./ascent.ts";
import { lengthOf } from "./directions.ts";
import type { LineTree } from "./line-trees.ts";
import { checkCount, finitePower, type Points } from "./points.ts";
import { lineTree } from "./sample-trees.ts";
import { meanOf, orderRoot } from "./sliced.ts";
import type { CentredCloud } from "./tree-coordinates.ts";
import { flowCost } from "./tree-flow.ts";
import {
  lineDerivatives,
  type LineDerivatives,
  measureTrees,
  type SolvedTree,
  solveTrees,
  treeCosts,
  type TreeProblem,
  treeProblem,
  type TreeSlicedOptions,
} from "./tree-sliced.ts";

/** How the worst tree is looked for. */
export interface MaxTreeSlicedOptions extends TreeSlicedOptions {
  /** Most steps of the ascent from each tree. @default 200 */
  readonly steps?: number;
  /** Fixes the gradients that are sampled at edges. @default 0 */
  readonly seed?: number;
}

/** What `log: true` returns. */
export interface MaxTreeSlicedLog {
  readonly value: number;
  /** The tree of the maximum. */
  readonly tree: LineTree;
  /** Whether its ascent ended at a local maximum. */
  readonly converged: boolean;
}

/** Where roots and positions may go: without bounds the largest value may lie at infinity. */
interface Bounds {
  /** The mean of all points. */
  readonly centre: Float64Array;
  /** Distance of the farthest point from the centre: roots stay inside, positions below twice that. */
  readonly radius: number;
  /** The length in which roots and positions stand beside unit directions: the radius, 1 where it is 0. */
  readonly unit: number;
}

function boundsOf({ cloud: { size, dimension, parts } }: TreeProblem): Bounds {
  const centre = new Float64Array(dimension);
  for (const { data } of parts)
    for (let at = 0; at < data.length;)
      for (let j = 0; j < dimension; j++) centre[j] += data[at++] / size;
  let radius = 0;
  for (const { data } of parts)
    for (let at = 0; at < data.length; at += dimension) {
      const away = centre.map((c, j) => data[at + j] - c);
      radius = Math.max(radius, lengthOf(away));
    }
  return { centre, radius, unit: radius === 0 ? 1 : radius };
}

/** A tree as one vector: root seen from the centre and positions, in units, then directions. */
function packTree(
  { theta, source, parent, position }: LineTree,
  { centre, unit }: Bounds,
): Float64Array {
  const root = source[parent.indexOf(-1)].map((value, j) => (value - centre[j]) / unit);
  return Float64Array.from([...root, ...position.map((at) => at / unit), ...theta.flat()]);
}

function unpackTree(
  vector: Float64Array,
  { parent }: LineTree,
  { centre, unit }: Bounds,
): LineTree {
  const [lines, dimension] = [parent.length, centre.length];
  const root = Array.from(centre, (c, j) => c + unit * vector[j]);
  const position = parent.map((above, l) => (above === -1 ? 0 : unit * vector[dimension + l]));
  const theta = parent.map((_, l) => {
    const start = dimension + lines + l * dimension;
    const direction = vector.subarray(start, start + dimension);
    const length = lengthOf(direction);
    return Array.from(direction, (value) => value / length);
  });
  return lineTree(root, theta, parent, position);
}

/** The nearest tree within the bounds, as a vector. */
function retract(vector: Float64Array, tree: LineTree, bounds: Bounds): Float64Array {
  const dimension = bounds.centre.length;
  const farthest = bounds.radius / bounds.unit;
  const away = lengthOf(vector.subarray(0, dimension));
  const share = Math.min(1, farthest / Math.max(away, 1e-300));
  const bounded = vector.map((value, i) => {
    if (i < dimension) return share * value;
    if (i >= dimension + tree.parent.length) return value;
    return Math.min(2 * farthest, Math.max(-2 * farthest, value));
  });
  return packTree(unpackTree(bounded, tree, bounds), bounds);
}

/** Takes away what points out of the bounds from derivatives at them. */
function stayInside(
  root: Float64Array,
  position: Float64Array,
  tree: LineTree,
  { centre, radius }: Bounds,
): void {
  const start = tree.source[tree.parent.indexOf(-1)];
  const away = centre.map((c, j) => start[j] - c);
  const length = lengthOf(away);
  const outward = away.reduce((sum, c, j) => sum + c * root[j], 0) / length;
  if (length > radius * (1 - 1e-9) && outward > 0)
    away.forEach((c, j) => (root[j] -= (outward * c) / length));
  tree.position.forEach((at, l) => {
    if (Math.abs(at) > 2 * radius * (1 - 1e-9) && at * position[l] > 0) position[l] = 0;
  });
}

/** The sum over points of a coefficient times the way from a place: [d] */
function sumOfWays(
  { dimension, parts }: CentredCloud,
  place: readonly number[],
  coefficients: Float64Array,
): Float64Array {
  const sums = new Float64Array(dimension);
  let i = 0;
  for (const { data } of parts)
    for (let at = 0; at < data.length; i++) {
      const coefficient = coefficients[i];
      for (let j = 0; j < dimension; j++) sums[j] += coefficient * (data[at++] - place[j]);
    }
  return sums;
}

/** The derivatives of a tree's cost with respect to its directions, as if they were free vectors, and its sources: [k][d] each. */
function partDerivatives({ cloud }: TreeProblem, tree: LineTree, { along, away }: LineDerivatives) {
  const theta = tree.source.map((start, l) => sumOfWays(cloud, start, along[l]));
  const source = tree.theta.map((direction, l) => {
    const total = along[l].reduce((sum, value) => sum + value, 0);
    const sums = away === undefined ? undefined : sumOfWays(cloud, tree.source[l], away[l]);
    return Float64Array.from(direction, (value, j) => -total * value - (sums?.[j] ?? 0));
  });
  return { theta, source };
}

/** The cost of one tree and its gradient in the vector of {@link packTree}. */
function treeSurface(caller: string, problem: TreeProblem, tree: LineTree, bounds: Bounds) {
  const [solved] = solveTrees(caller, problem, [tree]);
  return {
    value: flowCost(solved.flow, solved.edges, problem.order),
    gradient: () => treeGradient(problem, solved, bounds),
  };
}

/** The gradient of one tree's cost, within the bounds and tangent to unit directions. */
function treeGradient(problem: TreeProblem, solved: SolvedTree, bounds: Bounds): Float64Array {
  const { tree } = solved;
  const derivatives = lineDerivatives(problem, solved);
  const { dimension } = problem.cloud;
  const lines = tree.parent.length;
  const root = new Float64Array(dimension);
  const { theta, source } = partDerivatives(problem, tree, derivatives);
  const position = Float64Array.from(derivatives.position);
  for (let l = lines - 1; l >= 0; l--) {
    const above = tree.parent[l];
    for (let j = 0; j < dimension; j++) {
      if (above === -1) root[j] += source[l][j];
      else {
        source[above][j] += source[l][j];
        position[l] += source[l][j] * tree.theta[above][j];
        theta[above][j] += source[l][j] * tree.position[l];
      }
    }
  }
  stayInside(root, position, tree, bounds);
  for (const [l, derivative] of theta.entries()) {
    const direction = tree.theta[l];
    let radial = 0;
    for (let j = 0; j < dimension; j++) radial += derivative[j] * direction[j];
    for (let j = 0; j < dimension; j++) derivative[j] -= radial * direction[j];
  }
  const gradient = new Float64Array(dimension + lines + lines * dimension);
  gradient.set(root.map((derivative) => bounds.unit * derivative));
  gradient.set(
    position.map((derivative) => bounds.unit * derivative),
    dimension,
  );
  for (const [l, derivative] of theta.entries())
    gradient.set(derivative, dimension + lines + l * dimension);
  return gradient;
}

/** The ascent from one tree, in vectors of roots, positions and directions; and the tree of such a vector. */
export function treeAscent(caller: string, problem: TreeProblem, tree: LineTree) {
  const bounds = boundsOf(problem);
  const treeOf = (vector: Float64Array) => unpackTree(vector, tree, bounds);
  const surface: AscentProblem = {
    evaluate: (vector) => treeSurface(caller, problem, treeOf(vector), bounds),
    retract: (vector) => retract(vector, tree, bounds),
  };
  return { surface, start: packTree(tree, bounds), treeOf };
}

/** @see maxTreeSlicedWasserstein below */
export function maxTreeSlicedWasserstein(
  x: Points,
  y: Points,
  options: MaxTreeSlicedOptions & { readonly log: true },
): MaxTreeSlicedLog;
export function maxTreeSlicedWasserstein(
  x: Points,
  y: Points,
  options: MaxTreeSlicedOptions & { readonly log?: false },
): number;
/**
 * The largest tree distance over trees of the shape of those given, by ascent from each of them: a local maximum, a lower bound of
 * the true one. Roots stay as near to the mean of all points as the farthest point, positions below twice that.
 * @throws {ShapeError} @throws {OptionError} as `treeSlicedWasserstein`, and for a callback, which no gradient passes
 */
export function maxTreeSlicedWasserstein(
  x: Points,
  y: Points,
  options: MaxTreeSlicedOptions & { readonly log?: boolean },
): number | MaxTreeSlicedLog {
  const caller = "maxTreeSlicedWasserstein";
  checkOptions(caller, options, [...treeNames, "steps", "seed"]);
  const { steps = 200, seed = 0 } = options;
  checkCount(caller, "steps", steps, 0);
  checkCount(caller, "seed", seed, 0);
  const given = treeProblem(caller, x, y, options);
  const mean = given.order === 1 ? 1 : meanOf(treeCosts(caller, given));
  const { problem, unit } = measureTrees(caller, given, mean);
  if (problem.splitting.kind === "callback")
    throw new OptionError(
      `${caller}: splitting is a callback, through which no gradient passes; expected constant or distance`,
    );
  const results = problem.trees.map((tree, i) => {
    const { surface, start, treeOf } = treeAscent(caller, problem, tree);
    const result = ascend(surface, start, { steps, seed: deriveSeed(seed, "ascent", i) });
    return { ...result, tree: treeOf(result.point) };
  });
  const best = results.reduce((a, b) => (b.value > a.value ? b : a));
  const value = unit * orderRoot(finitePower(caller, best.value), problem.order);
  return options.log === true ? { value, tree: best.tree, converged: best.converged } : value;
}
