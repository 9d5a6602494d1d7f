// Activation matching (Li et al., "Convergent Learning", 2015; Ainsworth et al., Git Re-Basin, 2023, section 3.1): units of
// two networks are paired by the correlation of what they do on the same inputs. Standardised activations are tensors of a
// spec like weights, so that heads with positions inside them and signs take the same path as in weight matching.

import { withoutPhases } from "../../symmetry/phases.ts";
import { OptionError, ShapeError } from "../../core/errors.ts";
import { frozenRecord, lookup } from "../../core/records.ts";
import { formatShape } from "../../core/shapes.ts";
import type { Tensor, Weights } from "../../core/tensors.ts";
import { enclosingAxes, type GroupElement, instanceCount } from "../../symmetry/element.ts";
import { type AxisExpression, productOf } from "../../symmetry/expression.ts";
import type { SymmetrySpec, TensorSpec } from "../../symmetry/types.ts";
import { isMoving } from "../../parts/features/messages.ts";
import { matchWeights, type MatchOptions } from "../matching/match-weights.ts";
import { perEntry } from "../similarity.ts";
import { partReader, problemOf } from "../../parts/problem.ts";

/**
 * What the units of every axis do, by axis: one or more arrays [samples, instances * size], instances being the indices of
 * the axes that enclose it. Arrays of one axis may have different samples (pixels of different layers).
 */
export type Activations = Readonly<Record<string, readonly Tensor[]>>;

/** Units paired by what they do on the same inputs. */
export interface ActivationMatch {
  /** Moves the second network onto the first: permutations and signs; positive scales and bases are left as they are. */
  readonly element: GroupElement;
  /** Axes that were paired. */
  readonly axes: readonly string[];
  /** Mean correlation of paired units. */
  readonly correlation: number;
  /** Axes with units that never change in one of the networks: which partner they get says nothing. */
  readonly unidentifiable: readonly { readonly axis: string; readonly reason: string }[];
}

/** A unit is constant when its standard deviation is below this share of its largest entry. */
const constantBelow = 1e-6;

/**
 * The pairing of units of largest total correlation; the absolute correlation on axes with sign flips. Correlation does
 * not change with positive scales. Axes without activations and general-linear axes are left alone.
 * @throws {OptionError} for NaN, or when the two networks were not given the same axes; {ShapeError} naming the axis.
 */
export async function matchActivations(
  spec: Pick<SymmetrySpec, "axes">,
  a: Activations,
  b: Activations,
  options: MatchOptions = {},
): Promise<ActivationMatch> {
  const axes = Object.keys(a).filter((axis) => canPair(spec, axis));
  const tensors: [string, TensorSpec][] = [];
  const left: [string, Tensor][] = [];
  const right: [string, Tensor][] = [];
  const unidentifiable: ActivationMatch["unidentifiable"][number][] = [];
  for (const axis of axes) {
    const both = [a[axis], lookup(b, axis) ?? []] as const;
    if (both[0].length !== both[1].length)
      throw new OptionError(
        `matchActivations: axis "${axis}" has ${both[0].length} arrays in the first network and ${both[1].length} in the second; give both on the same inputs`,
      );
    const units = instanceCount(spec, axis) * spec.axes[axis].size;
    const silent = [new Set<number>(range(units)), new Set<number>(range(units))] as const;
    for (const [i, one] of both[0].entries()) {
      const other = both[1][i];
      const name = `activations of axis "${axis}", array ${i}`;
      checkShapes(name, one, other, units);
      left.push([name, standardise(one, silent[0])]);
      right.push([name, standardise(other, silent[1])]);
      tensors.push([
        name,
        { shape: one.shape, axes: [blockOf(one.shape[0]), chainOf(spec, axis)] },
      ]);
    }
    const dead = Math.max(...silent.map((set) => set.size));
    if (dead > 0)
      unidentifiable.push({
        axis,
        reason: `${dead} of its ${units} units never change on these inputs`,
      });
  }
  // Standardised sums in front of a sine know signs and no shifts.
  const problem = problemOf({ ...withoutPhases(spec), tensors: frozenRecord(tensors) });
  const readerOf = (entries: readonly (readonly [string, Tensor])[]) => {
    const values: Weights = frozenRecord(entries);
    return partReader(problem, async (name) => values[name]);
  };
  const match = await matchWeights(
    { problem, a: readerOf(left), b: readerOf(right) },
    { ...options, starts: ["features"], axes },
  );
  return {
    element: match.element,
    axes,
    correlation: perEntry(match.score, match.entries),
    unidentifiable,
  };
}

const range = (size: number) => Array.from({ length: size }, (_, i) => i);

function canPair(spec: Pick<SymmetrySpec, "axes">, name: string): boolean {
  const axis = lookup(spec.axes, name);
  if (axis === undefined)
    throw new OptionError(
      `matchActivations: the spec has no axis "${name}"; it has ${Object.keys(spec.axes).join(", ")}`,
    );
  return isMoving(axis) && axis.group === "permutation";
}

function checkShapes(name: string, a: Tensor, b: Tensor, units: number): void {
  for (const { shape } of [a, b]) {
    if (shape.length === 2 && shape[1] === units && shape[0] === a.shape[0]) continue;
    throw new ShapeError(
      `matchActivations: ${name} has shape ${formatShape(shape)}, expected [${a.shape[0]}, ${units}]: samples, then units`,
    );
  }
}

const blockOf = (size: number): AxisExpression => ({ kind: "block", size });

/** `head * v` for an axis `v` within `head`. */
const chainOf = (spec: Pick<SymmetrySpec, "axes">, axis: string): AxisExpression =>
  productOf(
    [...enclosingAxes(spec, axis), axis].map((name) => ({ kind: "axis", name, inverse: false })),
  );

/** Every unit with mean 0 and variance 1 over samples; constant ones are 0. Units that do change leave `silent`. */
function standardise({ shape, data }: Tensor, silent: Set<number>): Tensor {
  const [samples, units] = shape;
  const result = new Float32Array(data.length);
  for (let unit = 0; unit < units; unit++) {
    let mean = 0;
    let largest = 0;
    for (let s = 0; s < samples; s++) {
      mean += data[s * units + unit] / samples;
      largest = Math.max(largest, Math.abs(data[s * units + unit]));
    }
    let variance = 0;
    for (let s = 0; s < samples; s++) variance += (data[s * units + unit] - mean) ** 2 / samples;
    const deviation = Math.sqrt(variance);
    if (deviation <= constantBelow * largest) continue; // NaN goes on and is named by the reader
    silent.delete(unit);
    for (let s = 0; s < samples; s++)
      result[s * units + unit] = (data[s * units + unit] - mean) / deviation;
  }
  return { shape, data: result };
}
