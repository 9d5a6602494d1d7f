// Every index of an axis picked out and put side by side again, as exporters write the last states of both directions
// of a recurrent layer: the same as moving that axis next to another one, so an axis within it keeps its freedom.

import type { OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { productOf } from "../index-sets/atoms.ts";
import type { NodeContext } from "../walk/context.ts";
import type { Value } from "../walk/value.ts";

const maxPicks = 16;

/** The indices of one part of an axis that is read index by index. */
export interface PickRange {
  /** Indices of the whole axis. */
  readonly full: number;
  readonly start: number;
  readonly size: number;
}

export const rangeOfAxis = (size: number): PickRange => ({ full: size, start: 0, size });

/** Whether every reader of this pick has the picks of all indices of the same part of the axis side by side, in order. */
export function isRejoined(context: NodeContext, { full, start, size }: PickRange): boolean {
  const { node } = context;
  const picked = pickOf(context, node, full);
  if (picked === null || size < 2 || size > maxPicks) return false;
  const ends = picked.keeps ? context.consumers(node.outputs[0]) : [node];
  if (
    ends.length === 0 ||
    !ends.every((end) => !picked.keeps || squeezes(context, end, picked.axis))
  )
    return false;
  const readers = ends.flatMap(({ outputs }) => context.consumers(outputs[0]));
  return (
    readers.length > 0 &&
    readers.every(({ op, domain, inputs }) => {
      const first = inputs.findIndex((name) => ends.some(({ outputs }) => outputs[0] === name));
      const from = first - (picked.index - start);
      const run = inputs.slice(from, from + size);
      if (op !== "Concat" || domain !== "" || from < 0 || run.length !== size) return false;
      return run.every((name, at) => {
        const end = context.producer(name);
        const source = picked.keeps && end !== undefined ? context.producer(end.inputs[0]) : end;
        if (end === undefined || source === undefined || source.inputs[0] !== node.inputs[0])
          return false;
        const pick = pickOf(context, source, full);
        const fits =
          pick?.axis === picked.axis && pick.index === start + at && pick.keeps === picked.keeps;
        if (!fits || (picked.keeps && !squeezes(context, end, picked.axis))) return false;
        return context.consumers(name).every((reader) => readers.includes(reader));
      });
    })
  );
}

interface Pick {
  readonly axis: number;
  readonly index: number;
  /** The axis stays, with size 1, until it is squeezed. */
  readonly keeps: boolean;
}

/** The one index that a Gather or a Slice takes of an axis with this size; axes are counted from the front. */
function pickOf(context: NodeContext, node: OnnxNode, size: number): Pick | null {
  if (node.domain !== "") return null;
  if (node.op === "Gather") {
    const at = context.single(node.inputs[1]);
    if (at === undefined || !isScalar(context, node.inputs[1])) return null;
    return { axis: axisOf(node), index: at < 0 ? at + size : at, keeps: false };
  }
  if (node.op !== "Slice") return null;
  const [start, end, axis] = ["starts", "ends", "axes"].map((name, i) =>
    numberOf(context, node, name, i + 1),
  );
  const step = node.inputs[4] === undefined ? 1 : context.single(node.inputs[4]);
  if (start === undefined || end === undefined || axis === undefined || step !== 1) return null;
  const index = start < 0 ? start + size : start;
  const isOne = Math.min(end < 0 ? end + size : end, size) === index + 1;
  return isOne && axis >= 0 ? { axis, index, keeps: true } : null;
}

/** A list with one number, from an attribute or an input. */
function numberOf(
  context: NodeContext,
  { attributes, inputs }: OnnxNode,
  name: string,
  position: number,
): number | undefined {
  const stored = attributes.get(name);
  if (stored?.kind === "numbers" && stored.value.length === 1) return stored.value[0];
  return inputs[position] === undefined ? undefined : context.single(inputs[position]);
}

/** Whether a node takes away this axis and nothing else. */
const squeezes = (context: NodeContext, node: OnnxNode, axis: number): boolean =>
  node.op === "Squeeze" &&
  node.domain === "" &&
  numberOf(context, node, "axes", 1) === axis &&
  node.inputs.length <= 2;

const axisOf = (node: OnnxNode): number => {
  const found = node.attributes.get("axis");
  return found?.kind === "number" ? found.value : 0;
};

/** Inline scalars only: an index of rank 1 leaves a dimension behind. */
function isScalar(context: NodeContext, name: string): boolean {
  const value = context.producer(name)?.attributes.get("value");
  return value?.kind === "tensor" && value.value.shape.length === 0;
}

/** Whether the readers of a concatenation take single indices of its axis and nothing else. */
export function isOnlyPicked(context: NodeContext, axis: number, size: number): boolean {
  const readers = context.consumers(context.node.outputs[0]);
  return (
    size <= maxPicks &&
    readers.length > 0 &&
    readers.every((reader) => {
      const pick = reader.op === "Gather" ? pickOf(context, reader, size) : null;
      return pick !== null && pick.axis === axis && pick.index >= 0 && pick.index < size;
    })
  );
}

/**
 * The inputs of a concatenation, every run of picks as one value: the axis that was picked from stands beside the one along
 * which the values are joined.
 */
export function rejoin(context: NodeContext): readonly Value[] {
  const { inputs } = context;
  const joined: Value[] = [];
  for (let i = 0; i < inputs.length;) {
    const { picked } = inputs[i];
    if (picked === null) {
      joined.push(inputs[i++]);
      continue;
    }
    const { source, axis } = picked;
    const run = inputs.slice(i, i + source.dims[axis].size);
    const isWhole =
      run.length === source.dims[axis].size &&
      run.every(
        ({ picked: one }, at) => one?.source === source && one.axis === axis && one.index === at,
      );
    if (!isWhole) context.decline("a concatenation of single indices in this form");
    joined.push(besideAxis(context, source, axis));
    i += run.length;
  }
  return joined;
}

function besideAxis(context: NodeContext, source: Value, axis: number): Value {
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
  return context.regroup(moved, rest.with(at, productOf([source.dims[axis], rest[at]])));
}
