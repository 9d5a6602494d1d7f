// Splits the tensors of a spec into parts whose every dimension is one axis: products become reshapes, sums become
// slices. A part is a strided view of its tensor; the split tree says how an array library gets from one to the other.

import type { AxisExpression } from "./expression.ts";
import { expressionSize } from "./expression.ts";
import { stridesOf } from "../core/shapes.ts";
import type { SymmetrySpec } from "./types.ts";

/** One dimension of a part. */
export interface PartDim {
  /** Axis name, or null for an anonymous fixed block. */
  readonly axis: string | null;
  readonly size: number;
  /** Transforms by the inverse scale or inverse transposed matrix (`h^-1`). */
  readonly inverse: boolean;
  /** Step in the tensor's flat row-major data, in entries. */
  readonly stride: number;
  /** For an axis within another: which dimension of this part holds the enclosing index; else null. */
  readonly governor: number | null;
  /** The tensor dimension this came from. */
  readonly dimension: number;
}

/** A strided view of one tensor, every dimension a single axis. */
export interface Part {
  readonly tensor: string;
  readonly offset: number;
  readonly dims: readonly PartDim[];
}

/** How to take a tensor apart: reshape and split steps down to parts (indices into the parts list). */
export type SplitTree =
  | { readonly kind: "part"; readonly index: number }
  | {
      readonly kind: "reshape";
      readonly from: readonly number[];
      readonly to: readonly number[];
      readonly child: SplitTree;
    }
  | {
      readonly kind: "split";
      readonly dim: number;
      readonly sizes: readonly number[];
      readonly children: readonly SplitTree[];
    }
  /** Takes every index along `dim` apart; children do not have that dimension. */
  | { readonly kind: "unbind"; readonly dim: number; readonly children: readonly SplitTree[] };

interface OpenDim {
  readonly expression: AxisExpression;
  readonly stride: number;
  readonly dimension: number;
}

/** The parts of one tensor and the tree that leads to them. The spec's axes must be known and sizes agree. */
export function splitParts(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  tensor: string,
): { parts: Part[]; tree: SplitTree } {
  const { shape, axes } = spec.tensors[tensor];
  const size = (expression: AxisExpression) =>
    expressionSize(expression, (name) => spec.axes[name].size);
  const strides = stridesOf(shape);
  const parts: Part[] = [];

  const close = (dims: readonly OpenDim[], offset: number): SplitTree => {
    const names = dims.map(({ expression }) =>
      expression.kind === "axis" ? expression.name : null,
    );
    const closed = dims.map(({ expression, stride, dimension }, i): PartDim => {
      const axis = names[i];
      return {
        axis,
        size: size(expression),
        inverse: expression.kind === "axis" && expression.inverse,
        stride,
        governor: axis === null ? null : governorOf(names, i, spec.axes[axis].within),
        dimension,
      };
    });
    parts.push({ tensor, offset, dims: closed });
    return { kind: "part", index: parts.length - 1 };
  };

  const open = (dims: readonly OpenDim[], offset: number): SplitTree => {
    const products = dims.some(({ expression }) => expression.kind === "product");
    if (products) {
      const expanded = dims.flatMap(({ expression, stride, dimension }): OpenDim[] => {
        if (expression.kind !== "product") return [{ expression, stride, dimension }];
        const inner = stridesOf(expression.factors.map(size));
        return expression.factors.map((factor, i) => ({
          expression: factor,
          stride: stride * inner[i],
          dimension,
        }));
      });
      const from = dims.map(({ expression }) => size(expression));
      const to = expanded.map(({ expression }) => size(expression));
      return { kind: "reshape", from, to, child: open(expanded, offset) };
    }
    const dim = dims.findIndex(({ expression }) => expression.kind === "sum");
    if (dim === -1) return close(dims, offset);
    const { expression, stride, dimension } = dims[dim];
    if (expression.kind !== "sum") return close(dims, offset);
    let start = 0;
    const sizes = expression.terms.map(size);
    const children = expression.terms.map((term, i) => {
      const child = open(
        dims.with(dim, { expression: term, stride, dimension }),
        offset + start * stride,
      );
      start += sizes[i];
      return child;
    });
    return { kind: "split", dim, sizes, children };
  };

  const root = axes.map((expression, dimension) => ({
    expression,
    stride: strides[dimension],
    dimension,
  }));
  return { tree: open(root, 0), parts };
}

/** The nearest dimension before (else after) position `i` that carries the enclosing axis. */
function governorOf(
  names: readonly (string | null)[],
  i: number,
  within: string | undefined,
): number | null {
  if (within === undefined) return null;
  const before = names.lastIndexOf(within, i - 1);
  if (i > 0 && before !== -1) return before;
  const after = names.indexOf(within, i + 1);
  return after === -1 ? null : after;
}
