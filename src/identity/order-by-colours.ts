// The order of indices in an exact canonical form: by colours, with ties settled by refining further.

import type { GroupElement } from "../symmetry/element.ts";
import {
  type ColourClass,
  indexKey,
  isUnoriented,
  openClasses,
} from "../parts/colours/colour-classes.ts";
import {
  colourKey,
  type Colours,
  firstColours,
  type Marks,
  refineColours,
  refineOnce,
  withMark,
} from "../parts/colours/colours.ts";
import type { MatchProblem, PartReader } from "../parts/problem.ts";
import { sortAxes, type Tie } from "./sort-axes.ts";

/** Refinements that ties may cost before the rest of them is ordered by position. */
const maxRefinements = 64;

/** Sorts every axis by its colours; ties by those of later refinements, in which one member after another is set apart. */
export async function orderByColours(
  problem: MatchProblem,
  read: PartReader,
): Promise<{ element: GroupElement; ties: Tie[]; settled: boolean }> {
  const first = await refineColours(problem, read);
  const open = openClasses(problem, first);
  const twins = await twinClasses(problem, read, open);
  const rounds = [first];
  let marks: Marks = {};
  let left: ColourClass[] = open.filter((each) => !twins.has(each));
  while (left.length > 0 && rounds.length <= maxRefinements) {
    const [{ axis, indices }] = left;
    const orientation = first[axis].signed ? 0 : null;
    marks = withMark(marks, axis, indices[0], rounds.length, orientation);
    const next = await refineColours(problem, read, marks);
    rounds.push(next);
    const isTwin = ({ axis: name, indices: members }: ColourClass) =>
      [...twins].some((twin) => twin.axis === name && twin.indices.includes(members[0]));
    left = openClasses(problem, next).filter((each) => !isTwin(each));
    if (left.length > 0 && marks[left[0].axis]?.has(slotOf(first, left[0]))) break; // an orientation nothing settles
  }
  const element = sortAxes(
    problem,
    (axis, x, y) => {
      for (const colours of rounds) {
        const difference = indexKey(colours[axis], x) - indexKey(colours[axis], y);
        if (difference !== 0) return difference;
      }
      return 0;
    },
    (axis, index) => {
      for (const colours of rounds) {
        const axisColours = colours[axis];
        if (!axisColours.signed || isUnoriented(axisColours, index)) continue;
        return colourKey(axisColours, 2 * index) > colourKey(axisColours, 2 * index + 1) ? -1 : 1;
      }
      return 1;
    },
  );
  const ties = open.map(({ axis, indices }) => ({ axis, indices }));
  return { element, ties, settled: left.length === 0 };
}

const slotOf = (colours: Colours, { axis, indices }: ColourClass): number =>
  colours[axis].signed ? 2 * indices[0] : indices[0];

/** Classes whose members can be exchanged without a trace: with all other indices told apart, they still look alike. */
async function twinClasses(
  problem: MatchProblem,
  read: PartReader,
  open: readonly ColourClass[],
): Promise<Set<ColourClass>> {
  const twins = new Set<ColourClass>();
  for (const axis of new Set(open.map((each) => each.axis))) {
    const twice = problem.parts.some(({ dims }) => dims.filter((d) => d.axis === axis).length > 1);
    const plain = firstColours(problem);
    if (twice || plain[axis].signed) continue;
    let marks: Marks = {};
    for (const [name, { lo }] of Object.entries(plain))
      if (name !== axis)
        marks = { ...marks, [name]: new Map(Array.from(lo, (_, slot) => [slot, slot + 1])) };
    const seen = await refineOnce(problem, read, firstColours(problem, marks));
    for (const each of open) {
      const keys = new Set(each.indices.map((index) => colourKey(seen[axis], index)));
      if (each.axis === axis && keys.size === 1) twins.add(each);
    }
  }
  return twins;
}

/** Indices of one instance that no refinement tells apart. */
export const tiesOf = (problem: MatchProblem, colours: Colours): Tie[] =>
  openClasses(problem, colours).map(({ axis, indices }) => ({ axis, indices }));
