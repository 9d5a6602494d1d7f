// Writes an ONNX file again with other numbers in its initializers; everything else stays byte for byte in meaning.

import { toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, type TensorProto } from "onnx-buf";
import { ShapeError, UnsupportedError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shapes.ts";
import type { Tensor, Weights } from "../core/tensors.ts";
import { decodeModel } from "./onnx.ts";
import { fromHalf, typeOfNumber } from "./onnx-tensor.ts";

/**
 * The model with these tensors in place of its initializers of the same names. A name that the file computes by an
 * Identity node from another initializer becomes an initializer of its own.
 * @throws {ShapeError} for a name the file does not have or another number of entries.
 */
export function replaceInitializers(bytes: Uint8Array, weights: Weights): Uint8Array {
  const model = decodeModel(bytes);
  const { graph } = model;
  const byName = new Map((graph?.initializer ?? []).map((proto) => [proto.name, proto]));
  const written: [TensorProto, Tensor][] = [];
  for (const [name, tensor] of Object.entries(weights)) {
    let proto = byName.get(name);
    const alias = graph?.node.findIndex(
      ({ opType, output }) => opType === "Identity" && output[0] === name,
    );
    if (proto === undefined && graph !== undefined && alias !== undefined && alias >= 0) {
      const original = byName.get(aliasSource(graph.node, alias));
      if (original !== undefined) {
        proto = { ...original, name };
        graph.initializer.push(proto);
        graph.node.splice(alias, 1);
      }
    }
    if (proto === undefined)
      throw new ShapeError(`replaceInitializers: the file has no initializer "${name}"`);
    if (sizeOf(proto.dims.map(Number)) !== tensor.data.length)
      throw new ShapeError(
        `replaceInitializers: "${name}" has shape ${formatShape(proto.dims.map(Number))}, got ${tensor.data.length} entries`,
      );
    written.push([proto, tensor]);
  }
  for (const [proto, tensor] of written) writeTensor(proto, tensor.data);
  return toBinary(ModelProtoSchema, model);
}

function aliasSource(
  nodes: readonly {
    readonly opType: string;
    readonly input: string[];
    readonly output: string[];
  }[],
  at: number,
): string {
  let name = nodes[at].input[0];
  for (let step = 0; step < nodes.length; step++) {
    const next = nodes.find(({ opType, output }) => opType === "Identity" && output[0] === name);
    if (next === undefined) break;
    name = next.input[0];
  }
  return name;
}

function writeTensor(proto: TensorProto, data: Float32Array | Float64Array): void {
  const type = typeOfNumber(proto.dataType);
  const width = type === "float32" ? 4 : type === "float64" ? 8 : 2;
  const raw = new Uint8Array(data.length * width);
  const view = new DataView(raw.buffer);
  for (let i = 0; i < data.length; i++) {
    if (type === "float32") view.setFloat32(4 * i, data[i], true);
    else if (type === "float64") view.setFloat64(8 * i, data[i], true);
    else if (type === "float16") view.setUint16(2 * i, toHalf(data[i]), true);
    else if (type === "bfloat16") view.setUint16(2 * i, toBrain(data[i]), true);
    else throw new UnsupportedError(`replaceInitializers: "${proto.name}" is not a float tensor`);
  }
  proto.rawData = raw;
  proto.floatData = [];
  proto.doubleData = [];
  proto.int32Data = [];
}

const scratch = new DataView(new ArrayBuffer(4));

function toBrain(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  return Number.isNaN(value) ? 0x7fc0 : ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Nearest float16 bit pattern, found by bisection over the ordered patterns of one sign. */
function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (Number.isNaN(value)) return 0x7e00;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  let low = 0;
  let high = 0x7bff;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (fromHalf(middle) <= size) low = middle;
    else high = middle - 1;
  }
  const next = low + 1;
  const down = size - fromHalf(low);
  const up = fromHalf(next) - size;
  return sign | (up < down || (up === down && next % 2 === 0) ? next : low);
}
