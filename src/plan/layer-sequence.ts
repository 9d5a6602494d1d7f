// Recognises networks that are one layer after another, the only ones that Monomial-NFN and MAGEP-NFN are defined on, and
// says which axis stops it in others.

import { OptionError } from "../core/errors.ts";
import type { AtomicTensor, LoweredSpec } from "../symmetry/lower.ts";

/** One layer: ids of its tensors. */
export interface SequenceLayer {
  readonly weight: number;
  readonly bias: number;
}

const signsOf = ({ dims }: AtomicTensor) => ({
  into: dims.filter(({ inverse }) => !inverse).map(({ axis }) => axis),
  from: dims.filter(({ inverse }) => inverse).map(({ axis }) => axis),
});

/** @throws {OptionError} for an axis that carries no scale, or lies within another, or is a general-linear one. */
function checkAxes({ axes }: LoweredSpec, model: string): void {
  for (const { name, scale, group, parent } of axes) {
    const what =
      group === "general-linear"
        ? "is general linear"
        : parent !== null
          ? "lies within another axis"
          : scale === null
            ? "has no scale part"
            : null;
    if (what !== null)
      throw new OptionError(
        `${model}: axis "${name}" ${what}, expected hidden axes with positive or sign scales only; use unf-products`,
      );
  }
}

/**
 * The layers of a lowered spec in order: a weight from fixed inputs, weights from one hidden axis to the next, a weight to fixed
 * outputs, and a bias each.
 * @throws {OptionError} naming the axis that does not fit.
 */
export function layerSequence(lowered: LoweredSpec, model: string): SequenceLayer[] {
  const { axes, tensors } = lowered;
  checkAxes(lowered, model);
  const refuse = (axis: string, problem: string): never => {
    throw new OptionError(
      `${model}: axis "${axis}" ${problem}; expected one layer after another; use unf-products`,
    );
  };
  const names = (list: readonly AtomicTensor[]) =>
    list.map(({ name }) => name).join(", ") || "none";
  const one = (
    axis: number,
    kind: string,
    fits: (tensor: AtomicTensor) => boolean,
  ): AtomicTensor => {
    const found = tensors.filter(fits);
    return found.length === 1
      ? found[0]
      : refuse(axes[axis].name, `has ${found.length} ${kind} (${names(found)})`);
  };
  const isBias = ({ dims, fixed }: AtomicTensor) => dims.length === 1 && fixed.length === 0;
  const into = axes.map((_, axis) =>
    one(axis, "weights that lead to it", (tensor) => {
      const { into: to } = signsOf(tensor);
      return to.includes(axis) && !(isBias(tensor) && to.length === 1);
    }),
  );
  const biases = axes.map((_, axis) =>
    one(axis, "biases", (tensor) => isBias(tensor) && signsOf(tensor).into[0] === axis),
  );
  const out = axes.map((_, axis) =>
    one(axis, "weights that read it", (tensor) => signsOf(tensor).from.includes(axis)),
  );
  const first = axes.findIndex((_, axis) => into[axis].dims.length === 1);
  if (first === -1)
    throw new OptionError(`${model}: no weight reads fixed inputs; use unf-products`);
  const layers: SequenceLayer[] = [];
  const used = new Set<number>();
  let axis: number | undefined = first;
  let weight = into[first];
  while (axis !== undefined) {
    if (used.has(axis)) refuse(axes[axis].name, "lies on a cycle");
    if (weight.dims.length > 2) refuse(axes[axis].name, `meets two others in "${weight.name}"`);
    used.add(axis);
    layers.push({ weight: weight.id, bias: biases[axis].id });
    weight = out[axis];
    axis = signsOf(weight).into[0];
  }
  const ends = tensors.filter(({ dims }) => dims.length === 0);
  const missed = axes.findIndex((_, other) => !used.has(other));
  if (missed !== -1) refuse(axes[missed].name, "is not reached from the first layer");
  if (ends.length !== 1)
    throw new OptionError(
      `${model}: ${ends.length} tensors without hidden axes (${names(ends)}), expected one bias of the output; use unf-products`,
    );
  return [...layers, { weight: weight.id, bias: ends[0].id }];
}
