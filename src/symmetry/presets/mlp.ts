// Specs of multilayer perceptrons and SIRENs, in the layout of torch.nn.Linear.

import { OptionError } from "../../core/errors.ts";
import { withPhases } from "../phases.ts";
import { defineSpec } from "../spec.ts";
import type { Axis, AxisScale, SymmetrySpec } from "../types.ts";
import { type EndGroup, endAxis, permutedAxis } from "./axes.ts";

/** Groups of the axes of an MLP. */
export interface MLPSpecOptions {
  /** Group of the input and output axes. @default "fixed" */
  readonly ends?: EndGroup;
  /** Scale part of hidden axes: `positive` for ReLU, `sign` for tanh or sin. @default none */
  readonly scale?: Exclude<AxisScale, "phase">;
  /** @default true */
  readonly bias?: boolean;
}

/**
 * Spec of an MLP with these layer sizes: tensors `fc1.weight` [h1, in], `fc1.bias` [h1], `fc2.weight`, ...
 * @throws {OptionError} for fewer than two sizes.
 */
export function mlpSpec(
  sizes: readonly number[],
  { ends = "fixed", scale, bias = true }: MLPSpecOptions = {},
): SymmetrySpec {
  if (sizes.length < 2)
    throw new OptionError(
      `mlpSpec: expected at least an input and an output size, got ${sizes.length}`,
    );
  const last = sizes.length - 1;
  const nameOf = (i: number) => (i === 0 ? "in" : i === last ? "out" : `h${i}`);
  const axes: [string, Axis][] = sizes.map((size, i) => [
    nameOf(i),
    i === 0 || i === last ? endAxis(size, ends) : permutedAxis(size, scale),
  ]);
  const inverse = (i: number) => (scale !== undefined && i > 0 ? "^-1" : "");
  const tensors = sizes.slice(1).flatMap((_, i): [string, string[]][] => {
    const weight: [string, string[]] = [
      `fc${i + 1}.weight`,
      [nameOf(i + 1), nameOf(i) + inverse(i)],
    ];
    return bias ? [weight, [`fc${i + 1}.bias`, [nameOf(i + 1)]]] : [weight];
  });
  return defineSpec({ axes: Object.fromEntries(axes), tensors: Object.fromEntries(tensors) });
}

/** Groups of the axes of a SIREN. */
export interface SirenSpecOptions extends Omit<MLPSpecOptions, "scale"> {
  /** The frequency of its layers, sin(omega (W x + b)): hidden axes have phases then. @default only sign flips */
  readonly omega?: number;
}

/**
 * Spec of a SIREN (sine MLP): hidden axes also carry sign flips, and phases where `omega` is given.
 * @throws {OptionError} for fewer than two sizes, and for an omega without biases or hidden layers; {SpecError} for an omega that
 * is no number from 1e-6 to 1e9.
 */
export function sirenSpec(
  sizes: readonly number[],
  { omega, ...options }: SirenSpecOptions = {},
): SymmetrySpec {
  const spec = mlpSpec(sizes, { ...options, scale: "sign" });
  return omega === undefined ? spec : withPhases(spec, { omega });
}
