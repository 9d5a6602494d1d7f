// Dense matrices of single basis terms, from the reference executor, and their rank.

import type { BasisTerm } from "../../src/basis/terms.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import { referenceApply } from "../../src/layers/reference/reference.ts";
import type { LoweredSpec } from "../../src/symmetry/lower.ts";

const shapeOf = (lowered: LoweredSpec, tensor: number) =>
  lowered.tensors[tensor].dims.map(({ axis }) => lowered.axes[axis].size);

/** One term applied to one tensor's values; all other tensors are zero. */
export function applyTerm(
  lowered: LoweredSpec,
  term: BasisTerm,
  values: ArrayLike<number>,
): number[] {
  const widths = lowered.tensors.map(() => 1);
  const inputs = lowered.tensors.map(({ id }) => ({
    width: 1,
    data:
      id === term.input
        ? Float64Array.from(values)
        : new Float64Array(sizeOf(shapeOf(lowered, id))),
  }));
  const weighted = [{ ...term, coefficients: Float64Array.of(1) }];
  return [...referenceApply(lowered, weighted, inputs, widths)[term.output].data];
}

/** The term as one long vector: its outputs for every unit input. */
export function termVector(lowered: LoweredSpec, term: BasisTerm): number[] {
  const entries = sizeOf(shapeOf(lowered, term.input));
  return Array.from({ length: entries }, (_, at) =>
    applyTerm(
      lowered,
      term,
      Array.from({ length: entries }, (_, i) => (i === at ? 1 : 0)),
    ),
  ).flat();
}

/** Rank of a list of vectors by elimination with a relative threshold. */
export function rank(vectors: readonly (readonly number[])[]): number {
  const rows = vectors.map((row) => [...row]);
  let found = 0;
  for (let column = 0; column < (rows[0]?.length ?? 0) && found < rows.length; column++) {
    let pivot = found;
    for (let r = found + 1; r < rows.length; r++) {
      if (Math.abs(rows[r][column]) > Math.abs(rows[pivot][column])) pivot = r;
    }
    if (Math.abs(rows[pivot][column]) < 1e-9) continue;
    [rows[found], rows[pivot]] = [rows[pivot], rows[found]];
    for (let r = found + 1; r < rows.length; r++) {
      const factor = rows[r][column] / rows[found][column];
      if (factor !== 0) rows[r] = rows[r].map((value, i) => value - factor * rows[found][i]);
    }
    found++;
  }
  return found;
}
