// Phases in matching. A winding moves a bias by pi/omega and flips outgoing weights: neither is near to what it was. What follows
// changes continuously with the weights, keeps its place under windings, and takes the sign of its unit like incoming weights do:
// for biases sin(2 omega b) / (2 omega), for outgoing weights v cos(omega b) behind a sine and v sin(omega b) behind a cosine.
// So networks are matched as if they had sign flips only. Windings are told by the biases of paired units afterwards.

import { type GroupElement, instanceCount, instanceImages } from "../../symmetry/element.ts";
import { hasPhases, passesSigns, windingStep } from "../../symmetry/phases.ts";
import { type Dense, lanesOf, parentsOf, zerosLike } from "../../symmetry/dense.ts";
import type { Axis } from "../../symmetry/types.ts";
import type { PartDim } from "../../symmetry/parts.ts";
import type { MatchProblem, PartReader } from "../problem.ts";

/** By phase axis, the mean of all shifted entries of every index, [instances * size]. */
type BiasMeans = ReadonlyMap<string, Float64Array>;

/** A network seen with signs in place of phases; as it is where it has none. Shifted parts are read once more. */
export async function withSignsOnly<P extends MatchProblem>(
  problem: P,
  read: PartReader,
): Promise<{ readonly problem: P; readonly read: PartReader }> {
  if (!hasPhases(problem)) return { problem, read };
  const means = await biasMeans(problem, read);
  const axes = Object.entries(problem.axes).map(([name, axis]): [string, Axis] => {
    const { omega: _omega, wave: _wave, ...rest } = axis;
    return [name, axis.scale === "phase" ? { ...rest, scale: "sign" } : axis];
  });
  return {
    problem: { ...problem, axes: Object.fromEntries(axes) },
    read: async (part) => seenPart(problem, means, problem.parts[part].dims, await read(part)),
  };
}

/** A part with its biases and outgoing weights as signs see them. */
function seenPart(
  { axes }: MatchProblem,
  means: BiasMeans,
  dims: readonly PartDim[],
  dense: Dense,
): Dense {
  let { data } = dense;
  for (const [dim, { axis, inverse, shifted }] of dims.entries()) {
    const ofAxis = axis === null ? undefined : means.get(axis);
    if (axis === null || ofAxis === undefined || !(inverse || shifted)) continue;
    const { omega = 1, size } = axes[axis];
    const gate = passesSigns(axes[axis]) ? Math.cos : Math.sin;
    const target = zerosLike(data);
    const lanes = lanesOf(dense.sizes, dim, parentsOf(dims, dim));
    for (let o = 0, at = 0; o < lanes.outer; o++)
      for (let i = 0; i < size; i++)
        for (let n = 0; n < lanes.inner; n++, at++) {
          const instance = (lanes.outerInstance?.[o] ?? 0) + (lanes.innerInstance?.[n] ?? 0);
          target[at] = inverse
            ? data[at] * gate(omega * ofAxis[instance * size + i])
            : Math.sin(2 * omega * data[at]) / (2 * omega);
        }
    data = target;
  }
  return { sizes: dense.sizes, data };
}

/** The element with the windings that bring the biases of the second network, moved by it, nearest to those of the first. */
export async function withWindings(
  problem: MatchProblem,
  element: GroupElement,
  a: PartReader,
  b: PartReader,
): Promise<GroupElement> {
  if (!hasPhases(problem)) return element;
  const [target, source] = [await biasMeans(problem, a), await biasMeans(problem, b)];
  return wound(problem, element, source, (axis, index, bias, step) =>
    Math.round((target.get(axis)![index] - bias) / step),
  );
}

/** Biases this far beyond the end of the interval, in its lengths, stay: those at the end itself are rounded to one side or other. */
const beyondEnd = 1e-5;

/** The element with the windings after which biases are within pi / (2 omega) of 0; such a bias itself is positive. */
export async function withLeastBiases(
  problem: MatchProblem,
  element: GroupElement,
  read: PartReader,
): Promise<GroupElement> {
  if (!hasPhases(problem)) return element;
  return wound(problem, element, await biasMeans(problem, read), (_axis, _index, bias, step) =>
    Math.round(-bias / step + beyondEnd),
  );
}

/** The element with a winding for every index, from where the index goes and what its bias is before it is shifted. */
function wound(
  problem: MatchProblem,
  element: GroupElement,
  biases: BiasMeans,
  windingOf: (axis: string, index: number, bias: number, step: number) => number,
): GroupElement {
  const actions = [...biases].map(([axis, ofAxis]) => {
    const { size } = problem.axes[axis];
    const step = windingStep(problem.axes[axis]);
    const action = element[axis];
    const images = instanceImages(problem, element, axis);
    const windings = action.permutations.map((p, instance) =>
      p.map((to, i) => {
        const bias = (action.scales?.[instance][i] ?? 1) * ofAxis[instance * size + i];
        return windingOf(axis, images[instance] * size + to, bias, step) + 0; // no -0
      }),
    );
    return [axis, { ...action, windings }] as const;
  });
  return { ...element, ...Object.fromEntries(actions) };
}

async function biasMeans(problem: MatchProblem, read: PartReader): Promise<BiasMeans> {
  const sums = new Map<string, { readonly sum: Float64Array; count: number }>();
  for (const [part, { dims }] of problem.parts.entries()) {
    const dim = dims.findIndex(({ shifted }) => shifted);
    const axis = dims[dim]?.axis ?? null;
    if (axis === null) continue;
    const { size } = problem.axes[axis];
    const length = instanceCount(problem, axis) * size;
    const known = sums.get(axis) ?? { sum: new Float64Array(length), count: 0 };
    sums.set(axis, known);
    const { sizes, data } = await read(part);
    const { outer, inner, outerInstance, innerInstance } = lanesOf(
      sizes,
      dim,
      parentsOf(dims, dim),
    );
    for (let o = 0, at = 0; o < outer; o++)
      for (let i = 0; i < size; i++)
        for (let n = 0; n < inner; n++, at++) {
          const instance = (outerInstance?.[o] ?? 0) + (innerInstance?.[n] ?? 0);
          known.sum[instance * size + i] += data[at];
        }
    known.count += data.length / length;
  }
  return new Map([...sums].map(([axis, { sum, count }]) => [axis, sum.map((x) => x / count)]));
}
