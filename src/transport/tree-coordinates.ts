// Where points lie on the lines of trees: coordinates on every line and squared distances from its source. Points are seen from
// one origin near them, so that all lines and sources of many trees are one product of matrices, without loss of digits.

import { sharesSourceOfPrevious, type LineTree } from "./line-trees.ts";
import type { Cloud } from "./points.ts";
import { projectAll } from "./numeric/projection.ts";

/** The points of one or more clouds, one cloud after another, and the same points from an origin. */
export interface CentredCloud {
  readonly size: number;
  readonly dimension: number;
  /** The clouds as they were given. */
  readonly parts: readonly Cloud[];
  /** [dimension] */
  readonly origin: Float64Array;
  readonly fromOrigin: Cloud;
  /** Squared distances from the origin: [size] */
  readonly squares: Float64Array;
}

/** Places of points on one tree. */
export interface TreeCoordinates {
  /** Coordinates on every line: [k][size] */
  readonly coordinates: readonly Float64Array[];
  /** Squared distances from every line's source: [k][size]; lines with one source share an array. Only where they were asked for. */
  readonly squares?: readonly Float64Array[];
}

/** Writes points less an origin, and the squared lengths of these ways. */
function movePoints(
  { size, dimension, data }: Cloud,
  origin: Float64Array,
  moved: Float64Array,
  squares: Float64Array,
): void {
  for (let i = 0, at = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0; j < dimension; j++, at++) {
      const gap = data[at] - origin[j];
      moved[at] = gap;
      sum += gap * gap;
    }
    squares[i] = sum;
  }
}

/** The points of clouds of one dimension seen from a point, which should lie near them. */
export function centreClouds(parts: readonly Cloud[], place: ArrayLike<number>): CentredCloud {
  const { dimension } = parts[0];
  const origin = Float64Array.from(place);
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const data = new Float64Array(size * dimension);
  const squares = new Float64Array(size);
  let from = 0;
  for (const part of parts) {
    const to = from + part.size;
    const moved = data.subarray(from * dimension, to * dimension);
    movePoints(part, origin, moved, squares.subarray(from, to));
    from = to;
  }
  return { size, dimension, parts, origin, fromOrigin: { size, dimension, data }, squares };
}

/** A point as it was given: [dimension] */
export function pointOf({ parts, dimension }: CentredCloud, index: number): Float64Array {
  let i = index;
  for (const { size, data } of parts) {
    if (i < size) return data.subarray(i * dimension, (i + 1) * dimension);
    i -= size;
  }
  throw new RangeError(`there is no point ${index}`);
}

/** A place as seen from the origin. */
export const seenFrom = (origin: Float64Array, place: readonly number[]): Float64Array =>
  origin.map((value, j) => place[j] - value);

function innerProduct(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}

/** Where a squared distance is less than this share of what it is subtracted from, it is computed directly. */
export const safeShare = 0.01;

/** Squared distances from a source, from products with it; both as seen from the origin. */
function squaresFrom(
  { fromOrigin: { size, dimension, data }, squares }: CentredCloud,
  source: Float64Array,
  products: Float64Array,
): Float64Array {
  const ofSource = innerProduct(source, source);
  const result = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const whole = squares[i] + ofSource;
    let rest = whole - 2 * products[i];
    if (!(rest > safeShare * whole)) {
      rest = 0;
      for (let j = 0, at = i * dimension; j < dimension; j++, at++)
        rest += (data[at] - source[j]) ** 2;
    }
    result[i] = rest;
  }
  return result;
}

/** Sources that no line before had, as seen from the origin; with the number of its own for every line. */
function sourcesOf(tree: LineTree, origin: Float64Array) {
  const sources: Float64Array[] = [];
  const ofLine = tree.source.map((source, l) => {
    if (!sharesSourceOfPrevious(tree, l)) sources.push(seenFrom(origin, source));
    return sources.length - 1;
  });
  return { sources, ofLine };
}

/** Lines that are projected on together: their products are kept until their trees are done. */
const linesTogether = 128;

/** Trees in groups of at most so many lines, at least one a group. */
function groupTrees(trees: readonly LineTree[]): LineTree[][] {
  const groups: LineTree[][] = [];
  let lines = Infinity;
  for (const tree of trees) {
    lines += tree.parent.length;
    if (lines > linesTogether) {
      groups.push([]);
      lines = tree.parent.length;
    }
    groups.at(-1)?.push(tree);
  }
  return groups;
}

/** Coordinates on the trees of a group: one product of matrices. */
function placeOnGroup(
  cloud: CentredCloud,
  trees: readonly LineTree[],
  withSquares: boolean,
): TreeCoordinates[] {
  const known = trees.map((tree) => sourcesOf(tree, cloud.origin));
  const theta = trees.map((tree) => tree.theta.map((line) => Float64Array.from(line)));
  const directions = trees.flatMap((_, t) => [
    ...theta[t],
    ...(withSquares ? known[t].sources : []),
  ]);
  const products = projectAll(cloud.fromOrigin, directions);
  let next = 0;
  return trees.map((tree, t) => {
    const { sources, ofLine } = known[t];
    const coordinates = tree.theta.map((_, l) => {
      const values = products[next++];
      const start = innerProduct(theta[t][l], sources[ofLine[l]]);
      if (start !== 0) for (let i = 0; i < values.length; i++) values[i] -= start;
      return values;
    });
    if (!withSquares) return { coordinates };
    const squares = sources.map((source) => squaresFrom(cloud, source, products[next++]));
    return { coordinates, squares: ofLine.map((source) => squares[source]) };
  });
}

/** Coordinates of the points on the lines of every tree, and where asked their squared distances from the sources; group by group. */
export function* placeOnTrees(
  cloud: CentredCloud,
  trees: readonly LineTree[],
  withSquares: boolean,
): Generator<TreeCoordinates, void> {
  for (const group of groupTrees(trees)) yield* placeOnGroup(cloud, group, withSquares);
}
