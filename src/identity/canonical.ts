// The canonical form of a network: one member of its orbit, the same whichever member it is computed from. Indices are
// ordered by invariants, signs made positive, scales, phases and bases fixed (normalize-scales.ts). Without these it is exact.

import { lookup } from "../core/records.ts";
import { composeElements, type GroupElement, identityElement } from "../symmetry/element.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { withNormalizedScales } from "../align/align.ts";
import { isReordered } from "../parts/colours/colours.ts";
import { axisFeatures } from "../parts/features/features.ts";
import { withLeastBiases, withSignsOnly } from "../parts/scaling/phases.ts";
import { normalizeScales, type NormalizedScales } from "../parts/scaling/normalize-scales.ts";
import { type AxisFeatures, featureChannels } from "../parts/features/messages.ts";
import { partAction } from "../symmetry/act.ts";
import { orderByColours } from "./order-by-colours.ts";
import {
  inFloat64,
  type MatchProblem,
  partReader,
  type PartReader,
  problemOf,
  type WeightReader,
} from "../parts/problem.ts";
import { sortAxes, type Tie } from "./sort-axes.ts";

/** The element that takes a network to the same member of its orbit, whichever member it is. */
export interface CanonicalForm {
  /** Takes the network to its canonical form. */
  readonly element: GroupElement;
  /** Whether every bit is fixed: false when scales or bases had to be computed, or ties could not all be settled. */
  readonly exact: boolean;
  readonly ties: readonly Tie[];
  readonly unidentifiable: NormalizedScales["unidentifiable"];
}

/** Whether a spec has scales or bases that vary continuously, or phases: what they move is rounded. */
export const isContinuous = ({ axes }: Pick<SymmetrySpec, "axes">): boolean =>
  Object.values(axes).some(
    ({ group, scale }) => group === "general-linear" || scale === "positive" || scale === "phase",
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
    const { element, ties, settled } = await orderByColours(problem, parts);
    return { element, exact: settled, ties, unidentifiable: [] };
  }
  const precise = inFloat64(parts);
  const first = await withNormalizedScales(problem, precise);
  const { order, ties } = orderByFeatures(
    first.problem,
    await axisFeatures(first.problem, first.read),
  );
  // The normalized scales are computed again on the ordered network, so that reordered copies give the same bits.
  const move = partAction(problem.axes, order);
  const ordered: PartReader = async (part) => move(problem.parts[part].dims, await precise(part));
  const seen = await withSignsOnly(problem, ordered);
  const normalized = await normalizeScales(seen.problem, seen.read);
  const inOrder = composeElements(problem, normalized.element, order);
  const moveAll = partAction(seen.problem.axes, normalized.element);
  const placed: PartReader = async (part) =>
    moveAll(problem.parts[part].dims, await seen.read(part));
  const signs = positiveBases(first.problem, await axisFeatures(first.problem, placed));
  const unwound = composeElements(problem, signs, inOrder);
  const element = await withLeastBiases(problem, unwound, precise);
  return { element, exact: false, ties, unidentifiable: normalized.unidentifiable };
}

/** Features this near, in units of their root mean square, are not told apart. */
const featureTie = 1e-6;

function orderByFeatures(
  problem: MatchProblem,
  features: AxisFeatures,
): { order: GroupElement; ties: Tie[] } {
  const value = (axis: string, index: number) => features[axis][index * featureChannels];
  const isSigned = (axis: string) => problem.axes[axis].scale === "sign";
  const key = (axis: string, index: number) =>
    isSigned(axis) ? Math.abs(value(axis, index)) : value(axis, index);
  const order = sortAxes(
    problem,
    (axis, x, y) => key(axis, x) - key(axis, y),
    (axis, index) => (value(axis, index) < 0 ? -1 : 1),
  );
  const alike = (axis: string, x: number, y: number) => {
    const flip = isSigned(axis) && value(axis, x) * value(axis, y) < 0 ? -1 : 1;
    for (let r = 0; r < featureChannels; r++) {
      const [p, q] = [x, y].map((index) => features[axis][index * featureChannels + r]);
      if (Math.abs(p - flip * q) > featureTie) return false;
    }
    return true;
  };
  const ties = Object.entries(order).flatMap(([axis, { permutations }]): Tie[] => {
    if (!isReordered(problem.axes[axis])) return [];
    const { size } = problem.axes[axis];
    return permutations.flatMap((_, instance) => {
      const sorted = Array.from({ length: size }, (__, i) => instance * size + i).toSorted(
        (x, y) => key(axis, x) - key(axis, y),
      );
      const found: number[][] = [];
      for (const [place, index] of sorted.entries()) {
        const before = sorted[place - 1];
        if (before === undefined || !alike(axis, index, before)) continue;
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
    const matrices = lookup(element, axis)?.matrices;
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
