// Weights of sine and cosine layers as layers that respect signs can read them. A unit sin(omega (w x + b)) keeps its output under
// b -> s b + k pi / omega, w -> s w, v -> s (-1)^k v; s and (-1)^k are independent, so that w times v is no invariant. But
// sin(omega b) and cos(omega b) w both change by s (-1)^k, as v does: up to omega these are the unit's value and slope at 0. With
// them in place of b and w all is one sign for each unit. For cosines the two waves change places.

import { numpy as np } from "@jax-js/jax";
import { UnsupportedError } from "../../core/errors.ts";
import { cosine, sine } from "../../engine/waves.ts";
import { axesOfExpression, inverseAxes } from "../../symmetry/expression.ts";
import { passesSigns } from "../../symmetry/phases.ts";
import type { Axis, SymmetrySpec, TensorSpec } from "../../symmetry/types.ts";
import { checkBatch } from "../check-batch.ts";

type Arrays = { [tensor: string]: np.Array };

/** Weights with gates in front of units, and the spec that they have then. */
export interface PhaseGates {
  /** Signs in place of phases. */
  readonly spec: SymmetrySpec;
  /** [batch, ...shape] or [batch, ...shape, 1] by tensor, to the same shapes. Pure. @consumes @throws {ShapeError} */
  readonly apply: (weights: Arrays) => Arrays;
}

/** A dimension of a tensor that is multiplied by the slopes of an axis. */
interface Gate {
  readonly tensor: string;
  readonly dim: number;
  readonly rank: number;
}

/**
 * The gates of a spec with phases.
 * @throws {UnsupportedError} naming an axis whose units have several biases, biases with other dimensions, or weights that mix them
 */
export function phaseGates(spec: SymmetrySpec, caller: string): PhaseGates {
  const phased = Object.entries(spec.axes).filter(([, { scale }]) => scale === "phase");
  const units = phased.map(([name, axis]) => ({
    omega: axis.omega ?? 1,
    isSine: passesSigns(axis),
    bias: biasOf(spec, name, caller),
    gates: gatesOf(spec, name, caller),
  }));
  const apply = (weights: Arrays): Arrays => {
    checkBatch(spec, weights, 1);
    const gated = { ...weights };
    for (const { omega, isSine, bias, gates } of units) {
      const given = gated[bias];
      const { shape } = given;
      const turns = np.multiply(np.reshape(given, shape.slice(0, 2)), omega); // [batch, h]
      const [value, slope] = isSine ? [sine, cosine] : [cosine, sine];
      const slopes = slope(turns.ref);
      gated[bias] = np.reshape(value(turns), shape);
      for (const { tensor, dim, rank } of gates) {
        const extra = gated[tensor].shape.length - 1 - rank;
        const along = Array.from({ length: rank + extra }, (_, i) => (i === dim ? shape[1] : 1));
        const ofDim = np.reshape(slopes.ref, [shape[0], ...along]);
        gated[tensor] = np.multiply(gated[tensor], ofDim);
      }
      slopes.dispose();
    }
    return gated;
  };
  return { spec: gatedSpec(spec), apply };
}

function gatedSpec(spec: SymmetrySpec): SymmetrySpec {
  const axes = Object.entries(spec.axes).map(([name, axis]): [string, Axis] => {
    const { omega: _omega, wave: _wave, ...rest } = axis;
    return [name, axis.scale === "phase" ? { ...rest, scale: "sign" } : axis];
  });
  const tensors = Object.entries(spec.tensors).map(([name, tensor]): [string, TensorSpec] => {
    const { shift: _shift, ...rest } = tensor;
    return [name, rest];
  });
  return Object.freeze({
    ...spec,
    axes: Object.fromEntries(axes),
    tensors: Object.fromEntries(tensors),
  });
}

/** The one tensor that is shifted along an axis, [axis]. */
function biasOf({ axes, tensors }: SymmetrySpec, axis: string, caller: string): string {
  const shifted = Object.keys(tensors).filter((name) => tensors[name].shift === axis);
  const [bias] = shifted;
  const [expression] = tensors[bias].axes;
  const isPlain = tensors[bias].axes.length === 1 && expression.kind === "axis";
  if (shifted.length === 1 && isPlain && axes[axis].within === undefined) return bias;
  throw new UnsupportedError(
    `${caller}: axis "${axis}" has phases, and ${shifted.map((name) => `"${name}"`).join(", ")} ${shifted.length === 1 ? "is" : "are"} shifted along it; only units with one bias of their own, a tensor of that axis alone, can be read with phases; use scales: "ignore", or weakenSpec with dropScale: ["${axis}"]`,
  );
}

/** Where slopes are multiplied: dimensions that are the axis, not its inverse, of all tensors but the bias. */
function gatesOf({ tensors }: SymmetrySpec, axis: string, caller: string): Gate[] {
  return Object.entries(tensors).flatMap(([tensor, { axes, shift }]) => {
    if (shift === axis) return [];
    return axes.flatMap((expression, dim): Gate[] => {
      const count = axesOfExpression(expression).filter((name) => name === axis).length;
      const inverse = inverseAxes(expression).filter((name) => name === axis).length;
      if (count === inverse) return [];
      if (expression.kind === "axis") return [{ tensor, dim, rank: axes.length }];
      throw new UnsupportedError(
        `${caller}: dimension ${dim} of tensor "${tensor}" has axis "${axis}" beside others, and its phases can only be read where it is a dimension of its own; use scales: "ignore", or weakenSpec with dropScale: ["${axis}"]`,
      );
    });
  });
}
