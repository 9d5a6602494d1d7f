// Systems of lines joined to a tree (Tran et al., ICML 2025, section 3) as plain data, and their checks.

import { OptionError, ShapeError } from "../core/errors.ts";
import { lengthOf } from "./directions.ts";
import { areFinite } from "./points.ts";

/**
 * k lines in R^d joined to a tree. A point of line l is source[l] + t theta[l]; its coordinate is t. The source of a line lies on its
 * parent at coordinate `position`. Lines with parent -1 hang from the root point, which is the source of all of them: four such
 * lines are the concurrent system of Db-TSW.
 */
export interface LineTree {
  /** Unit directions: [k, d] */
  readonly theta: readonly (readonly number[])[];
  /** Points on the lines: [k, d] */
  readonly source: readonly (readonly number[])[];
  /** The parent's number, below the line's own; -1 at the root. */
  readonly parent: readonly number[];
  /** Coordinate of the source on the parent; 0 where the parent is -1. */
  readonly position: readonly number[];
}

/** How far a direction's length or a source's place may be off, relative to the size of the numbers. */
const tolerance = 1e-6;

/** Whether a line's source is the root, or lies on its parent where its position says. */
function isSourceInPlace({ theta, source, parent, position }: LineTree, line: number): boolean {
  const above = parent[line];
  const start = source[line];
  const [from, direction, at] =
    above === -1
      ? [source[parent.indexOf(-1)], theta[line], 0]
      : [source[above], theta[above], position[line]];
  let [size, gap] = [1, 0];
  for (let j = 0; j < start.length; j++) {
    const expected = from[j] + at * direction[j];
    size = Math.max(size, 1 + Math.abs(expected));
    gap = Math.max(gap, Math.abs(expected - start[j]));
  }
  return gap <= tolerance * size;
}

function checkTree(caller: string, tree: LineTree, name: string, dimension: number): void {
  const lists = ["theta", "source", "parent", "position"] as const;
  const missing = lists.find((list) => !Array.isArray(tree?.[list]));
  if (missing !== undefined)
    throw new ShapeError(
      `${caller}: ${name} has no list ${missing}, expected theta, source, parent and position, as sampleTrees and lineTree make them`,
    );
  const { theta, source, parent, position } = tree;
  const lines = parent.length;
  const refuse = (line: number, problem: string) => {
    throw new OptionError(`${caller}: line ${line} of ${name} ${problem}`);
  };
  if (lines === 0 || [theta, source, position].some((list) => list.length !== lines))
    throw new ShapeError(
      `${caller}: ${name} has ${theta.length} directions, ${source.length} sources, ${lines} parents and ${position.length} positions, expected as many of each, at least one`,
    );
  for (let l = 0; l < lines; l++) {
    const [direction, start] = [theta[l], source[l]];
    if (direction?.length !== dimension || start?.length !== dimension)
      throw new ShapeError(
        `${caller}: line ${l} of ${name} has a direction of ${direction?.length} and a source of ${start?.length} numbers, expected ${dimension}, the dimension of the points`,
      );
    if (![direction, start, [position[l]]].every(areFinite))
      refuse(l, "has a number that is not finite");
    const length = lengthOf(direction);
    if (Math.abs(length - 1) > tolerance)
      refuse(l, `has a direction of length ${length}, expected 1`);
    const above = parent[l];
    if (!Number.isInteger(above) || above < -1 || above >= l)
      refuse(l, `has parent ${above}, expected -1 or the number of an earlier line`);
    if (!isSourceInPlace(tree, l))
      refuse(
        l,
        above === -1
          ? "has another source than the first line without a parent; all of them meet in the root"
          : `has its source off its parent, line ${above}: expected it at coordinate ${position[l]} there`,
      );
  }
}

/**
 * @throws {ShapeError} for an empty list, lines of another dimension, or lists of other lengths; {OptionError} for directions that
 * are not unit vectors, parents that come later, and sources that do not lie on their parent.
 */
export function checkTrees(caller: string, trees: readonly LineTree[], dimension: number): void {
  if (!Array.isArray(trees) || trees.length === 0)
    throw new ShapeError(
      `${caller}: trees is ${Array.isArray(trees) ? "empty" : "not a list"}, expected at least one tree of lines in a list; sampleTrees draws them`,
    );
  trees.forEach((tree, i) => checkTree(caller, tree, `tree ${i}`, dimension));
}

/** Whether a line starts where the line before it does. */
export const sharesSourceOfPrevious = ({ source }: LineTree, line: number): boolean =>
  line > 0 && source[line].every((value, j) => value === source[line - 1][j]);

/** The children of every line, in their order. */
export const childrenOf = ({ parent }: LineTree): readonly (readonly number[])[] =>
  parent.map((_, line) => parent.flatMap((above, child) => (above === line ? [child] : [])));
