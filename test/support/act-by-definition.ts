// The action of a group on one tensor, written down from its definition: entry j of the result is the sum over all
// entries i of the product over dimensions of M_d[j_d, i_d] times entry i. Shares nothing with the product but the parts.

import type { Tensor } from "../../src/core/tensors.ts";
import type { AxisAction, GroupElement } from "../../src/symmetry/element.ts";
import { invertMatrix } from "../../src/symmetry/matrices.ts";
import { type Part, type PartDim, splitParts } from "../../src/symmetry/parts.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";

/** All indices of a part, row-major. */
function indicesOf(part: Part): number[][] {
  return part.dims.reduce<number[][]>(
    (found, { size }) =>
      found.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );
}

/** The row-major index of the dimensions that enclose `dim`. */
function instanceAt(part: Part, dim: number, index: readonly number[]): number {
  const { parent } = part.dims[dim];
  if (parent === null) return 0;
  return instanceAt(part, parent, index) * part.dims[parent].size + index[parent];
}

/** Entry (j, i) of the matrix with which an action works along a dimension of an instance. */
function entry(
  action: AxisAction,
  instance: number,
  { inverse, still }: Pick<PartDim, "inverse" | "still">,
  j: number,
  i: number,
) {
  const size = action.permutations[instance].length;
  const scale = action.scales?.[instance][i] ?? 1;
  if (action.matrices === undefined)
    return action.permutations[instance][i] === j ? (still ? 1 : inverse ? 1 / scale : scale) : 0;
  const matrix = action.matrices[instance];
  return inverse ? invertMatrix(matrix, size)[i * size + j] : matrix[j * size + i];
}

/** The tensor after the element acted, in float64. */
export function actByDefinition(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  element: GroupElement,
  name: string,
  { shape, data }: Tensor,
): Tensor {
  const target = Float64Array.from(data);
  for (const part of splitParts(spec, name).parts) {
    const at = (index: readonly number[]) =>
      part.dims.reduce((offset, { stride }, dim) => offset + stride * index[dim], part.offset);
    const all = indicesOf(part);
    for (const j of all) {
      let sum = 0;
      for (const i of all) {
        const weight = part.dims.reduce((product, own, dim) => {
          const { axis } = own;
          const action =
            axis === null || spec.axes[axis].group === "fixed" ? undefined : element[axis];
          if (action === undefined) return product * (i[dim] === j[dim] ? 1 : 0);
          return product * entry(action, instanceAt(part, dim, i), own, j[dim], i[dim]);
        }, 1);
        if (weight !== 0) sum += weight * data[at(i)];
      }
      target[at(j)] = sum;
    }
  }
  return { shape, data: target };
}
