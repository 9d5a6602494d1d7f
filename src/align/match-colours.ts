// The exact matching of two networks that differ by a reordering (and sign flips): indices of equal colour are paired.
// Indices that cannot be told apart are paired in any order, after trying to break the tie by one refinement more.

import {
  enclosingAxes,
  type GroupElement,
  identityElement,
  instanceImages,
} from "../group/element.ts";
import {
  type AxisColours,
  colourKey,
  type Colours,
  firstColours,
  isReordered,
  refineColours,
} from "./colours.ts";
import type { MatchProblem, PartReader } from "./problem.ts";

type Marks = Record<string, Map<number, number>>;

/** An element that takes `b` to `a` if any does, up to ties that need a search; undefined when colours disagree. */
export async function matchColours(
  problem: MatchProblem,
  a: PartReader,
  b: PartReader,
): Promise<GroupElement | undefined> {
  let left = await refineColours(problem, a);
  let right = await refineColours(problem, b);
  const marksA: Marks = {};
  const marksB: Marks = {};
  for (let round = 0; round < 4; round++) {
    const found = pairColours(problem, left, right);
    if (found === undefined) return undefined;
    if (found.ties.length === 0 || round === 3) return found.element;
    for (const [number, { axis, inA, inB }] of found.ties.entries()) {
      for (const [marks, members] of [
        [marksA, inA],
        [marksB, inB],
      ] as const) {
        const map = (marks[axis] ??= new Map());
        for (const [rank, index] of members.entries())
          map.set(index, (round + 1) * 1_000_003 + number * 10_007 + rank);
      }
    }
    left = await refineColours(problem, a, firstColours(problem, marksA));
    right = await refineColours(problem, b, firstColours(problem, marksB));
  }
  return undefined;
}

interface Tie {
  readonly axis: string;
  /** Indices of equal colour in both networks, over all instances. */
  readonly inA: readonly number[];
  readonly inB: readonly number[];
}

function pairColours(
  problem: MatchProblem,
  a: Colours,
  b: Colours,
): { element: GroupElement; ties: Tie[] } | undefined {
  const { axes } = problem;
  const element: Record<string, GroupElement[string]> = { ...identityElement(problem) };
  const ties: Tie[] = [];
  const outerFirst = Object.keys(axes)
    .filter((name) => isReordered(axes[name]))
    .sort((x, y) => enclosingAxes(problem, x).length - enclosingAxes(problem, y).length);
  for (const axis of outerFirst) {
    const { size, scale } = axes[axis];
    const permutations: number[][] = [];
    const scales: number[][] = [];
    for (const [instance, image] of instanceImages(problem, element, axis).entries()) {
      const left = classesOf(a[axis], image * size, size);
      const right = classesOf(b[axis], instance * size, size);
      const permutation = Array.from({ length: size }, () => 0);
      for (const [key, members] of right) {
        const partners = left.get(key);
        if (partners?.length !== members.length) return undefined;
        if (members.length > 1)
          ties.push({
            axis,
            inA: partners.map((i) => image * size + i),
            inB: members.map((i) => instance * size + i),
          });
        for (const [from, to] of pairMembers(members, partners)) permutation[from] = to;
      }
      permutations.push(permutation);
      if (scale === "sign")
        scales.push(
          permutation.map((to, from) =>
            colourKey(a[axis], 2 * (image * size + to)) ===
            colourKey(b[axis], 2 * (instance * size + from))
              ? 1
              : -1,
          ),
        );
    }
    const { scales: ones } = element[axis];
    element[axis] = { permutations, ...(ones && { scales: scale === "sign" ? scales : ones }) };
  }
  return { element, ties };
}

/** Indices of one instance by colour; those of a signed axis by the colours of both orientations. */
function classesOf(colours: AxisColours, from: number, size: number): Map<string, number[]> {
  const classes = new Map<string, number[]>();
  for (let i = 0; i < size; i++) {
    const at = from + i;
    const keys = colours.signed
      ? [colourKey(colours, 2 * at), colourKey(colours, 2 * at + 1)].sort((x, y) => x - y)
      : [colourKey(colours, at)];
    const key = keys.join(" ");
    const members = classes.get(key);
    if (members === undefined) classes.set(key, [i]);
    else members.push(i);
  }
  return classes;
}

/** Pairs members of equal colour: those that can stay stay, the rest in order. */
function pairMembers(members: readonly number[], partners: readonly number[]): [number, number][] {
  const [inBoth, others] = [new Set(partners), new Set(members)];
  const moving = members.filter((i) => !inBoth.has(i));
  const free = partners.filter((i) => !others.has(i));
  return members.map((i) => [i, inBoth.has(i) ? i : free[moving.indexOf(i)]]);
}
