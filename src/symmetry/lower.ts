// Lowering: a spec becomes atomic tensors that the basis, the plan and alignment read. Permuted dimensions come first,
// fixed dimensions are folded behind them (they join the channels), and axes within a fixed axis become one axis per index.

import { UnsupportedError } from "../core/errors.ts";
import { lookup } from "../core/records.ts";
import { type Part, type PartDim, type SplitTree, splitParts } from "./parts.ts";
import type { Formula, TensorRole } from "./formula.ts";
import type { AxisGroup, AxisScale, SymmetrySpec } from "./types.ts";

/** A permuted axis of the lowered spec. */
export interface LoweredAxis {
  readonly name: string;
  readonly size: number;
  /** Index of the enclosing axis, or null. */
  readonly parent: number | null;
  readonly group: AxisGroup;
  readonly scale: AxisScale | null;
}

/** A permuted dimension of an atomic tensor. */
export interface LoweredDim {
  /** Index into the lowered axes. */
  readonly axis: number;
  /** Index of the dimension that holds the enclosing index, or null. */
  readonly governor: number | null;
  readonly inverse: boolean;
}

/** A tensor whose every dimension is one axis; a view of (a slice of) a source tensor. */
export interface AtomicTensor {
  readonly id: number;
  /** The source tensor's name, with a slice number when it was split. */
  readonly name: string;
  readonly source: string;
  readonly dims: readonly LoweredDim[];
  /** Names of the folded axes (null for anonymous blocks) and their sizes. */
  readonly fixed: readonly { readonly axis: string | null; readonly size: number }[];
  /** Product of the fixed sizes: how many channels one input channel becomes. */
  readonly fixedSize: number;
  /** Order that brings the part's dimensions to [permuted..., fixed...]. */
  readonly order: readonly number[];
  /** What a layer does with it. @default "both" */
  readonly role?: TensorRole;
  /** How it is computed from tensors before it; absent for tensors of the spec. */
  readonly formula?: Formula;
}

export interface LoweredSpec {
  readonly spec: SymmetrySpec;
  readonly axes: readonly LoweredAxis[];
  readonly tensors: readonly AtomicTensor[];
  /** How each source tensor is taken apart; leaves index `tensors`. */
  readonly trees: Readonly<Record<string, SplitTree>>;
}

/** What to do with fixed axes: fold them into channels, or treat them as permuted (and break that with position encodings). */
export type FixedAxes = "fold" | "permute";

export interface LowerOptions {
  /** @default "fold" */
  readonly fixedAxes?: FixedAxes;
}

/** Slices that a spec may be taken apart into. */
const mostTensors = 1_000_000;

/**
 * The atomic tensors of a spec, in the order of its tensors.
 * @throws {UnsupportedError} when a fixed axis with axes within it would give more than a million slices
 */
