// Phases in matching. A winding moves a bias by pi/omega and flips outgoing weights: neither is near to what it was. What follows
// changes continuously with the weights, keeps its place under windings, and takes the sign of its unit like incoming weights do:
// for biases sin(2 omega b) / (2 omega), for outgoing weights v cos(omega b) behind a sine and v sin(omega b) behind a cosine.
// So networks are matched as if they had sign flips only. Windings are told by the biases of paired units afterwards.

import { type GroupElement, instanceCount, instanceImages } from "../../symmetry/element.ts";
import { hasPhases, passesSigns, windingStep } from "../../symmetry/phases.ts";
import {
  type Dense,
  densePart,
  lanesOf,
  parentsOf,
  writePart,
  zerosLike,
} from "../../symmetry/dense.ts";
import type { Weights } from "../../core/tensors.ts";
import type { Axis, SymmetrySpec } from "../../symmetry/types.ts";
import type { PartDim } from "../../symmetry/parts.ts";
import { type MatchProblem, type PartReader, problemOf } from "../problem.ts";

/** By phase axis, the mean of all shifted entries of every index, [instances * size]. */
type BiasMeans = ReadonlyMap<string, Float64Array>;

/** A network seen with signs in place of phases; as it is where it has none. Shifted parts are read once more. */
export async function withSignsOnly<P extends MatchProblem>(
  problem: P,
  read: PartReader,
): Promise<{ readonly problem: P; readonly read: PartReader }> {
  if (!hasPhases(problem)) return { problem, read };
  const means = await biasMeans(problem, read);
  return {
    problem: withSigns(problem),
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
  const means = new Map<string, BiasSum>();
  for (const part of shiftedParts(problem)) addBiases(problem, means, part, await read(part));
  return meansOf(means);
}

interface BiasSum {
  readonly sum: Float64Array;
  count: number;
}

const shiftedParts = ({ parts }: MatchProblem): number[] =>
  parts.flatMap(({ dims }, part) => (dims.some(({ shifted }) => shifted) ? [part] : []));

const meansOf = (sums: ReadonlyMap<string, BiasSum>): BiasMeans =>
  new Map([...sums].map(([axis, { sum, count }]) => [axis, sum.map((x) => x / count)]));

function addBiases(
  problem: MatchProblem,
  sums: Map<string, BiasSum>,
  part: number,
  { sizes, data }: Dense,
): void {
  const { dims } = problem.parts[part];
  const dim = dims.findIndex(({ shifted }) => shifted);
  const axis = dims[dim].axis ?? "";
  const { size } = problem.axes[axis];
  const length = instanceCount(problem, axis) * size;
  const known = sums.get(axis) ?? { sum: new Float64Array(length), count: 0 };
  sums.set(axis, known);
  const { outer, inner, outerInstance, innerInstance } = lanesOf(sizes, dim, parentsOf(dims, dim));
  for (let o = 0, at = 0; o < outer; o++)
    for (let i = 0; i < size; i++)
      for (let n = 0; n < inner; n++, at++) {
        const instance = (outerInstance?.[o] ?? 0) + (innerInstance?.[n] ?? 0);
        known.sum[instance * size + i] += data[at];
      }
  known.count += data.length / length;
}

/** The weights of a network with signs in place of phases, and the spec that they have; as they are where it has none. */
export function weightsWithSignsOnly(
  spec: SymmetrySpec,
  weights: Weights,
): { readonly spec: SymmetrySpec; readonly weights: Weights } {
  if (!hasPhases(spec)) return { spec, weights };
  const problem = problemOf(spec);
  const partOf = (part: number): Dense =>
    densePart(problem.sources[part], weights[problem.sources[part].tensor].data);
  const sums = new Map<string, BiasSum>();
  for (const part of shiftedParts(problem)) addBiases(problem, sums, part, partOf(part));
  const means = meansOf(sums);
  const seen = Object.keys(spec.tensors).map((name) => {
    const { shape, data } = weights[name];
    return [name, { shape, data: zerosLike(data) }] as const;
  });
  const targets = Object.fromEntries(seen);
  for (const [part, source] of problem.sources.entries())
    writePart(
      source,
      seenPart(problem, means, problem.parts[part].dims, partOf(part)),
      targets[source.tensor].data,
    );
  return { spec: withSigns(spec), weights: { ...weights, ...targets } };
}

/** Phases of either wave become signs. */
function withSigns<S extends Pick<SymmetrySpec, "axes">>(spec: S): S {
  const axes = Object.entries(spec.axes).map(([name, axis]): [string, Axis] => {
    const { omega: _omega, wave: _wave, ...rest } = axis;
    return [name, axis.scale === "phase" ? { ...rest, scale: "sign" } : axis];
  });
  return { ...spec, axes: Object.fromEntries(axes) };
}
