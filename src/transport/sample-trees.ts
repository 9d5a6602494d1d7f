// Random systems of lines from a seed, around data and in its units: concurrent (Db-TSW), orthogonal, chains (TSW-SL,
// Algorithm 1), or any tree.

import { checkOptions } from "./option-names.ts";
import { OptionError, ShapeError } from "../core/errors.ts";
import { randomStream, type RandomStream } from "../core/random.ts";
import { orthonormalDirections, randomDirection } from "./directions.ts";
import type { LineTree } from "./line-trees.ts";
import { checkCount, type Points, pooledMoments } from "./points.ts";

/** All lines through one point; the same with orthonormal directions; each line on the one before; or parents by number. */
export type TreeShape = "concurrent" | "orthogonal" | "chain" | readonly number[];

/** How many trees are drawn, of which shape, and around what. */
export interface SampleTreesOptions {
  /** Number of trees. */
  readonly trees: number;
  /** Lines in each tree. */
  readonly lines: number;
  /** Dimension of the points. */
  readonly dimension: number;
  /** Parents by number are a list of `lines` entries: -1 or the number of an earlier line. @default "concurrent" */
  readonly shape?: TreeShape;
  /** Clouds around whose pooled mean the trees lie, and whose scale is the unit of `std` and `offset`. @default mean 0, scale 1 */
  readonly around?: readonly Points[];
  /** Standard deviation of the roots about the mean, in units of the scale. @default 0.1 */
  readonly std?: number;
  /** Largest distance between a line's source and its parent's, in units of the scale. @default 1 */
  readonly offset?: number;
  /** Fixes everything. */
  readonly seed: number;
}

function parentsOf(shape: TreeShape, lines: number): readonly number[] {
  if (shape === "concurrent" || shape === "orthogonal")
    return Array.from({ length: lines }, () => -1);
  if (shape === "chain") return Array.from({ length: lines }, (_, line) => line - 1);
  return shape;
}

/** Whether a list holds rows of numbers where it should hold clouds. */
const isOneCloud = ([first]: readonly unknown[]): boolean =>
  typeof (first as readonly unknown[] | undefined)?.[0] === "number";

const names = ["trees", "lines", "dimension", "shape", "around", "std", "offset", "seed"];

function checkTreeOptions(options: SampleTreesOptions): void {
  const caller = "sampleTrees";
  checkOptions(caller, options, names);
  const { trees, lines, dimension, shape = "concurrent", around, seed } = options;
  checkCount(caller, "trees", trees);
  checkCount(caller, "lines", lines);
  checkCount(caller, "dimension", dimension);
  checkCount(caller, "seed", seed, 0);
  if (shape === "orthogonal" && lines > dimension)
    throw new OptionError(
      `${caller}: ${lines} orthogonal lines do not fit into dimension ${dimension}, expected at most ${dimension} lines`,
    );
  if (typeof shape === "string") {
    if (!["concurrent", "orthogonal", "chain"].includes(shape))
      throw new OptionError(
        `${caller}: shape is "${shape}", expected concurrent, orthogonal, chain or a list of parents`,
      );
  } else if (shape.length !== lines)
    throw new ShapeError(`${caller}: shape has ${shape.length} parents for ${lines} lines`);
  else {
    const bad = shape.findIndex((above, l) => !Number.isInteger(above) || above < -1 || above >= l);
    if (bad !== -1)
      throw new OptionError(
        `${caller}: the parent of line ${bad} is ${shape[bad]}, expected -1 or the number of an earlier line`,
      );
  }
  for (const name of ["std", "offset"] as const) {
    const value = options[name] ?? 0;
    if (!(value >= 0 && value < Infinity))
      throw new OptionError(`${caller}: ${name} is ${value}, expected a finite number from 0`);
  }
  if (around === undefined) return;
  if (!Array.isArray(around) || (around.length > 0 && isOneCloud(around)))
    throw new ShapeError(`${caller}: around is one cloud, expected a list of clouds, [x, y]`);
  if (around.length === 0)
    throw new ShapeError(`${caller}: around is empty, expected clouds, or leave it out`);
}

/**
 * Trees of lines. Roots are normal about the pooled mean of `around`, directions uniform on the sphere, positions on the parent
 * uniform in [-offset, offset].
 * @throws {OptionError} for counts below 1, more orthogonal lines than dimensions, or bad parents; {ShapeError} for clouds of another
 * dimension.
 */
export function sampleTrees(options: SampleTreesOptions): LineTree[] {
  checkTreeOptions(options);
  const { trees, lines, dimension, shape = "concurrent", around, std = 0.1, offset = 1 } = options;
  const moments = around === undefined ? undefined : pooledMoments(...around);
  if (moments !== undefined && moments.mean.length !== dimension)
    throw new ShapeError(
      `sampleTrees: the clouds have dimension ${moments.mean.length}, expected ${dimension}`,
    );
  const centre = moments?.mean ?? Array.from({ length: dimension }, () => 0);
  const scale = moments === undefined || moments.scale === 0 ? 1 : moments.scale;
  const parent = parentsOf(shape, lines);
  const random = randomStream(options.seed);
  return Array.from({ length: trees }, () => {
    const root = centre.map((value) => value + std * scale * random.normal());
    const theta = sampleDirections(shape, lines, dimension, random);
    const position = parent.map((above) =>
      above === -1 ? 0 : offset * scale * (2 * random.uniform() - 1),
    );
    return lineTree(root, theta, parent, position);
  });
}

/** Trees around clouds, and the unit in which distances to their lines are measured. */
export interface TreesAround {
  readonly trees: readonly LineTree[];
  /** The scale of the clouds; 1 where all their points are equal. */
  readonly unit: number;
}

/**
 * Concurrent trees around clouds, as many as `lines` are worth, at least one.
 * @throws {OptionError} for counts below 1; {ShapeError} for clouds of different dimensions
 */
export function treesAround(
  clouds: readonly Points[],
  {
    lines,
    linesPerTree = 4,
    seed,
  }: { readonly lines: number; readonly linesPerTree?: number; readonly seed: number },
): TreesAround {
  checkCount("treesAround", "lines", lines);
  const { mean, scale } = pooledMoments(...clouds);
  const trees = sampleTrees({
    trees: Math.max(1, Math.round(lines / linesPerTree)),
    lines: linesPerTree,
    dimension: mean.length,
    around: clouds,
    seed,
  });
  return { trees, unit: scale === 0 ? 1 : scale };
}

const sampleDirections = (
  shape: TreeShape,
  lines: number,
  dimension: number,
  random: RandomStream,
): number[][] =>
  shape === "orthogonal"
    ? orthonormalDirections(lines, dimension, random)
    : Array.from({ length: lines }, () => randomDirection(dimension, random));

/** The tree with this root point, directions, parents and positions; sources follow from them. */
export function lineTree(
  root: readonly number[],
  theta: readonly (readonly number[])[],
  parent: readonly number[],
  position: readonly number[],
): LineTree {
  const source: (readonly number[])[] = [];
  for (const [line, above] of parent.entries()) {
    source.push(
      above === -1
        ? [...root]
        : source[above].map((value, i) => value + position[line] * theta[above][i]),
    );
  }
  return { theta, source, parent, position };
}
