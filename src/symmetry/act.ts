// The action of a group element on named weights: every tensor is taken apart into single-axis parts, each part is
// moved, scaled and multiplied, and written where it came from.

import { ShapeError } from "../core/errors.ts";
import { frozenRecord, lookup } from "../core/records.ts";
import { equalShapes, formatShape } from "../core/shapes.ts";
import type { Tensor, Weights } from "../core/tensors.ts";
import { type Part, splitParts } from "./parts.ts";
import type { SymmetrySpec } from "./types.ts";
import type { GroupElement } from "./element.ts";
import { invertMatrix, transposeMatrix } from "./matrices.ts";

/**
 * New weights after the element acted; tensors outside the spec are passed through unchanged, nothing is modified.
 * @throws {ShapeError} when a tensor does not have the spec's shape.
 */
export function actOn(spec: SymmetrySpec, element: GroupElement, weights: Weights): Weights {
  return frozenRecord(
    Object.entries(weights).map(
      ([name, tensor]) => [name, actOnTensor(spec, element, name, tensor)] as const,
    ),
  );
}

/** The action on one tensor of the spec. */
export function actOnTensor(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  element: GroupElement,
  name: string,
  tensor: Tensor,
): Tensor {
  const expected = lookup(spec.tensors, name);
  if (expected === undefined) return tensor;
  if (!equalShapes(expected.shape, tensor.shape)) {
    throw new ShapeError(
      `actOn: tensor "${name}" has shape ${formatShape(tensor.shape)}, expected ${formatShape(expected.shape)} from the spec`,
    );
  }
  let source = tensor.data;
  const { parts } = splitParts(spec, name);
  const target = source.slice();
  for (const part of parts) {
    source = multiplyPart(spec, element, part, source);
    movePart(spec, element, part, source, target);
  }
  return { shape: tensor.shape, data: target };
}

/** Instance of a part's dimension at an index: the row-major index of its chain of governing dimensions. */
function instanceAt(part: Part, dim: number, index: readonly number[]): number {
  const { governor } = part.dims[dim];
  if (governor === null) return 0;
  return instanceAt(part, governor, index) * part.dims[governor].size + index[governor];
}

/** Dimensions in an order where governors come first. */
function governorsFirst(part: Part): number[] {
  const depth = (dim: number): number => {
    const { governor } = part.dims[dim];
    return governor === null ? 0 : 1 + depth(governor);
  };
  return part.dims.map((_, dim) => dim).sort((a, b) => depth(a) - depth(b) || a - b);
}

/** Permutes and scales one part from `source` into `target`. */
function movePart(
  spec: Pick<SymmetrySpec, "axes">,
  element: GroupElement,
  part: Part,
  source: Tensor["data"],
  target: Tensor["data"],
): void {
  const order = governorsFirst(part);
  const index = part.dims.map(() => 0);
  const visit = (at: number, from: number, to: number, factor: number): void => {
    if (at === order.length) {
      target[to] = factor === 1 ? source[from] : factor * source[from] + 0; // no -0 from a flip
      return;
    }
    const dim = order[at];
    const { axis, size, stride, inverse } = part.dims[dim];
    const action =
      axis === null || spec.axes[axis].group === "fixed" ? undefined : lookup(element, axis);
    const instance = action === undefined ? 0 : instanceAt(part, dim, index);
    const permutation = action?.permutations[instance];
    const scales = action?.scales?.[instance];
    for (let i = 0; i < size; i++) {
      index[dim] = i;
      const scale = scales === undefined ? 1 : inverse ? 1 / scales[i] : scales[i];
      const moved = permutation === undefined ? i : permutation[i];
      visit(at + 1, from + i * stride, to + moved * stride, factor * scale);
    }
  };
  visit(0, part.offset, part.offset, 1);
}

/** Applies the matrices of general-linear dimensions to one part; returns the data itself when there are none. */
function multiplyPart(
  spec: Pick<SymmetrySpec, "axes">,
  element: GroupElement,
  part: Part,
  data: Tensor["data"],
): Tensor["data"] {
  let current = data;
  for (const [dim, { axis, size, stride, inverse }] of part.dims.entries()) {
    const matrices =
      axis === null || spec.axes[axis].group !== "general-linear"
        ? undefined
        : lookup(element, axis)?.matrices;
    if (matrices === undefined) continue;
    const used = inverse
      ? matrices.map((m) => transposeMatrix(invertMatrix(m, size), size))
      : matrices;
    const next = current.slice();
    const index = part.dims.map(() => 0);
    const visit = (at: number, offset: number): void => {
      if (at === dim) return visit(at + 1, offset);
      if (at < part.dims.length) {
        for (let i = 0; i < part.dims[at].size; i++) {
          index[at] = i;
          visit(at + 1, offset + i * part.dims[at].stride);
        }
        return;
      }
      const matrix = used[instanceAt(part, dim, index)];
      for (let row = 0; row < size; row++) {
        let sum = 0;
        for (let k = 0; k < size; k++) sum += matrix[row * size + k] * current[offset + k * stride];
        next[offset + row * stride] = sum;
      }
    };
    visit(0, part.offset);
    current = next;
  }
  return current;
}
