// Operations that make values from nothing: constants, filled arrays and ranges.

import { sizeOf } from "../../core/shapes.ts";
import { isFloatType } from "../../formats/onnx/onnx-element-types.ts";
import { decodeTensor } from "../../formats/onnx/onnx-tensor.ts";
import { newAtom } from "../index-sets/atoms.ts";
import { fixedAtom, type NodeContext } from "../walk/context.ts";
import { storedConstant } from "../walk/constants.ts";
import { maxFolded } from "../walk/fold.ts";
import type { KnownNumbers } from "../walk/value.ts";
import type { Handlers } from "./handler.ts";

function constant(context: NodeContext): void {
  const { attributes } = context.node;
  const tensor = attributes.get("value");
  if (tensor?.kind === "tensor") {
    if (tensor.value.type === "string") return context.decline("text");
    const { dims, numbers } = storedConstant(tensor.value);
    context.output(0, dims, numbers ? { numbers } : {});
    return;
  }
  for (const name of ["value_int", "value_float", "value_ints", "value_floats"]) {
    const found = attributes.get(name);
    if (found === undefined) continue;
    const list = context.numbers(name) ?? [];
    const numbers = { data: Float64Array.from(list), integer: name.startsWith("value_int") };
    context.output(0, found.kind === "number" ? [] : [newAtom(list.length)], { numbers });
    return;
  }
  context.decline("this kind of constant");
}

function constantOfShape(context: NodeContext): void {
  const shape = context.parameter(0) ?? context.decline("a shape that is computed from data");
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    context.fail(`its shape is [${shape.join(", ")}]`);
  const filled = context.node.attributes.get("value");
  const tensor = filled?.kind === "tensor" && filled.value.type !== "string" ? filled.value : null;
  const entry = tensor === null ? 0 : (decodeTensor(tensor)[0] ?? 0);
  const count = sizeOf(shape);
  const integer = tensor !== null && !isFloatType(tensor.type);
  const numbers: KnownNumbers | null =
    count > maxFolded ? null : { data: new Float64Array(count).fill(entry), integer };
  context.output(0, shape.map(newAtom), numbers ? { numbers, entry } : { entry });
}

function range(context: NodeContext): void {
  const bounds = [0, 1, 2].map((i) => context.parameter(i)?.[0]);
  const [start, limit, step] = bounds;
  if (start === undefined || limit === undefined || step === undefined)
    return context.decline("bounds that are computed from data");
  const count = Math.max(0, Math.ceil((limit - start) / step));
  if (!Number.isSafeInteger(count)) context.fail(`it counts from ${start} to ${limit} by ${step}`);
  const integer = context.inputs.every(({ numbers }) => numbers?.integer === true);
  const data =
    count > maxFolded ? null : Float64Array.from({ length: count }, (_, i) => start + i * step);
  context.output(0, [fixedAtom(count, context.label)], data ? { numbers: { data, integer } } : {});
}

export const constants: Handlers = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
};
