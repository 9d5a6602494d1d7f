// Every index of an axis picked out and put side by side again, as exporters write the last states of both directions
// of a recurrent layer: the same as moving that axis next to another one, so an axis within it keeps its freedom.

import type { OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { productOf } from "../index-sets/atoms.ts";
import type { NodeContext } from "../walk/context.ts";

const maxPicks = 16;

/** Whether the one reader of this Gather concatenates all indices of the same axis in order. */
export function isRejoined(context: NodeContext, size: number): boolean {
  const { node } = context;
  const readers = context.consumers(node.outputs[0]);
  if (size < 2 || size > maxPicks || readers.length === 0) return false;
  return readers.every(({ op, domain, inputs }) => {
    if (op !== "Concat" || domain !== "" || inputs.length !== size) return false;
    return inputs.every((name, index) => {
      const pick = context.producer(name);
      if (pick?.op !== "Gather" || pick.domain !== "" || pick.inputs[0] !== node.inputs[0])
        return false;
      const at = context.single(pick.inputs[1]);
      const same =
        axisOf(pick) === axisOf(node) &&
        context.consumers(name).every((reader) => readers.includes(reader));
      return (
        same &&
        at !== undefined &&
        (at < 0 ? at + size : at) === index &&
        isScalar(context, pick.inputs[1])
      );
    });
  });
}

const axisOf = (node: OnnxNode): number => {
  const found = node.attributes.get("axis");
  return found?.kind === "number" ? found.value : 0;
};

/** Inline scalars only: an index of rank 1 leaves a dimension behind. */
function isScalar(context: NodeContext, name: string): boolean {
  const value = context.producer(name)?.attributes.get("value");
  return value?.kind === "tensor" && value.value.shape.length === 0;
}

/** Publishes the concatenation of picked indices; false when the inputs are something else. */
export function rejoin(context: NodeContext): boolean {
  const { inputs } = context;
  const picks = inputs.flatMap(({ picked }) => (picked === null ? [] : [picked]));
  if (picks.length === 0) return false;
  const [{ source, axis }] = picks;
  const whole = picks.length === inputs.length && source.dims[axis].size === inputs.length;
  if (
    !whole ||
    !picks.every((pick, i) => pick.source === source && pick.axis === axis && pick.index === i)
  )
    return context.decline("a concatenation of single indices in this form");
  const rest = source.dims.toSpliced(axis, 1);
  const at = context.axis(context.number("axis", 0), rest.length);
  const moved = { ...source, dims: rest.toSpliced(at, 0, source.dims[axis]) };
  context.carry(
    source,
    moved,
    source.dims.map((_, i) => {
      if (i === axis) return [i, at] as const;
      const kept = i < axis ? i : i - 1;
      return [i, kept < at ? kept : kept + 1] as const;
    }),
  );
  const output = context.output(0, rest.with(at, productOf([source.dims[axis], rest[at]])));
  context.facts.push({ kind: "regroup", from: moved, to: output });
  return true;
}
