// The canonical form of a network: one member of its orbit, the same whichever member it is computed from. Indices are
// ordered by invariants, signs made positive, scales and bases fixed (gauge.ts). Without scales and bases it is exact.

import {
  composeElements,
  enclosingAxes,
  type GroupElement,
  identityElement,
  instanceImages,
} from "../group/element.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import { inGauge } from "./align.ts";
import { colourKey, type Colours, firstColours, isReordered, refineColours } from "./colours.ts";
import { axisFeatures } from "./features.ts";
import { fixGauge, type Gauge } from "./gauge.ts";
import { type AxisFeatures, featureChannels } from "./messages.ts";
import { mover } from "./move.ts";
import {
  partReader,
  problemOf,
  type MatchProblem,
  type PartReader,
  type WeightReader,
} from "./problem.ts";

/** Indices that no invariant tells apart; their order in the canonical form is arbitrary. */
export interface Tie {
  readonly axis: string;
  /** Indices of the given network, over all instances of the axis. */
  readonly indices: readonly number[];
}

export interface CanonicalForm {
  /** Takes the network to its canonical form. */
  readonly element: GroupElement;
  /** Whether every bit is fixed: false when scales or bases had to be computed. */
  readonly exact: boolean;
  readonly ties: readonly Tie[];
  readonly open: Gauge["open"];
}

/** Whether a spec has scales or bases that vary continuously. */
export const isContinuous = ({ axes }: Pick<SymmetrySpec, "axes">): boolean =>
  Object.values(axes).some(
    ({ group, scale }) => group === "general-linear" || scale === "positive",
  );

/**
 * The element that takes a network to its canonical form.
 * @throws {OptionError} for NaN or infinities
 */
export async function canonicalForm(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  read: WeightReader,
): Promise<CanonicalForm> {
  const problem = problemOf(spec);
  const parts = partReader(problem, read);
  if (!isContinuous(spec)) {
    const { element, ties } = await orderByColours(problem, parts);
    return { element, exact: true, ties, open: [] };
  }
  const first = await inGauge(problem, parts);
  const { order, ties } = orderByFeatures(problem, await axisFeatures(problem, first.read));
  // The gauge is computed again on the ordered network, so that reordered copies give the same bits.
  const move = mover(problem.axes, order);
  const ordered: PartReader = async (part) => move(problem.parts[part].dims, await parts(part));
  const gauge = await fixGauge(problem, ordered);
  const inOrder = composeElements(problem, gauge.element, order);
  const moveAll = mover(problem.axes, inOrder);
  const placed: PartReader = async (part) => moveAll(problem.parts[part].dims, await parts(part));
  const signs = positiveBases(problem, await axisFeatures(problem, placed));
  const element = composeElements(problem, signs, inOrder);
  return { element, exact: false, ties, open: gauge.open };
}

async function orderByColours(
  problem: MatchProblem,
  read: PartReader,
): Promise<{ element: GroupElement; ties: Tie[] }> {
  let colours = await refineColours(problem, read);
  const ties = tiesOf(problem, colours);
  const marks: Record<string, Map<number, number>> = {};
  for (let round = 0; round < 64; round++) {
    const [tie] = tiesOf(problem, colours);
    if (tie === undefined) break;
    (marks[tie.axis] ??= new Map()).set(tie.indices[0], round + 1);
    colours = await refineColours(problem, read, firstColours(problem, marks));
  }
  const element = sortAxes(
    problem,
    (axis, index) => keyOf(colours[axis], index),
    (axis, index) => {
      const { signed } = colours[axis];
      return signed && colourKey(colours[axis], 2 * index) > colourKey(colours[axis], 2 * index + 1)
        ? -1
        : 1;
    },
  );
  return { element, ties };
}

const keyOf = (colours: Colours[string], index: number): number =>
  colours.signed
    ? Math.min(colourKey(colours, 2 * index), colourKey(colours, 2 * index + 1))
    : colourKey(colours, index);

