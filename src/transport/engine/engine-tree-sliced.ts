// Tree-sliced distances on engine arrays, under jit and grad, in memory of the order of lines times points; held to the float64
// version by tests.

import { checkOptions, treeNames } from "../option-names.ts";
import { numpy as np } from "@jax-js/jax";
import { ShapeError, UnsupportedError } from "../../core/errors.ts";
import { formatShape } from "../../core/shapes.ts";
import {
  constant,
  type EngineArray,
  engineRoot,
  fixed,
  magnitude,
  orderOf,
  reorder,
  runningSum,
  runningSumFromEnd,
  derivativeOf,
  withDerivatives,
} from "./engine-arrays.ts";
import { checkEngineClouds } from "./engine-sliced.ts";
import { engineSobolev } from "./engine-sobolev.ts";
import { engineShares, type MapSplitting, type TreeBatch } from "./engine-splitting.ts";
import { checkTrees, childrenOf, type LineTree } from "../line-trees.ts";
import { checkOrder, readWeights } from "../points.ts";
import { checkSplitting, type ConstantSplitting, type DistanceSplitting } from "../splitting.ts";
import type { TreeSlicedOptions } from "../tree-sliced.ts";

/** What a tree-sliced distance of arrays of the engine takes. */
export interface EngineTreeOptions extends Omit<TreeSlicedOptions, "splitting"> {
  /** @default constant and uniform, which is sliced W1 */
  readonly splitting?: ConstantSplitting | DistanceSplitting | MapSplitting;
  /** Returns the distance to the power of its order, which has a derivative at 0: the better loss. @default false */
  readonly power?: boolean;
}

/** Flows below this share of the mass are rounding errors of 32-bit running sums. */
const rounding = 2e-7;

function treeBatch(trees: readonly LineTree[]): TreeBatch {
  const { parent } = trees[0];
  const other = trees.findIndex((tree) => tree.parent.some((above, l) => above !== parent[l]));
  if (other !== -1 || trees.some((tree) => tree.parent.length !== parent.length))
    throw new UnsupportedError(
      "treeSlicedWasserstein: on engine arrays all trees must have the same parents; call it for each kind of tree",
    );
  const children = childrenOf(trees[0]);
  const maxChildren = Math.max(...children.map((list) => list.length));
  return {
    trees: trees.length,
    lines: parent.length,
    theta: trees.flatMap((tree) => tree.theta.flat()),
    source: trees.flatMap((tree) => tree.source.flat()),
    positions: trees.flatMap(({ position }) =>
      children.flatMap((list) =>
        Array.from({ length: maxChildren }, (_, i) => (i < list.length ? position[list[i]] : 0)),
      ),
    ),
    maxChildren,
    parent,
  };
}

/** Which lines lie in the subtree of which: [lines, lines], column l sums the subtree of l. */
function subtreeMatrix(parent: readonly number[]): number[] {
  const lines = parent.length;
  const matrix = Array.from({ length: lines * lines }, () => 0);
  for (let l = 0; l < lines; l++)
    for (let above = l; above !== -1; above = parent[above]) matrix[l * lines + above] = 1;
  return matrix;
}

/** Masses of points, of the source and of the children's sources: [trees * lines, atoms]. @consumes */
function atomMasses(batch: TreeBatch, masses: EngineArray): EngineArray {
  const { trees, lines, parent, maxChildren } = batch;
  const lineMasses = np.sum(masses.ref, 2); // [trees, lines]
  const sums = np.matmul(lineMasses, constant(subtreeMatrix(parent), [lines, lines]));
  const atoms = [masses, np.negative(sums.ref).reshape([trees, lines, 1])];
  if (maxChildren > 0) {
    const pick = Array.from({ length: lines * lines * maxChildren }, () => 0);
    childrenOf({ parent } as LineTree).forEach((list, l) =>
      list.forEach((child, i) => {
        pick[child * lines * maxChildren + l * maxChildren + i] = 1;
      }),
    );
    const picked = np.matmul(sums, constant(pick, [lines, lines * maxChildren]));
    atoms.push(picked.reshape([trees, lines, maxChildren]));
  } else sums.dispose();
  const all = np.concatenate(atoms, 2);
  return all.reshape([trees * lines, all.shape[2]]);
}

/** Coordinates of points, of the source and of the children's sources: [trees * lines, atoms]. @consumes */
function atomKeys(batch: TreeBatch, coordinates: EngineArray): EngineArray {
  const { trees, lines, positions, maxChildren } = batch;
  const atoms = [coordinates, np.zeros([trees * lines, 1])];
  if (maxChildren > 0) atoms.push(constant(positions, [trees * lines, maxChildren]));
  return np.concatenate(atoms, 1);
}

