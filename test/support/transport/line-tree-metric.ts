// The metric of a tree of lines, walked point by point along parents: what the sorting algorithm of src/transport never builds.

import type { LineTree } from "../../../src/transport/line-trees.ts";

/** A point on a line of the tree, at its coordinate. */
export interface TreePoint {
  readonly line: number;
  readonly at: number;
}

/** The way from a point to the root: places where it enters each line, with the length walked so far. */
function wayUp({ parent, position }: LineTree, { line, at }: TreePoint) {
  const way: { line: number; at: number; walked: number }[] = [{ line, at, walked: 0 }];
  let walked = 0;
  let [current, place] = [line, at];
  while (current !== -1) {
    walked += Math.abs(place);
    place = position[current];
    current = parent[current];
    way.push({ line: current, at: place, walked });
  }
  return way;
}

/** The length of the path between two points. */
export function treeDistance(tree: LineTree, p: TreePoint, q: TreePoint): number {
  const [up, other] = [wayUp(tree, p), wayUp(tree, q)];
  for (const here of up) {
    const there = other.find(({ line }) => line === here.line);
    if (there === undefined) continue;
    const across = here.line === -1 ? 0 : Math.abs(here.at - there.at);
    return here.walked + there.walked + across;
  }
  throw new Error("the points lie on different trees");
}