/** Indices of one instance that have one colour. */
export function tiesOf(problem: MatchProblem, colours: Colours): Tie[] {
  return Object.entries(colours).flatMap(([axis, own]) => {
    const { size } = problem.axes[axis];
    const classes = new Map<string, number[]>();
    const count = own.lo.length / (own.signed ? 2 : 1);
    for (let index = 0; index < count; index++) {
      const key = `${Math.floor(index / size)} ${keyOf(own, index)}`;
      classes.set(key, [...(classes.get(key) ?? []), index]);
    }
    return [...classes.values()]
      .filter(({ length }) => length > 1)
      .map((indices) => ({ axis, indices }));
  });
}

/** The element that sorts every axis by a key, enclosing axes first. */
function sortAxes(
  problem: MatchProblem,
  key: (axis: string, index: number) => number,
  sign: (axis: string, index: number) => number,
): GroupElement {
  const { axes } = problem;
  const element: Record<string, GroupElement[string]> = { ...identityElement(problem) };
  const outerFirst = Object.keys(axes)
    .filter((name) => isReordered(axes[name]))
    .sort((x, y) => enclosingAxes(problem, x).length - enclosingAxes(problem, y).length);
  for (const axis of outerFirst) {
    const { size, scale } = axes[axis];
    const instances = instanceImages(problem, element, axis).length;
    const at = (instance: number) => Array.from({ length: size }, (_, i) => instance * size + i);
    const permutations = Array.from({ length: instances }, (_, instance) => {
      const sorted = at(instance).toSorted((x, y) => key(axis, x) - key(axis, y) || x - y);
      const permutation = Array.from({ length: size }, () => 0);
      for (const [place, index] of sorted.entries()) permutation[index - instance * size] = place;
      return permutation;
    });
    const { scales } = element[axis];
    const signs = permutations.map((_, instance) => at(instance).map((index) => sign(axis, index)));
    element[axis] = { permutations, ...(scales && { scales: scale === "sign" ? signs : scales }) };
  }
  return element;
}

/** Features this near, in units of their spread, are not told apart. */
const featureTie = 1e-6;

function orderByFeatures(
  problem: MatchProblem,
  features: AxisFeatures,
): { order: GroupElement; ties: Tie[] } {
  const value = (axis: string, index: number) => features[axis][index * featureChannels];
  const isSigned = (axis: string) => problem.axes[axis].scale === "sign";
  const key = (axis: string, index: number) =>
    isSigned(axis) ? Math.abs(value(axis, index)) : value(axis, index);
  const order = sortAxes(problem, key, (axis, index) => (value(axis, index) < 0 ? -1 : 1));
  const ties = Object.entries(order).flatMap(([axis, { permutations }]): Tie[] => {
    if (!isReordered(problem.axes[axis])) return [];
    const { size } = problem.axes[axis];
    return permutations.flatMap((_, instance) => {
      const sorted = Array.from({ length: size }, (_, i) => instance * size + i).toSorted(
        (x, y) => key(axis, x) - key(axis, y),
      );
      const found: number[][] = [];
      for (const [place, index] of sorted.entries()) {
        const before = sorted[place - 1];
        if (before === undefined || key(axis, index) - key(axis, before) > featureTie) continue;
        const last = found.at(-1);
        if (last?.at(-1) === before) last.push(index);
        else found.push([before, index]);
      }
      return found.map((indices) => ({ axis, indices }));
    });
  });
  return { order, ties };
}

/** Flips the basis vectors of general-linear axes whose first feature is negative. */
function positiveBases(problem: MatchProblem, features: AxisFeatures): GroupElement {
  const element: Record<string, GroupElement[string]> = { ...identityElement(problem) };
  for (const [axis, { group, size }] of Object.entries(problem.axes)) {
    const matrices = element[axis]?.matrices;
    if (group !== "general-linear" || matrices === undefined) continue;
    element[axis] = {
      ...element[axis],
      matrices: matrices.map((matrix, instance) =>
        matrix.map((entry, at) => {
          const row = instance * size + Math.floor(at / size);
          return features[axis][row * featureChannels] < 0 ? -entry : entry;
        }),
      ),
    };
  }
  return element;
}
