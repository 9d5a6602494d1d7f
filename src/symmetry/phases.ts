// Phase axes: units sin(omega (w x + b)) or cos(omega (w x + b)). A sign s and a whole number k of each unit act: incoming weights
// become s w, the bias s b + k pi / omega, and outgoing weights are multiplied by s (-1)^k behind a sine, by (-1)^k behind a
// cosine. For one and two hidden layers of sines these are all symmetries (SIREN-GAP 2026); for more that is a conjecture.

import { OptionError } from "../core/errors.ts";
import { sealSpec } from "./spec.ts";
import type { Axis, SymmetrySpec, TensorSpec } from "./types.ts";

/** Whether an axis of a spec has phases. */
export const hasPhases = ({ axes }: Pick<SymmetrySpec, "axes">): boolean =>
  Object.values(axes).some(({ scale }) => scale === "phase");

/** By what one winding shifts a bias: pi / omega. */
export const windingStep = ({ omega = 1 }: Axis): number => Math.PI / omega;

/** Whether the sign flips of a phase axis reach the outgoing weights: sin(-x) = -sin(x), cos(-x) = cos(x). */
export const passesSigns = ({ wave }: Axis): boolean => wave !== "cosine";

/** What is left of phases without shifts: sign flips behind sines, nothing but permutations behind cosines. */
export function withoutPhases<S extends Pick<SymmetrySpec, "axes">>(spec: S): S {
  if (!hasPhases(spec)) return spec;
  const axes = Object.entries(spec.axes).map(([name, axis]): [string, Axis] => {
    if (axis.scale !== "phase") return [name, axis];
    const { scale: _scale, omega: _omega, wave: _wave, ...rest } = axis;
    return [name, passesSigns(axis) ? { ...rest, scale: "sign" } : rest];
  });
  return { ...spec, axes: Object.fromEntries(axes) };
}

/** The spec with what is left of phases without shifts. */
export function signsOfPhases(spec: SymmetrySpec): SymmetrySpec {
  if (!hasPhases(spec)) return spec;
  const tensors = Object.entries(spec.tensors).map(([name, tensor]): [string, TensorSpec] => {
    const { shift: _shift, ...rest } = tensor;
    return [name, rest];
  });
  return Object.freeze({ ...withoutPhases(spec), tensors: Object.fromEntries(tensors) });
}

/** What {@link withPhases} needs to know of a network of sines. */
export interface PhaseOptions {
  /** The frequency of sin(omega (w x + b)). */
  readonly omega: number;
}

/**
 * The spec with phases on every axis that has sign flips and a bias: a tensor whose only dimension is that axis. What the
 * spec says of sine layers is taken on trust: only the caller knows that these axes are sines of this frequency.
 * @throws {OptionError} when no axis has both; {SpecError} for an omega that is no number from 1e-6 to 1e9.
 */
export function withPhases(spec: SymmetrySpec, { omega }: PhaseOptions): SymmetrySpec {
  const biasOf = new Map<string, string>();
  for (const [name, { axes }] of Object.entries(spec.tensors)) {
    const [only] = axes;
    if (axes.length !== 1 || only.kind !== "axis" || only.inverse) continue;
    if (spec.axes[only.name].scale === "sign") biasOf.set(name, only.name);
  }
  if (biasOf.size === 0)
    throw new OptionError("withPhases: no axis has both sign flips and a bias of its own");
  const phased = new Set(biasOf.values());
  const axes = Object.entries(spec.axes).map(([name, axis]): [string, Axis] => [
    name,
    phased.has(name) ? { ...axis, scale: "phase", omega } : axis,
  ]);
  const tensors = Object.entries(spec.tensors).map(([name, tensor]): [string, TensorSpec] => {
    const shift = biasOf.get(name);
    return [name, shift === undefined ? tensor : Object.freeze({ ...tensor, shift })];
  });
  return sealSpec({ axes: Object.fromEntries(axes), tensors: Object.fromEntries(tensors) });
}
