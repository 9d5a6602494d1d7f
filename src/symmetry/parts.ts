// Splits the tensors of a spec into parts whose every dimension is one axis: products become reshapes, sums become
// slices, interleavings become single indices of an inner dimension. A part is a strided view of its tensor; the split tree says how an array library gets from one to the other.

import { UnsupportedError } from "../core/errors.ts";
import { frozenRecord, lookup } from "../core/records.ts";
import { stridesOf } from "../core/shapes.ts";
import { type AxisExpression, expressionSize } from "./expression.ts";
import type { Axis, SymmetrySpec } from "./types.ts";

/** One dimension of a part. */
export interface PartDim {
  /** Axis name, or null for an anonymous fixed block. */
  readonly axis: string | null;
  readonly size: number;
  /** Transforms by the inverse scale or inverse transposed matrix (`h^-1`). */
  readonly inverse: boolean;
  /** Scales do not act on it, permutations do (`h^0`). */
  readonly still?: true;
  /** Windings of the phase axis shift every entry along it. */
  readonly shifted?: true;
  /** Step in the tensor's flat row-major data, in entries. */
  readonly stride: number;
  /** For an axis within another: which dimension of this part holds the enclosing index; else null. */
  readonly parent: number | null;
  /** The tensor dimension this came from. */
  readonly dimension: number;
}

/** With which power of its axis's scale a dimension is multiplied. */
export const powerOf = ({ inverse, still }: Pick<PartDim, "inverse" | "still">): -1 | 0 | 1 =>
  still ? 0 : inverse ? -1 : 1;

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
  const { shape, axes, shift } = spec.tensors[tensor];
  const size = (expression: AxisExpression) =>
    expressionSize(expression, (name) => spec.axes[name].size);
  const parts: Part[] = [];
  const split = (dims: readonly OpenDim[], offset: number): SplitTree => {
    if (dims.some(({ expression }) => expression.kind === "product")) {
      const expanded = dims.flatMap((dim) => factorsOf(dim, size));
      const from = dims.map(({ expression }) => size(expression));
      const to = expanded.map(({ expression }) => size(expression));
      return { kind: "reshape", from, to, child: split(expanded, offset) };
    }
    const dim = dims.findIndex(
      ({ expression: { kind } }) => kind === "sum" || kind === "interleaved",
    );
    const { expression, stride, dimension } = dims[dim] ?? {};
    if (expression?.kind === "interleaved") {
      const count = expression.terms.length;
      const from = dims.map((one) => size(one.expression));
      const children = expression.terms.map((term, i) =>
        split(
          dims.with(dim, { expression: term, stride: stride * count, dimension }),
          offset + i * stride,
        ),
      );
      const child: SplitTree = { kind: "unbind", dim: dim + 1, children };
      return { kind: "reshape", from, to: from.toSpliced(dim, 1, from[dim] / count, count), child };
    }
    if (expression?.kind !== "sum") {
      parts.push({ tensor, offset, dims: partDims(spec, dims, size, shift) });
      return { kind: "part", index: parts.length - 1 };
    }
    let start = 0;
    const sizes = expression.terms.map(size);
    const children = expression.terms.map((term, i) => {
      const inTerm = dims.with(dim, { expression: term, stride, dimension });
      const child = split(inTerm, offset + start * stride);
      start += sizes[i];
      return child;
    });
    return { kind: "split", dim, sizes, children };
  };
  const strides = stridesOf(shape);
  const root = axes.map((expression, dimension) => ({
    expression,
    stride: strides[dimension],
    dimension,
  }));
  return { tree: split(root, 0), parts };
}

/** The factors of a product as dimensions of their own, the left one outermost; any other dimension as it is. */
function factorsOf(dim: OpenDim, size: (expression: AxisExpression) => number): OpenDim[] {
  const { expression, stride, dimension } = dim;
  if (expression.kind !== "product") return [dim];
  const inner = stridesOf(expression.factors.map(size));
  return expression.factors.map((factor, i) => ({
    expression: factor,
    stride: stride * inner[i],
    dimension,
  }));
}

/** Dimensions that are single axes or blocks, each with the dimension that governs it. */
function partDims(
  spec: Pick<SymmetrySpec, "axes">,
  dims: readonly OpenDim[],
  size: (expression: AxisExpression) => number,
  shift: string | undefined,
): PartDim[] {
  const names = dims.map(({ expression }) => (expression.kind === "axis" ? expression.name : null));
  return dims.map(({ expression, stride, dimension }, i) => {
    const axis = names[i];
    return {
      axis,
      size: size(expression),
      inverse: expression.kind === "axis" && expression.inverse,
      ...(expression.kind === "axis" && expression.still && { still: true }),
      ...(axis !== null && axis === shift && { shifted: true }),
      stride,
      parent: axis === null ? null : parentOf(names, i, spec.axes[axis].within),
      dimension,
    };
  });
}

