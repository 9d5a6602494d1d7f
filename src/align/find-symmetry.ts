// Whether one network is another one moved by a group element: exact colours first, which see reorderings and sign flips
// bit by bit, then features of both networks in their gauge, which see scales and bases up to rounding.

import { composeElements, type GroupElement, invertElement } from "../group/element.ts";
import { actOnTensor } from "../group/act.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import { inGauge } from "./align.ts";
import type { Gauge } from "./gauge.ts";
import { matchColours } from "./match-colours.ts";
import { matchWeights } from "./match-weights.ts";
import { partReader, problemOf, type WeightReader } from "./problem.ts";

export interface FoundSymmetry {
  /** Takes the second network to the first. */
  readonly element: GroupElement;
  /** Bit by bit; else up to rounding. */
  readonly exact: boolean;
  /** Largest difference left in any tensor, in units of its root mean square; 0 when exact. */
  readonly residual: number;
  readonly open: Gauge["open"];
}

/** Rounding of one entry relative to its tensor's spread that scales and bases may leave behind in float32. */
const defaultTolerance = 1e-4;

/**
 * The element of the spec's group that takes `b` to `a`; undefined when there is none up to the tolerance.
 * @throws {OptionError} for NaN or infinities
 */
export async function findSymmetry(
  spec: SymmetrySpec,
  a: WeightReader,
  b: WeightReader,
  tolerance: number = defaultTolerance,
): Promise<FoundSymmetry | undefined> {
  const problem = problemOf(spec);
  const left = partReader(problem, a);
  const right = partReader(problem, b);
  const exact = await matchColours(problem, left, right);
  if (exact !== undefined && (await residualOf(spec, exact, a, b, 0)) === 0)
    return { element: exact, exact: true, residual: 0, open: [] };
  const continuous = Object.values(spec.axes).some(
    ({ group, scale }) => group === "general-linear" || scale === "positive",
  );
  if (!continuous) return undefined;
  const inA = await inGauge(problem, left);
  const inB = await inGauge(problem, right);
  const pair = { problem, a: inA.read, b: inB.read };
  const matched = await matchWeights(pair, { starts: ["features"], sweeps: 4 });
  const element = composeElements(
    problem,
    invertElement(problem, inA.gauge.element),
    composeElements(problem, matched.element, inB.gauge.element),
  );
  const residual = await residualOf(spec, element, a, b, tolerance);
  if (!(residual <= tolerance)) return undefined;
  return { element, exact: false, residual, open: [...inA.gauge.open, ...inB.gauge.open] };
}

/** Largest difference between `a` and the moved `b` in units of a tensor's spread; stops beyond `enough`. */
async function residualOf(
  spec: SymmetrySpec,
  element: GroupElement,
  a: WeightReader,
  b: WeightReader,
  enough: number,
): Promise<number> {
  let most = 0;
  for (const name of Object.keys(spec.tensors)) {
    const { data: left } = await a(name);
    const { data: right } = actOnTensor(spec, element, name, await b(name));
    let squares = 0;
    let difference = 0;
    for (let i = 0; i < left.length; i++) {
      squares += left[i] * left[i];
      difference = Math.max(difference, Math.abs(left[i] - right[i]));
    }
    const rms = Math.sqrt(squares / Math.max(1, left.length));
    most = Math.max(most, difference === 0 ? 0 : difference / rms);
    if (most > enough) return most;
  }
  return most;
}
