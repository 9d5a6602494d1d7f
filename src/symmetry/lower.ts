// Lowering: a spec becomes atomic tensors that the basis, the plan and alignment read. Permuted dimensions come first,
// fixed dimensions are folded behind them (they join the channels), and axes within a fixed axis become one axis per index.

import { baseAxis, decompose, type NamedPart, parentsFirst, type SplitTree } from "./parts.ts";
import type { Formula, TensorRole } from "./formula.ts";
import { type AxisGroup, type AxisScale, isFactor, type SymmetrySpec } from "./types.ts";

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
  readonly parent: number | null;
  readonly inverse: boolean;
  /** Scales do not act on it, permutations do. */
  readonly still?: true;
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

/** A spec taken apart into atomic tensors, each of whose dimensions is one axis. */
export interface LoweredSpec {
  readonly spec: SymmetrySpec;
  readonly axes: readonly LoweredAxis[];
  readonly tensors: readonly AtomicTensor[];
  /** How each source tensor is taken apart; leaves index `tensors`. */
  readonly trees: Readonly<Record<string, SplitTree>>;
}

/** What to do with fixed axes: fold them into channels, or treat them as permuted (and break that with position encodings). */
export type FixedAxes = "fold" | "permute";

/** How a spec is lowered. */
export interface LowerOptions {
  /** @default "fold" */
  readonly fixedAxes?: FixedAxes;
  /** Leaves out axes that are one factor for every index of another: for layers that take no notice of scales. @default false */
  readonly dropFactors?: boolean;
}

/**
 * The atomic tensors of a spec, in the order of its tensors.
 * @throws {UnsupportedError} when a fixed axis with axes within it would give more than a million slices
 */
export function lowerSpec(
  spec: SymmetrySpec,
  { fixedAxes = "fold", dropFactors = false }: LowerOptions = {},
): LoweredSpec {
  const isFixed = (axis: string | null) =>
    axis === null ||
    (fixedAxes === "fold" && baseAxis(spec, axis).group === "fixed") ||
    (dropFactors && isFactor(baseAxis(spec, axis)));
  const { parts, trees } = decompose(spec, isFixed);
  const table = axisTable(spec);
  const tensors = parts.map((part, id) => atomicTensor(part, id, isFixed, table));
  return Object.freeze({ spec, axes: table.axes, tensors, trees });
}

/** The lowered axes, made in the order in which parts name them. */
interface AxisTable {
  readonly axes: readonly LoweredAxis[];
  idOf(name: string, within: string | null): number;
}

function axisTable(spec: SymmetrySpec): AxisTable {
  const axes: LoweredAxis[] = [];
  const ids = new Map<string, number>();
  return {
    axes,
    idOf(name, within) {
      const known = ids.get(name);
      if (known !== undefined) return known;
      const parent = within === null ? null : (ids.get(within) ?? null);
      const { size, group, scale } = baseAxis(spec, name);
      axes.push({ name, size, parent, group, scale: scale ?? null });
      ids.set(name, axes.length - 1);
      return axes.length - 1;
    },
  };
}

/** A part with its permuted dimensions in front and its fixed ones folded. */
function atomicTensor(
  part: NamedPart,
  id: number,
  isFixed: (axis: string | null) => boolean,
  table: AxisTable,
): AtomicTensor {
  const permuted = part.dims.flatMap((dim, i) => (isFixed(dim.axis) ? [] : [i]));
  const folded = part.dims.flatMap((dim, i) => (isFixed(dim.axis) ? [i] : []));
  const axisAt = (i: number): number => {
    const { axis, parent } = part.dims[i];
    return table.idOf(axis ?? "", parent === null ? null : part.dims[parent].axis);
  };
  for (const i of parentsFirst(part.dims, permuted)) axisAt(i);
  const fixed = folded.map((i) => ({ axis: part.dims[i].axis, size: part.dims[i].size }));
  return {
    id,
    name: part.name,
    source: part.tensor,
    dims: permuted.map((i) => {
      const { parent, inverse, still } = part.dims[i];
      return {
        axis: axisAt(i),
        parent: parent === null ? null : permuted.indexOf(parent),
        inverse,
        ...(still && { still }),
      };
    }),
    fixed,
    fixedSize: fixed.reduce((product, { size }) => product * size, 1),
    order: [...permuted, ...folded],
  };
}
