// MaxTSW-SL (ICML 2025, Algorithm 3): the tree of lines on which two clouds are farthest apart, by ascent on the root, the
// positions on the parents and the directions. Every step moves all three; directions stay unit vectors, roots near the points.

import { OptionError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { ascend } from "./ascent.ts";
import type { LineTree } from "./line-trees.ts";
import { checkCount, type Cloud, finitePower, type Points } from "./points.ts";
import { lineTree } from "./sample-trees.ts";
import { orderRoot } from "./sliced.ts";
import { flowCost } from "./tree-flow.ts";
import {
  lineDerivatives,
  type LineDerivatives,
  type SolvedTree,
  solveTrees,
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

/** A tree as one vector: root, positions, directions. */
const packTree = ({ theta, source, parent, position }: LineTree): Float64Array =>
  Float64Array.from([...source[parent.indexOf(-1)], ...position, ...theta.flat()]);

function unpackTree(vector: Float64Array, { parent }: LineTree, dimension: number): LineTree {
  const lines = parent.length;
  const root = [...vector.subarray(0, dimension)];
  const position = parent.map((above, l) => (above === -1 ? 0 : vector[dimension + l]));
  const theta = parent.map((_, l) => {
    const start = dimension + lines + l * dimension;
    const direction = vector.subarray(start, start + dimension);
    const length = Math.hypot(...direction);
    return [...direction].map((value) => value / length);
  });
  return lineTree(root, theta, parent, position);
}

/** Where roots and positions may go: without bounds the largest value may lie at infinity. */
interface Bounds {
  /** The mean of all points. */
  readonly centre: readonly number[];
  /** Distance of the farthest point from the centre: roots stay inside, positions below twice that. */
  readonly radius: number;
}

function boundsOf({ cloud: { size, dimension, data } }: TreeProblem): Bounds {
  const rows = Array.from({ length: size }, (_, i) =>
    Array.from(data.subarray(i * dimension, (i + 1) * dimension)),
  );
  const centre = rows[0].map((_, j) => rows.reduce((sum, row) => sum + row[j] / size, 0));
  const radius = Math.max(...rows.map((row) => Math.hypot(...row.map((c, j) => c - centre[j]))));
  return { centre, radius };
}

/** The nearest tree within the bounds, as a vector. */
function retract(vector: Float64Array, tree: LineTree, { centre, radius }: Bounds): Float64Array {
  const dimension = centre.length;
  const away = centre.map((c, j) => vector[j] - c);
  const share = Math.min(1, radius / Math.max(Math.hypot(...away), 1e-300));
  const bounded = vector.map((value, i) => {
    if (i < dimension) return centre[i] + share * away[i];
    if (i >= dimension + tree.parent.length) return value;
    return Math.min(2 * radius, Math.max(-2 * radius, value));
  });
  return packTree(unpackTree(bounded, tree, dimension));
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
  const length = Math.hypot(...away);
  const outward = away.reduce((sum, c, j) => sum + c * root[j], 0) / length;
  if (length > radius * (1 - 1e-9) && outward > 0)
    away.forEach((c, j) => (root[j] -= (outward * c) / length));
  tree.position.forEach((at, l) => {
    if (Math.abs(at) > 2 * radius * (1 - 1e-9) && at * position[l] > 0) position[l] = 0;
  });
}

/** The sum over points of a coefficient times the way from a place: [d] */
function sumOfWays(
  { size, dimension, data }: Cloud,
  place: readonly number[],
  coefficients: Float64Array,
): Float64Array {
  const sums = new Float64Array(dimension);
  for (let i = 0, at = 0; i < size; i++) {
    const coefficient = coefficients[i];
    for (let j = 0; j < dimension; j++) sums[j] += coefficient * (data[at++] - place[j]);
  }
  return sums;
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

/** The derivatives of a tree's cost with respect to its directions, as if they were free vectors, and its sources: [k][d] each. */
function partDerivatives({ cloud }: TreeProblem, tree: LineTree, { along, away }: LineDerivatives) {
  const theta = tree.source.map((start, l) => sumOfWays(cloud, start, along[l]));
  const source = tree.theta.map((direction, l) => {
    const total = sumOf(along[l]);
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
  gradient.set(root);
  gradient.set(position, dimension);
  for (const [l, derivative] of theta.entries())
    gradient.set(derivative, dimension + lines + l * dimension);
  return gradient;
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
  const { steps = 200, seed = 0 } = options;
  checkCount(caller, "steps", steps, 0);
  const problem = treeProblem(caller, x, y, options);
  if (problem.splitting.kind === "callback")
    throw new OptionError(
      `${caller}: splitting is a callback, through which no gradient passes; expected constant or distance`,
    );
  const { dimension } = problem.cloud;
  const bounds = boundsOf(problem);
  const results = problem.trees.map((tree, i) => {
    const result = ascend(
      {
        evaluate: (vector) =>
          treeSurface(caller, problem, unpackTree(vector, tree, dimension), bounds),
        retract: (vector) => retract(vector, tree, bounds),
      },
      packTree(tree),
      { steps, seed: deriveSeed(seed, "ascent", i) },
    );
    return { ...result, tree: unpackTree(result.point, tree, dimension) };
  });
  const best = results.reduce((a, b) => (b.value > a.value ? b : a));
  const value = orderRoot(finitePower(caller, best.value), problem.order);
  return options.log === true ? { value, tree: best.tree, converged: best.converged } : value;
}