/** The nearest dimension before (else after) position `i` that carries the enclosing axis. */
function parentOf(
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

/** A part with a name of its own: that of its tensor, numbered when the tensor has several. */
export interface NamedPart extends Part {
  readonly name: string;
}

/** All tensors of a spec taken apart, in the spec's order. */
export interface Decomposition {
  readonly parts: readonly NamedPart[];
  /** By tensor: how to take it apart; leaves index `parts`. */
  readonly trees: Readonly<Record<string, SplitTree>>;
}

/** Slices that a spec may be taken apart into. */
const maxParts = 1_000_000;

/**
 * Takes every tensor of a spec apart into parts whose every dimension is one axis. An enclosing axis that `unbinds` names
 * is taken apart too, index by index: an axis `v` within it then becomes axes `v#0`, `v#1`, ..., one per index, each
 * within what encloses the unbound axis. Without, `v` stays one axis with an instance per enclosing index: the same group.
 * @throws {UnsupportedError} when that would give more than a million parts
 */
export function decompose(
  spec: Pick<SymmetrySpec, "axes" | "tensors">,
  unbinds: (axis: string | null) => boolean = () => false,
): Decomposition {
  const named: NamedPart[] = [];
  const trees = Object.keys(spec.tensors).map((tensor) => {
    const { parts, tree } = splitParts(spec, tensor);
    const found: Part[] = [];
    const place = (part: Part): SplitTree => {
      const dim = unboundDim(part, unbinds);
      if (dim === null) {
        found.push(part);
        return { kind: "part", index: named.length + found.length - 1 };
      }
      const { size } = part.dims[dim];
      if (named.length + found.length + size > maxParts)
        throw new UnsupportedError(
          `lowerSpec: tensor ${JSON.stringify(tensor)} falls into more than ${maxParts} slices along fixed axes; make the axes within them fixed too`,
        );
      const children = Array.from({ length: size }, (_, i) => place(unbindPart(part, dim, i)));
      return { kind: "unbind", dim, children };
    };
    const rebuild = (node: SplitTree): SplitTree => {
      if (node.kind === "part") return place(parts[node.index]);
      if (node.kind === "reshape") return { ...node, child: rebuild(node.child) };
      return { ...node, children: node.children.map(rebuild) };
    };
    const rebuilt = rebuild(tree);
    for (const [i, part] of found.entries())
      named.push({ ...part, name: found.length === 1 ? tensor : `${tensor}[${i}]` });
    return [tensor, rebuilt] as const;
  });
  return { parts: named, trees: frozenRecord(trees) };
}

/** The axis of the spec behind the name of a part's axis: `v` for `v#2`, its copy inside one index. */
export function baseAxis(spec: Pick<SymmetrySpec, "axes">, name: string): Axis {
  let base = name;
  while (lookup(spec.axes, base) === undefined) base = base.slice(0, base.lastIndexOf("#"));
  return spec.axes[base];
}

/** Dimensions of a part, enclosing ones first. */
export function parentsFirst(dims: readonly PartDim[], subset: readonly number[]): number[] {
  const depth = (i: number): number => {
    const { parent } = dims[i];
    return parent === null ? 0 : 1 + depth(parent);
  };
  return [...subset].sort((a, b) => depth(a) - depth(b) || a - b);
}

/** A dimension to take apart: one that encloses another, outermost first; null when there is none. */
function unboundDim(part: Part, unbinds: (axis: string | null) => boolean): number | null {
  const parents = part.dims.flatMap(({ parent }) =>
    parent !== null && unbinds(part.dims[parent].axis) ? [parent] : [],
  );
  return parentsFirst(part.dims, parents)[0] ?? null;
}

/** The slice of a part at index `at` of dimension `dim`; axes enclosed by that dimension get a name of their own. */
function unbindPart(part: Part, dim: number, at: number): Part {
  const enclosed = (i: number): boolean => {
    const { parent } = part.dims[i];
    return parent !== null && (parent === dim || enclosed(parent));
  };
  const shift = (i: number | null) => (i !== null && i > dim ? i - 1 : i);
  const dims = part.dims.flatMap((entry, i): PartDim[] => {
    if (i === dim) return [];
    const axis = enclosed(i) ? `${entry.axis}#${at}` : entry.axis;
    // What encloses the unbound dimension encloses the axes within it.
    const parent = entry.parent === dim ? part.dims[dim].parent : entry.parent;
    return [{ ...entry, axis, parent: shift(parent) }];
  });
  return { tensor: part.tensor, offset: part.offset + at * part.dims[dim].stride, dims };
}
