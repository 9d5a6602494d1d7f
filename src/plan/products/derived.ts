// Builds derived tensors: works out the dimensions, charges and fixed sizes of products of lowered tensors, and writes
// down their formulas.

import { OptionError } from "../../core/errors.ts";
import type { AtomicTensor, LoweredDim, LoweredSpec } from "../../symmetry/lower.ts";
import type { DimPairs, Formula } from "../../symmetry/formula.ts";

/** A name that starts with its source, so that coefficients of equal parts of a network can be shared. */
export interface DerivedName {
  readonly source: string;
  readonly name: string;
}

export interface DeriveOptions extends DerivedName {
  /** Layers read it; otherwise other derived tensors do. @default false */
  readonly feature?: boolean;
}

/** Adds derived tensors behind those of a spec, one at a time. */
export interface TensorBuilder {
  /** All tensors so far. */
  readonly tensors: AtomicTensor[];
  reduce(x: number, dims: readonly number[], sum: boolean, options: DeriveOptions): number;
  map(x: number, map: MapOptions, options: DeriveOptions): number;
  sum(operands: readonly number[], learned: boolean, options: DeriveOptions): number;
  /** `summed` and `shared` pair dimensions of x with those of y. */
  contract(
    x: number,
    y: number,
    pairs: { readonly summed: DimPairs; readonly shared: DimPairs; readonly factor: number },
    options: DeriveOptions,
  ): number;
  outer(x: number, y: number, shared: DimPairs, inner: number, options: DeriveOptions): number;
  gate(
    x: number,
    gate: Pick<Formula & { op: "gate" }, "function" | "frequency">,
    options: DeriveOptions,
  ): number;
}

export interface MapOptions {
  readonly from: number;
  readonly to: number;
  readonly matrix: "full" | "channel";
  /** @default true */
  readonly trained?: boolean;
  /** @default 1 / sqrt(from) */
  readonly std?: number;
}

/** Dimensions of a product: those of x that stay, then those of y that are neither summed nor shared. */
function productDims(
  x: AtomicTensor,
  y: AtomicTensor,
  summed: DimPairs,
  shared: DimPairs,
): LoweredDim[] {
  const keptX = x.dims.flatMap((_, i) => (summed.some(([a]) => a === i) ? [] : [i]));
  const gone = new Set([...summed, ...shared].map(([, b]) => b));
  const keptY = y.dims.flatMap((_, i) => (gone.has(i) ? [] : [i]));
  const placeOfX = (i: number) => keptX.indexOf(i);
  const placeOfY = (i: number): number => {
    const pair = shared.find(([, b]) => b === i);
    return pair === undefined ? keptX.length + keptY.indexOf(i) : placeOfX(pair[0]);
  };
  const moved = (dim: LoweredDim, place: (i: number) => number): LoweredDim => ({
    ...dim,
    parent: dim.parent === null ? null : place(dim.parent),
  });
  return [
    ...keptX.map((i) => moved(x.dims[i], placeOfX)),
    ...keptY.map((i) => moved(y.dims[i], placeOfY)),
  ];
}

type Add = (
  options: DeriveOptions,
  dims: readonly LoweredDim[],
  fixedSize: number,
  formula: Formula,
) => number;

/** @throws {OptionError} from its functions when operands do not fit: a mistake in a formula written by hand. */
export function tensorBuilder(lowered: LoweredSpec): TensorBuilder {
  const tensors = [...lowered.tensors];
  const add: Add = ({ source, name, feature = false }, dims, fixedSize, formula) => {
    if (dims.some(({ parent }) => parent === -1)) {
      throw new OptionError(
        `derived tensor "${name}": an axis that encloses another one is summed away before it`,
      );
    }
    tensors.push({
      id: tensors.length,
      name,
      source,
      dims,
      fixed: fixedSize === 1 ? [] : [{ axis: null, size: fixedSize }],
      fixedSize,
      order: dims.map((_, dim) => dim),
      role: feature ? "feature" : "internal",
      formula,
    });
    return tensors.length - 1;
  };
  return { tensors, ...unaryFormulas(lowered, tensors, add), ...productFormulas(tensors, add) };
}

