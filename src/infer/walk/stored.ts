// What the stored tensors of a graph are to inference: weights that an action moves, or constants that it must leave as
// they are. Float tensors are weights unless they steer shapes or stand for several tensors at once.

import { sizeOf } from "../../core/shapes.ts";
import { isFloatType, type OnnxType } from "../../formats/onnx/onnx-element-types.ts";
import { hasNumbers, type OnnxTensor } from "../../formats/onnx/onnx-tensor.ts";
import type { OnnxGraph, OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { isUniform } from "./constants.ts";

/** `loose`: one number everywhere and several readers, so that it may stand for several tensors. */
export type StoredRole = "weight" | "loose" | "constant";

/** Inputs that are read as numbers: bounds, sizes, factors, axes. */
const parameters: Readonly<Record<string, readonly number[]>> = {
  Reshape: [1],
  Resize: [1, 2, 3],
  Upsample: [1],
  Range: [0, 1, 2],
  ConstantOfShape: [0],
  Expand: [1],
  Tile: [1],
  Slice: [1, 2, 3, 4],
  Pad: [1, 2, 3],
  Clip: [1, 2],
  OneHot: [1, 2],
  TopK: [1],
  Split: [1],
  Squeeze: [1],
  Unsqueeze: [1],
  CumSum: [1],
  Trilu: [1],
  Dropout: [1, 2],
};

/** Operations that take the shape of their input and none of its numbers. */
const shapeOnly = new Set(["Shape", "Size"]);

/** Names of the stored tensors whose numbers steer shapes, directly or through arithmetic on stored numbers. */
export function steeringTensors(
  graph: OnnxGraph,
  producers: ReadonlyMap<string, OnnxNode>,
): Set<string> {
  const steering = new Set<string>();
  const computed = new Set(graph.inputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    const moves =
      !shapeOnly.has(node.op) &&
      [...node.inputs, ...node.captured].some((one) => computed.has(one));
    if (moves) for (const output of node.outputs) computed.add(output);
  }
  const open: string[] = [];
  for (const { op, domain, inputs } of graph.nodes) {
    if (domain !== "" || !Object.hasOwn(parameters, op)) continue;
    for (const at of parameters[op]) if (inputs[at] !== undefined) open.push(inputs[at]);
  }
  const seen = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name) || computed.has(name)) continue;
    seen.add(name);
    if (graph.initializers.has(name)) steering.add(name);
    const from = producers.get(name);
    if (from !== undefined && !shapeOnly.has(from.op)) open.push(...from.inputs);
  }
  return steering;
}

/** Inputs of the int8 family that are weights, with their zero points and biases. */
const quantisedInputs: Readonly<Record<string, readonly number[]>> = {
  MatMulInteger: [0, 1, 3],
  ConvInteger: [1, 3],
  QLinearMatMul: [0, 3, 5],
  QLinearConv: [3, 5, 8],
  DequantizeLinear: [0, 2],
  QGemm: [0, 3, 5, 6],
  DynamicQuantizeLSTM: [1, 2, 9, 11],
  // Some exporters multiply by the scale themselves.
  Cast: [0],
};
const smallIntegers: ReadonlySet<OnnxType> = new Set(["int8", "uint8", "int32"]);

/** Operations that take rows of a quantised table, or turn it, before it is made floats again. */
const beforeFloats = new Set("Gather Transpose Reshape Squeeze Unsqueeze Identity".split(" "));

/** Whether a table of integers is made floats after some of its rows were taken. */
function isQuantisedTable(
  tensor: OnnxTensor,
  readers: ReadonlyMap<string, readonly OnnxNode[]>,
): boolean {
  if (tensor.shape.length < 2 || tensor.type === "int32") return false;
  const open = [tensor.name];
  const seen = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const { op, domain, inputs, outputs } of readers.get(name) ?? []) {
      if (inputs[0] !== name) continue;
      if (op === "DequantizeLinear" && name !== tensor.name) return true;
      if (domain !== "" || !beforeFloats.has(op) || seen.has(outputs[0])) continue;
      seen.add(outputs[0]);
      open.push(outputs[0]);
    }
  }
  return false;
}

/** Whether a tensor of integers stands for a quantised weight. */
function isQuantised(tensor: OnnxTensor, all: ReadonlyMap<string, readonly OnnxNode[]>): boolean {
  const readers = all.get(tensor.name) ?? [];
  if (!smallIntegers.has(tensor.type) || sizeOf(tensor.shape) <= 1) return false;
  return (
    isQuantisedTable(tensor, all) ||
    readers.some(
      ({ op, inputs }) =>
        (op !== "Cast" || (tensor.type !== "int32" && tensor.shape.length > 1)) &&
        Object.hasOwn(quantisedInputs, op) &&
        quantisedInputs[op].includes(inputs.indexOf(tensor.name)),
    )
  );
}

/** Operations that only rearrange their first input. */
const layout = new Set(
  "Identity Reshape Flatten Squeeze Unsqueeze Transpose Cast Slice Split Concat".split(" "),
);
/** Inputs of layers that are weights. */
const layerInputs: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
  Einsum: [0, 1],
  Gather: [0],
  BatchNormalization: [1, 2, 3, 4],
  InstanceNormalization: [1, 2],
  LayerNormalization: [1, 2],
  GroupNormalization: [1, 2],
  RMSNormalization: [1],
  SimplifiedLayerNormalization: [1],
  SkipLayerNormalization: [2, 3, 4],
  LSTM: [1, 2, 3, 7],
  GRU: [1, 2, 3],
  RNN: [1, 2, 3],
  PRelu: [1],
};
/** Element-wise operations by which a bias or a gain acts. */
const affine = new Set("Add Sub Mul Div Sum".split(" "));

/**
 * Whether an array in a Constant node is used as a layer's weight: in the place of one, or as one number per channel.
 * Masks and tables of angles are not.
 */
function isUsedAsWeight(
  tensor: OnnxTensor,
  readers: ReadonlyMap<string, readonly OnnxNode[]>,
): boolean {
  const isVector = tensor.shape.filter((size) => size > 1).length === 1;
  const seen = new Set<string>();
  const open = [tensor.name];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    for (const { op, domain, inputs, outputs } of readers.get(name) ?? []) {
      if (domain !== "") continue;
      const places = Object.hasOwn(layerInputs, op) ? layerInputs[op] : [];
      const at = inputs.indexOf(name);
      if (places.includes(at) && !(isVector && at === 0)) return true;
      if (affine.has(op) && isVector) return true;
      if (layout.has(op)) open.push(...outputs);
    }
  }
  return false;
}

/** The role of one tensor; those in `held` are constants. */
export function storedRole(
  tensor: OnnxTensor,
  readers: ReadonlyMap<string, readonly OnnxNode[]>,
  held: ReadonlySet<string>,
): StoredRole {
  if (held.has(tensor.name)) return "constant";
  if (isQuantised(tensor, readers)) return "weight";
  if (!isFloatType(tensor.type)) return "constant";
  if (sizeOf(tensor.shape) <= 1) return "loose";
  const isShared = (readers.get(tensor.name)?.length ?? 0) > 1;
  if (isShared && hasNumbers(tensor) && isUniform(tensor)) return "loose";
  return tensor.inline === true && !isUsedAsWeight(tensor, readers) ? "constant" : "weight";
}
