// Indices by colour: which cannot be told apart by refinement.

import { instanceCount } from "../../symmetry/element.ts";
import { axisPlaces } from "../features/anchored-features.ts";
import { type AxisColours, colourKey, type Colours } from "./colours.ts";
import type { MatchProblem } from "../problem.ts";

/** One colour of an index, the same for both orientations where signs may flip. */
export function indexKey(colours: AxisColours, index: number): number {
  if (!colours.signed) return colourKey(colours, index);
  return Math.min(colourKey(colours, 2 * index), colourKey(colours, 2 * index + 1));
}

/** Whether both orientations of an index look alike. */
export const isUnoriented = (colours: AxisColours, index: number): boolean =>
  colours.signed && colourKey(colours, 2 * index) === colourKey(colours, 2 * index + 1);

/** Indices of one instance that share a colour: several, or one whose orientation is open. */
export interface ColourClass {
  readonly axis: string;
  readonly instance: number;
  readonly key: number;
  /** Counted over all instances. */
  readonly indices: readonly number[];
}

/** The classes of one instance of an axis, by colour. */
export function classesOf(
  colours: AxisColours,
  instance: number,
  size: number,
): Map<number, number[]> {
  const classes = new Map<number, number[]>();
  for (let index = instance * size; index < (instance + 1) * size; index++) {
    const key = indexKey(colours, index);
    const members = classes.get(key);
    if (members === undefined) classes.set(key, [index]);
    else members.push(index);
  }
  return classes;
}

/**
 * All classes that are not settled, in an order that depends on what axes do and on colours, not on names or positions.
 */
export function openClasses(problem: MatchProblem, colours: Colours): ColourClass[] {
  const places = axisPlaces(problem);
  const open = Object.entries(colours).flatMap(([axis, axisColours]): ColourClass[] => {
    const { size } = problem.axes[axis];
    return Array.from({ length: instanceCount(problem, axis) }, (_, instance) =>
      [...classesOf(axisColours, instance, size)].flatMap(([key, indices]) =>
        indices.length > 1 || isUnoriented(axisColours, indices[0])
          ? [{ axis, instance, key, indices }]
          : [],
      ),
    ).flat();
  });
  const place = ({ axis }: ColourClass) => places.get(axis) ?? axis;
  return open.sort((x, y) =>
    place(x) === place(y) ? x.key - y.key : place(x) < place(y) ? -1 : 1,
  );
}