function unaryFormulas(
  { axes }: LoweredSpec,
  tensors: readonly AtomicTensor[],
  add: Add,
): Pick<TensorBuilder, "reduce" | "map" | "sum" | "gate"> {
  return {
    reduce: (x, dims, sum, options) => {
      const { dims: all, fixedSize } = tensors[x];
      const entries = dims.reduce((n, dim) => n * axes[all[dim].axis].size, 1);
      const pairs = dims.map((dim) => [dim, -1] as const);
      const kept = productDims(tensors[x], { ...tensors[x], dims: [] }, pairs, []);
      const factor = sum ? 1 : 1 / entries;
      return add(options, kept, fixedSize, { op: "reduce", operands: [x], dims, factor });
    },
    map: (x, { from, to, matrix, trained = true, std = 1 / Math.sqrt(from) }, options) => {
      const { dims, fixedSize } = tensors[x];
      if (fixedSize % from !== 0)
        throw new OptionError(
          `derived tensor "${options.name}": ${fixedSize} fixed entries are no multiple of ${from}`,
        );
      const formula = { op: "map", operands: [x], from, to, matrix, trained, std } as const;
      return add(options, dims, (fixedSize / from) * to, formula);
    },
    sum: (operands, learned, options) => {
      if (operands.length === 1 && !learned && options.feature !== true) return operands[0];
      const { dims, fixedSize } = tensors[operands[0]];
      const odd = operands.find((id) => tensors[id].fixedSize !== fixedSize);
      if (odd !== undefined)
        throw new OptionError(
          `derived tensor "${options.name}": "${tensors[odd].name}" has ${tensors[odd].fixedSize} fixed entries, expected ${fixedSize}`,
        );
      return add(options, dims, fixedSize, { op: "sum", operands, learned });
    },
    gate: (x, { function: name, frequency }, options) =>
      add(options, tensors[x].dims, tensors[x].fixedSize, {
        op: "gate",
        operands: [x],
        function: name,
        frequency,
      }),
  };
}

function productFormulas(
  tensors: readonly AtomicTensor[],
  add: Add,
): Pick<TensorBuilder, "contract" | "outer"> {
  return {
    contract: (x, y, { summed, shared, factor }, options) => {
      const dims = productDims(tensors[x], tensors[y], summed, shared);
      const fixedSize = tensors[x].fixedSize * tensors[y].fixedSize;
      const formula = { op: "contract", operands: [x, y], summed, shared, factor } as const;
      return add(options, dims, fixedSize, formula);
    },
    outer: (x, y, shared, inner, options) => {
      const [left, right] = [tensors[x].fixedSize / inner, tensors[y].fixedSize / inner];
      if (!Number.isInteger(left) || !Number.isInteger(right))
        throw new OptionError(
          `derived tensor "${options.name}": ${tensors[x].fixedSize} and ${tensors[y].fixedSize} fixed entries have no common ${inner}`,
        );
      const dims = productDims(tensors[x], tensors[y], [], shared);
      return add(options, dims, left * right, { op: "outer", operands: [x, y], shared, inner });
    },
  };
}

/** The dimensions that enclose one, innermost first. */
export function enclosingDims({ dims }: Pick<AtomicTensor, "dims">, dim: number): number[] {
  const { parent } = dims[dim];
  return parent === null ? [] : [parent, ...enclosingDims({ dims }, parent)];
}

/** Leaves out derived tensors that no feature is made of; ids are numbered anew. */
export function pruneDerived(
  lowered: LoweredSpec,
  tensors: readonly AtomicTensor[],
): AtomicTensor[] {
  const needed = new Set<number>();
  const need = (id: number): void => {
    if (needed.has(id)) return;
    needed.add(id);
    for (const operand of tensors[id].formula?.operands ?? []) need(operand);
  };
  for (const { id, role } of tensors) {
    if (id < lowered.tensors.length || role !== "internal") need(id);
  }
  const kept = tensors.filter(({ id }) => needed.has(id));
  const places = new Map(kept.map(({ id }, place) => [id, place]));
  return kept.map((tensor, id): AtomicTensor => {
    const { formula, ...rest } = tensor;
    if (formula === undefined) return { ...rest, id };
    const operands = formula.operands.map((operand) => places.get(operand) ?? -1);
    return { ...rest, id, formula: { ...formula, operands } as Formula };
  });
}
