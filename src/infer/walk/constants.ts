// What is known about constants: their numbers when there are few, or that all entries are one number.

import { sizeOf } from "../../core/shapes.ts";
import { isFloatType } from "../../formats/onnx/onnx-element-types.ts";
import {
  decodeFirst,
  decodeTensor,
  hasNumbers,
  type OnnxTensor,
} from "../../formats/onnx/onnx-tensor.ts";
import type { OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { newAtom } from "../index-sets/atoms.ts";
import { fixedAtom } from "./context.ts";
import { words } from "../ops/handler.ts";
import type { Value } from "./value.ts";

/** Larger constants are not looked into: their axes are fixed. */
const maxChecked = 4_000_000;

/** Dimensions and numbers of a constant that is stored in the file. @throws {UnsupportedError} for text */
export function storedConstant(tensor: OnnxTensor): Pick<Value, "dims" | "numbers" | "entry"> {
  const { name, shape, type } = tensor;
  if (!hasNumbers(tensor))
    return {
      dims: shape.map((size) => fixedAtom(size, `the numbers of "${name}" are not there`)),
      numbers: null,
      entry: null,
    };
  if (sizeOf(shape) > maxChecked)
    return {
      dims: shape.map((size) => fixedAtom(size, `constant "${name}" is large`)),
      numbers: null,
      entry: null,
    };
  const data = decodeTensor(tensor);
  const numbers = { data, integer: !isFloatType(type) };
  const entry = data.every((x) => x === data[0]) ? (data[0] ?? null) : null;
  return { dims: shape.map(newAtom), numbers, entry };
}

/** Entries of a tensor in another file that are looked at first: the others rarely need to be read. */
const firstEntries = 4096;

/** Whether a stored tensor has one number everywhere. */
export function isUniform(tensor: OnnxTensor): boolean {
  if (sizeOf(tensor.shape) > firstEntries) {
    const first = decodeFirst(tensor, firstEntries);
    if (first.some((entry) => entry !== first[0])) return false;
  }
  const data = decodeTensor(tensor);
  return data.every((entry) => entry === data[0]);
}

/** What is known about the entries of a constant that was computed: its numbers when small, or that all are equal. */
export function foldConstant(
  made: Value,
  inputs: readonly (Value | null)[],
  node: OnnxNode,
  numbers: Value["numbers"],
): Value {
  const known = made.numbers ?? numbers;
  const read = uniformOf.has(node.op) ? inputs.slice(0, 1) : inputs;
  const entries = read.filter((value) => value !== null).map(({ entry }) => entry);
  const [first = null] = entries;
  const passes = uniformOf.has(node.op) || node.op === "Concat";
  const entry = made.entry ?? (passes && entries.every((one) => one === first) ? first : null);
  const { data } = known ?? { data: null };
  return {
    ...made,
    numbers: known,
    entry: entry ?? (data?.every((x) => x === data[0]) === true ? (data[0] ?? null) : null),
  };
}

/** Operations whose result holds only entries of their first input. */
const uniformOf = new Set(
  words("Identity Reshape Flatten Squeeze Unsqueeze Transpose Expand Tile Slice Split Gather"),
);
