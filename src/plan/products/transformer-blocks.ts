// Finds the blocks that Transformer-NFN is defined on: attention whose output is not added to its input, then two dense layers
// with a hidden axis between them. Each block becomes a spec of its own with the group that was published for it.

import { OptionError } from "../../core/errors.ts";
import { axesOfExpression } from "../../symmetry/expression.ts";
import { type AtomicTensor, type LoweredSpec, lowerSpec } from "../../symmetry/lower.ts";
import type { SymmetrySpec, TensorSpec } from "../../symmetry/types.ts";
import { weakenSpec } from "../../symmetry/weaken.ts";

export interface TransformerBlocks {
  /**
   * Every block: heads are permuted, spaces of queries and values have bases of their own, the output of attention and the
   * hidden axis are permuted; rows of the stream count as fixed, and scales of the hidden axis are left out.
   */
  readonly blocks: readonly SymmetrySpec[];
  /** All other tensors, with the whole group. */
  readonly rest: SymmetrySpec;
}

const refuse = (model: string, axis: string, problem: string): never => {
  throw new OptionError(
    `${model}: axis "${axis}" ${problem}; expected Transformer blocks without residuals; use unf-products`,
  );
};

/** Axes of a tensor besides heads and their spaces. */
function streamAxes({ axes }: LoweredSpec, { dims }: AtomicTensor, head: number): number[] {
  return dims.flatMap(({ axis }) => (axis === head || axes[axis].parent === head ? [] : [axis]));
}

interface Found {
  readonly tensors: ReadonlySet<string>;
  readonly fixed: readonly number[];
  readonly hidden: number;
}

/** The block around one axis of heads. */
function findBlock(lowered: LoweredSpec, head: number, model: string): Found {
  const { axes, tensors } = lowered;
  const name = (axis: number) => axes[axis].name;
  const spaces = axes.flatMap(({ parent, group }, axis) =>
    parent === head && group === "general-linear" ? [axis] : [],
  );
  if (spaces.length !== 2)
    refuse(model, name(head), `encloses ${spaces.length} general-linear axes, expected 2`);
  const around = (axis: number, inverse: boolean) =>
    new Set(
      tensors.flatMap((tensor) =>
        tensor.dims.some((dim) => dim.axis === axis && dim.inverse === inverse)
          ? streamAxes(lowered, tensor, head)
          : [],
      ),
    );
  const sides = spaces.map((axis) => ({ from: around(axis, false), to: around(axis, true) }));
  const differs = sides.filter(({ from, to }) => [...to].some((axis) => !from.has(axis)));
  const [values] = differs;
  if (differs.length !== 1 || values.to.size !== 1)
    return refuse(
      model,
      sides.flatMap(({ to }) => [...to]).map(name)[0] ?? name(head),
      "is both read and written by attention (a residual stream)",
    );
  const inputs = [...new Set(sides.flatMap(({ from }) => [...from]))];
  const [out] = values.to;
  const has = (axis: number) => tensors.filter(({ dims }) => dims.some((dim) => dim.axis === axis));
  const others = (list: readonly AtomicTensor[], ...known: number[]) => [
    ...new Set(
      list.flatMap((tensor) =>
        streamAxes(lowered, tensor, head).filter((axis) => !known.includes(axis)),
      ),
    ),
  ];
  const hidden = others(has(out), out);
  if (hidden.length !== 1)
    refuse(model, name(out), `leads to ${hidden.length} other axes, expected one hidden axis`);
  const ends = others(has(hidden[0]), hidden[0], out);
  if (ends.length > 1) refuse(model, name(hidden[0]), `leads to ${ends.length} axes, expected one`);
  const attention = tensors.filter(({ dims }) => dims.some(({ axis }) => axis === head));
  const blockTensors = [...attention, ...has(out), ...has(hidden[0])];
  return {
    tensors: new Set(
      [...blockTensors, ...lastBias(lowered, has(hidden[0]), ends)].map((t) => t.source),
    ),
    fixed: [...inputs, ...ends],
    hidden: hidden[0],
  };
}

/** The bias behind the second dense layer: it has the axes, or fixed axes, that the layer leads to, and no other. */
function lastBias(
  { tensors }: LoweredSpec,
  dense: readonly AtomicTensor[],
  ends: readonly number[],
): AtomicTensor[] {
  const names = (tensor: AtomicTensor) => tensor.fixed.map(({ axis }) => axis).join();
  const second = dense.find(({ dims, fixed }) => dims.length === 1 && fixed.length > 0);
  return tensors.filter((tensor) => {
    if (ends.length === 1)
      return (
        tensor.dims.length === 1 && tensor.dims[0].axis === ends[0] && tensor.fixed.length === 0
      );
    return second !== undefined && tensor.dims.length === 0 && names(tensor) === names(second);
  });
}

const withTensors = (spec: SymmetrySpec, keep: (name: string) => boolean): SymmetrySpec => {
  const tensors = Object.entries(spec.tensors).filter(([name]) => keep(name));
  const used = new Set(tensors.flatMap(([, tensor]) => namesIn(tensor)));
  const needed = (name: string): boolean =>
    used.has(name) || Object.entries(spec.axes).some(([n, a]) => a.within === name && needed(n));
  const axes = Object.entries(spec.axes).filter(([name]) => needed(name));
  return { ...spec, axes: Object.fromEntries(axes), tensors: Object.fromEntries(tensors) };
};

const namesIn = ({ axes }: TensorSpec): string[] => axes.flatMap((axis) => axesOfExpression(axis));

/**
 * The blocks of a spec in the order of its axes.
 * @throws {OptionError} naming the axis that stops it.
 */
export function transformerBlocks(spec: SymmetrySpec, model: string): TransformerBlocks {
  const lowered = lowerSpec(spec);
  const heads = [
    ...new Set(
      lowered.axes.flatMap(({ group, parent }) =>
        group === "general-linear" && parent !== null ? [parent] : [],
      ),
    ),
  ];
  if (heads.length === 0)
    throw new OptionError(
      `${model}: no axis is general linear within heads, expected Transformer blocks without residuals; use unf-products`,
    );
  const found = heads.map((head) => findBlock(lowered, head, model));
  const inBlocks = new Set<string>();
  for (const { tensors, hidden } of found) {
    for (const name of tensors) {
      if (inBlocks.has(name))
        refuse(model, lowered.axes[hidden].name, `shares "${name}" with another block`);
      inBlocks.add(name);
    }
  }
  const blocks = found.map(({ tensors, fixed, hidden }) => {
    const names = fixed.map((axis) => lowered.axes[axis].name);
    const blockSpec = withTensors(spec, (name) => tensors.has(name));
    const { name } = lowered.axes[hidden];
    return weakenSpec(blockSpec, { fix: names, dropScale: [name] });
  });
  return { blocks, rest: withTensors(spec, (name) => !inBlocks.has(name)) };
}