export function lowerSpec(
  spec: SymmetrySpec,
  { fixedAxes = "fold" }: LowerOptions = {},
): LoweredSpec {
  const isFixed = (axis: string | null) =>
    axis === null || (fixedAxes === "fold" && baseAxis(spec, axis).group === "fixed");
  const axes: LoweredAxis[] = [];
  const axisIds = new Map<string, number>();
  const tensors: AtomicTensor[] = [];

  const idOfAxis = (name: string, within: string | null): number => {
    const known = axisIds.get(name);
    if (known !== undefined) return known;
    const parent = within === null ? null : (axisIds.get(within) ?? null);
    const { size, group, scale } = baseAxis(spec, name);
    axes.push({ name, size, parent, group, scale: scale ?? null });
    axisIds.set(name, axes.length - 1);
    return axes.length - 1;
  };

  const addTensor = (part: Part, slice: string): number => {
    const permuted = part.dims.flatMap((dim, i) => (isFixed(dim.axis) ? [] : [i]));
    const folded = part.dims.flatMap((dim, i) => (isFixed(dim.axis) ? [i] : []));
    for (const i of parentsFirst(part.dims, permuted)) {
      const { axis, governor } = part.dims[i];
      idOfAxis(axis ?? "", governor === null ? null : part.dims[governor].axis);
    }
    const fixed = folded.map((i) => ({ axis: part.dims[i].axis, size: part.dims[i].size }));
    tensors.push({
      id: tensors.length,
      name: part.tensor + slice,
      source: part.tensor,
      dims: permuted.map((i) => ({
        axis: axisIds.get(part.dims[i].axis ?? "") ?? 0,
        governor: part.dims[i].governor === null ? null : permuted.indexOf(part.dims[i].governor),
        inverse: part.dims[i].inverse,
      })),
      fixed,
      fixedSize: fixed.reduce((product, { size }) => product * size, 1),
      order: [...permuted, ...folded],
    });
    return tensors.length - 1;
  };

  const trees = Object.keys(spec.tensors).map((name) => {
    const { parts, tree } = splitParts(spec, name);
    const sliced = parts.length > 1 || parts.some((part) => fixedGovernor(part, isFixed) !== null);
    let slices = 0;
    const place = (part: Part): SplitTree => {
      const dim = fixedGovernor(part, isFixed);
      if (dim === null)
        return { kind: "part", index: addTensor(part, sliced ? `[${slices++}]` : "") };
      const children = indicesOf(part, dim, tensors.length).map((i) =>
        place(unbindPart(part, dim, i)),
      );
      return { kind: "unbind", dim, children };
    };
    const rebuild = (node: SplitTree): SplitTree => {
      if (node.kind === "part") return place(parts[node.index]);
      if (node.kind === "reshape") return { ...node, child: rebuild(node.child) };
      return { ...node, children: node.children.map(rebuild) };
    };
    return [name, rebuild(tree)] as const;
  });
  return Object.freeze({ spec, axes, tensors, trees: Object.fromEntries(trees) });
}

/** The indices of a dimension that is taken apart. */
function indicesOf({ tensor, dims }: Part, dim: number, known: number): number[] {
  const { size } = dims[dim];
  if (known + size > mostTensors)
    throw new UnsupportedError(
      `lowerSpec: tensor ${JSON.stringify(tensor)} falls into more than ${mostTensors} slices along fixed axes; make the axes within them fixed too`,
    );
  return Array.from({ length: size }, (_, i) => i);
}

/** The axis of the spec behind a lowered name such as `v#2` (one copy of an axis within a fixed axis). */
function baseAxis(spec: SymmetrySpec, name: string) {
  let base = name;
  while (lookup(spec.axes, base) === undefined) base = base.slice(0, base.lastIndexOf("#"));
  return spec.axes[base];
}

function parentsFirst(dims: readonly PartDim[], subset: readonly number[]): number[] {
  const depth = (i: number): number => {
    const { governor } = dims[i];
    return governor === null ? 0 : 1 + depth(governor);
  };
  return [...subset].sort((a, b) => depth(a) - depth(b) || a - b);
}

/** A fixed dimension that encloses another one, outermost first; null when there is none. */
function fixedGovernor(part: Part, isFixed: (axis: string | null) => boolean): number | null {
  const governors = part.dims.flatMap(({ governor }) =>
    governor !== null && isFixed(part.dims[governor].axis) ? [governor] : [],
  );
  return parentsFirst(part.dims, governors)[0] ?? null;
}

/** The slice of a part at index `at` of dimension `dim`; axes enclosed by that dimension get a name of their own. */
function unbindPart(part: Part, dim: number, at: number): Part {
  const enclosed = (i: number): boolean => {
    const { governor } = part.dims[i];
    return governor !== null && (governor === dim || enclosed(governor));
  };
  const shift = (i: number) => (i > dim ? i - 1 : i);
  const dims = part.dims.flatMap((entry, i): PartDim[] => {
    if (i === dim) return [];
    const axis = enclosed(i) ? `${entry.axis}#${at}` : entry.axis;
    const governor =
      entry.governor === null || entry.governor === dim ? null : shift(entry.governor);
    return [{ ...entry, axis, governor }];
  });
  return { tensor: part.tensor, offset: part.offset + at * part.dims[dim].stride, dims };
}
