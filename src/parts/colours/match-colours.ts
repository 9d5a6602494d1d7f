// The exact matching of two networks that differ by a reordering (and sign flips): indices of equal colour are paired, and
// the result is checked number by number. Where colours leave a choice, single pairs are tried and refined, with a budget.

import {
  enclosingAxes,
  type GroupElement,
  identityElement,
  instanceImages,
} from "../../symmetry/element.ts";
import { classesOf, indexKey, openClasses } from "./colour-classes.ts";
import {
  type AxisColours,
  colourKey,
  type Colours,
  isReordered,
  type Marks,
  refineColours,
  withMark,
} from "./colours.ts";
import type { MatchProblem, PartReader } from "../problem.ts";

export interface ColourMatch {
  /** An element that takes `b` to `a` and was checked; undefined when none was found. */
  readonly element?: GroupElement;
  /** The budget ran out: there may be an element all the same. */
  readonly unresolved: boolean;
}

/** Refinements of both networks that ties may cost: many for small networks, few where one takes seconds. */
const maxRefinements = 256;
const refinedEntries = 4e8;

/** The element that takes `b` to `a` if colours lead to one; `check` says whether an element does. */
export async function matchColours(
  problem: MatchProblem,
  a: PartReader,
  b: PartReader,
  check: (element: GroupElement) => Promise<boolean>,
): Promise<ColourMatch> {
  const entries = problem.parts.reduce(
    (sum, { dims }) => sum + dims.reduce((count, { size }) => count * size, 1),
    1,
  );
  let budget = Math.max(4, Math.min(maxRefinements, Math.floor(refinedEntries / entries)));

  const search = async (
    marksA: Marks,
    marksB: Marks,
    depth: number,
  ): Promise<GroupElement | null> => {
    budget--;
    const left = await refineColours(problem, a, marksA);
    const right = await refineColours(problem, b, marksB);
    const element = pairColours(problem, left, right);
    if (element === undefined) return null;
    if (await check(element)) return element;
    const [open] = openClasses(problem, left);
    if (open === undefined) return null;
    const { axis, key } = open;
    const orientation = left[axis].signed ? 0 : null;
    const marked = withMark(marksA, axis, open.indices[0], depth + 1, orientation);
    // Any instance of the second network may hold the partner: enclosing indices are paired by these marks too.
    const count = right[axis].lo.length / (right[axis].signed ? 2 : 1);
    for (let partner = 0; partner < count; partner++) {
      if (indexKey(right[axis], partner) !== key) continue;
      for (const side of orientation === null ? [null] : ([0, 1] as const)) {
        if (budget <= 0) return null;
        const other = withMark(marksB, axis, partner, depth + 1, side);
        const found = await search(marked, other, depth + 1);
        if (found !== null) return found;
      }
    }
    return null;
  };
  const element = await search({}, {}, 0);
  return element === null ? { unresolved: budget <= 0 } : { element, unresolved: false };
}

/** Pairs indices of equal colour, ties in order; undefined when colours disagree. */
function pairColours(problem: MatchProblem, a: Colours, b: Colours): GroupElement | undefined {
  const { axes } = problem;
  const element: Record<string, GroupElement[string]> = { ...identityElement(problem) };
  const outerFirst = Object.keys(axes)
    .filter((name) => isReordered(axes[name]))
    .sort((x, y) => enclosingAxes(problem, x).length - enclosingAxes(problem, y).length);
  for (const axis of outerFirst) {
    const { size, scale } = axes[axis];
    const permutations: number[][] = [];
    const scales: number[][] = [];
    for (const [instance, image] of instanceImages(problem, element, axis).entries()) {
      const permutation = pairInstance(a[axis], image, b[axis], instance, size);
      if (permutation === undefined) return undefined;
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
  return element;
}

function pairInstance(
  a: AxisColours,
  instanceA: number,
  b: AxisColours,
  instanceB: number,
  size: number,
): number[] | undefined {
  const left = classesOf(a, instanceA, size);
  const permutation = Array.from({ length: size }, () => 0);
  for (const [key, indices] of classesOf(b, instanceB, size)) {
    const partners = left.get(key)?.map((index) => index - instanceA * size);
    if (partners?.length !== indices.length) return undefined;
    const members = indices.map((index) => index - instanceB * size);
    for (const [from, to] of pairMembers(members, partners)) permutation[from] = to;
  }
  return permutation;
}

/** Pairs members of equal colour: those that can stay stay, the rest in order. */
function pairMembers(members: readonly number[], partners: readonly number[]): [number, number][] {
  const [inBoth, others] = [new Set(partners), new Set(members)];
  const free = partners.filter((i) => !others.has(i));
  let next = 0;
  return members.map((i) => [i, inBoth.has(i) ? i : free[next++]]);
}