/** The cost of flows and its derivatives with respect to keys and masses; keys and masses keep their gradients. */
function flowValue(
  keys: EngineArray,
  masses: EngineArray,
  { order: p, sobolev, trees }: { order: number; sobolev: boolean; trees: number },
): EngineArray {
  const atoms = keys.shape[1];
  const { order, rank } = orderOf(fixed(keys.ref));
  const sortedKeys = reorder(fixed(keys.ref), order.ref);
  const running = runningSum(reorder(fixed(masses.ref), order)).slice([], [0, atoms - 1]);
  const isFlow = np.greater(np.abs(running.ref), rounding);
  const flow = np.where(isFlow, running, 0);
  const raised = magnitude(flow.ref, p);
  const edges = sobolev
    ? engineSobolev(sortedKeys, raised.ref, p)
    : lengthEdges(sortedKeys, raised.ref);
  const cost = np.multiply(np.sum(np.multiply(raised, edges.weights.ref)), 1 / trees);
  const marginal = np.multiply(derivativeOf(flow, p), edges.weights);
  const potential = np.pad(runningSumFromEnd(marginal), [
    [0, 0],
    [0, 1],
  ]);
  const share = (derivative: EngineArray) => np.multiply(derivative, 1 / trees);
  return withDerivatives(cost, [
    [share(reorder(edges.keyDerivatives, rank.ref)), keys],
    [share(reorder(potential, rank)), masses],
  ]);
}

/** Edges weigh their length. @consumes */
function lengthEdges(keys: EngineArray, raised: EngineArray) {
  const atoms = keys.shape[1];
  const weights = np.subtract(keys.ref.slice([], [1, atoms]), keys.slice([], [0, atoms - 1]));
  const after = np.pad(raised.ref, [
    [0, 0],
    [1, 0],
  ]);
  const before = np.pad(raised, [
    [0, 0],
    [0, 1],
  ]);
  return { weights, keyDerivatives: np.subtract(after, before) };
}

/**
 * The tree-sliced distance of x [n, d] and y [m, d] as a scalar array, differentiable once in both (and through a map's shares).
 * Trees and weights are constants. NaN passes through, since values cannot be seen while tracing.
 * @consumes x and y @throws {ShapeError} for shapes that do not fit; {OptionError} for bad options; {UnsupportedError} for trees of several kinds, or
 * Sobolev weights on trees that are not concurrent
 */
export function engineTreeSliced(
  x: EngineArray,
  y: EngineArray,
  options: EngineTreeOptions,
): EngineArray {
  const caller = "treeSlicedWasserstein";
  checkOptions(caller, options, [...treeNames, "power"]);
  const { trees, order = 1, sobolev = false, partial = false } = options;
  const splitting = options.splitting ?? { kind: "constant" };
  checkOrder(caller, "order", order);
  checkEngineClouds(caller, x, y);
  checkTrees(caller, trees, x.shape[1]);
  if (splitting.kind !== "map") checkSplitting(caller, splitting, trees);
  if ((splitting.kind as string) === "callback")
    throw new UnsupportedError(
      `${caller}: a callback splits plain arrays; on engine arrays give { kind: "map", shares }`,
    );
  const batch = treeBatch(trees);
  if (sobolev && order !== 1 && batch.parent.some((above) => above !== -1))
    throw new UnsupportedError(
      `${caller}: Sobolev weights on engine arrays are for concurrent lines; use plain arrays for other trees`,
    );
  const a = readWeights(caller, "a", options.a, x.shape[0], partial);
  const b = readWeights(caller, "b", options.b, y.shape[0], partial);
  const points = np.concatenate([x, y], 0); // [points, d]
  const size = points.shape[0];
  const { coordinates, shares } = engineShares(batch, splitting, points);
  const shape = [batch.trees, batch.lines, size];
  if (shares.shape.length !== 3 || shares.shape.some((length, i) => length !== shape[i]))
    throw new ShapeError(
      `${caller}: the splitting map gave shares of shape ${formatShape(shares.shape)}, expected ${formatShape(shape)} (trees, lines, points)`,
    );
  const signed = constant([...a, ...b.map((weight) => -weight)], [1, 1, size]);
  const value = flowValue(
    atomKeys(batch, coordinates),
    atomMasses(batch, np.multiply(shares, signed)),
    { order, sobolev: sobolev && order !== 1, trees: batch.trees },
  );
  return options.power === true ? value : engineRoot(value, order);
}
