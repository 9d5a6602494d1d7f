// Layers over derived tensors in float64: weights taken apart on the host, derived, mixed, and moved by group elements.

import { randomStream } from "../../../src/core/random.ts";
import { sizeOf, stridesOf } from "../../../src/core/shapes.ts";
import type { Weights } from "../../../src/core/tensors.ts";
import { actOnTensor } from "../../../src/symmetry/act.ts";
import type { GroupElement } from "../../../src/symmetry/element.ts";
import { type DenseFeature, referenceApply } from "../../../src/layers/reference/reference.ts";
import { type CoefficientReader, referenceDerived } from "./reference-derived.ts";
import type { ExecutablePlan } from "../../../src/plan/plan-spec.ts";
import { plannedTerms } from "../../../src/plan/terms.ts";
import type { AtomicTensor, LoweredSpec } from "../../../src/symmetry/lower.ts";
import { powerOf, splitParts } from "../../../src/symmetry/parts.ts";
import { parseAxisExpression } from "../../../src/symmetry/expression.ts";
import type { SymmetrySpec } from "../../../src/symmetry/types.ts";

/** Sizes of a tensor's dimensions. */
export const shapeOf = ({ axes }: LoweredSpec, { dims }: AtomicTensor): number[] =>
  dims.map(({ axis }) => axes[axis].size);

/** Atomic tensors of weights with one channel, in float64. The spec must have no axis within a fixed one. */
export function hostAtoms(lowered: LoweredSpec, weights: Weights): DenseFeature[] {
  const parts = Object.keys(lowered.spec.tensors).flatMap(
    (name) => splitParts(lowered.spec, name).parts,
  );
  return parts.map(({ tensor, offset, dims }, id) => {
    const { order, fixedSize } = lowered.tensors[id];
    const ordered = order.map((dim) => dims[dim]);
    const data = new Float64Array(sizeOf(ordered.map(({ size }) => size)));
    const strides = stridesOf(ordered.map(({ size }) => size));
    const walk = (dim: number, from: number, to: number): void => {
      if (dim === ordered.length) {
        data[to] = weights[tensor].data[offset + from];
        return;
      }
      for (let i = 0; i < ordered[dim].size; i++)
        walk(dim + 1, from + i * ordered[dim].stride, to + i * strides[dim]);
    };
    walk(0, 0, 0);
    return { width: fixedSize, data };
  });
}

/** Normal weights in float64. */
export function doubleWeights(spec: SymmetrySpec, seed: number): Weights {
  const random = randomStream(seed);
  return Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => [
      name,
      { shape, data: Float64Array.from({ length: sizeOf(shape) }, () => random.normal()) },
    ]),
  );
}

/** Normal coefficients, the same for the same tensor. */
export const normalCoefficients =
  (seed: number): CoefficientReader =>
  ({ name }, shape) => {
    const letters = Array.from(name, (letter) => letter.codePointAt(0) ?? 0);
    const random = randomStream(letters.reduce((sum, code) => (sum * 31 + code) % 1e6, seed));
    return Float64Array.from({ length: sizeOf(shape) }, () => random.normal());
  };

export const onesCoefficients: CoefficientReader = (_, shape) =>
  Float64Array.from({ length: sizeOf(shape) }, () => 1);

/** What a tensor of this type becomes when the element acts. */
export function moved(
  lowered: LoweredSpec,
  tensor: AtomicTensor,
  element: GroupElement,
  { data, width }: DenseFeature,
): DenseFeature {
  const shape = [...shapeOf(lowered, tensor), width];
  const texts = tensor.dims.map(
    (dim) => lowered.axes[dim.axis].name + ["^-1", "^0", ""][1 + powerOf(dim)],
  );
  const axes = [...texts, String(width)].map((text) => parseAxisExpression(text));
  const spec = { axes: lowered.spec.axes, tensors: { x: { shape, axes } } };
  return { width, data: Float64Array.from(actOnTensor(spec, element, "x", { shape, data }).data) };
}

/** max |a - b| / max |b|. */
export function gap(a: DenseFeature, b: DenseFeature): number {
  let [most, scale] = [0, 1e-300];
  for (const [i, value] of b.data.entries()) {
    const difference = Math.abs(a.data[i] - value);
    if (!(difference <= most)) most = difference;
    scale = Math.max(scale, Math.abs(value));
  }
  return a.data.length === b.data.length ? most / scale : Number.POSITIVE_INFINITY;
}

/** Outputs of one layer of one channel over derived tensors; coefficients by term, constants left out. */
export function referenceLayer(
  { lowered, plan }: ExecutablePlan,
  atoms: readonly DenseFeature[],
  derived: CoefficientReader,
  coefficient: (term: number) => number,
  aggregation: "mean" | "sum",
): DenseFeature[] {
  const values = referenceDerived(lowered, atoms, 1, derived);
  let next = 0;
  const terms = plannedTerms(lowered, plan).map((term) => {
    const size = lowered.tensors[term.input].fixedSize * lowered.tensors[term.output].fixedSize;
    return {
      ...term,
      coefficients: Float64Array.from({ length: size }, () => coefficient(next++)),
    };
  });
  const widths = lowered.tensors.map(({ fixedSize }) => fixedSize);
  return referenceApply(lowered, terms, values, widths, aggregation);
}
