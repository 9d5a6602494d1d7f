// Random inputs of the declared types: normal numbers for floats, small whole numbers within every table for indices.

import { UnsupportedError } from "../../core/errors.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { frozenRecord } from "../../core/records.ts";
import { sizeOf } from "../../core/shapes.ts";
import { type OnnxType } from "../../formats/onnx/onnx-element-types.ts";
import { decodeTensor, hasNumbers } from "../../formats/onnx/onnx-tensor.ts";
import type { OnnxGraph } from "../../formats/onnx/onnx-types.ts";
import type { ModelArray } from "../../runtime/executor.ts";
import { indexInputs, lookups } from "./compared-numbers.ts";
import type { InputShapes } from "../walk/input-shapes.ts";

export interface DrawOptions {
  /** What normal numbers are multiplied by. @default 1 */
  readonly size?: number;
  /** Whole numbers are below this. @default the smallest table that they could look into */
  readonly indices?: number;
  /** Inputs of whole numbers that hold one number everywhere. @default none */
  readonly compared?: ReadonlyMap<string, number>;
}

/** One random array for every input, of these shapes. */
export type InputDrawer = (
  shapes: InputShapes,
  seed: number,
  options?: DrawOptions,
) => Readonly<Record<string, ModelArray>>;

/**
 * What draws the inputs of a graph; the same seed gives the same numbers.
 * @throws {UnsupportedError} when it draws, for inputs without a type or shape
 */
export function randomInputs(graph: OnnxGraph): InputDrawer {
  const lookedUp = indexInputs(graph);
  let known: number | undefined;
  return (shapes, seed, { size = 1, indices, compared } = {}) => {
    const bound = indices ?? (known ??= indexBound(graph));
    return frozenRecord(
      graph.inputs.map(({ name, type }, i) => {
        const shape = shapes[i];
        if (type === null || shape === null)
          throw new UnsupportedError(
            `randomInputs: input "${name}" does not declare its type and rank`,
          );
        const random = randomStream(deriveSeed(seed, "input", name));
        const limit = type === "bool" ? 2 : bound;
        const only = compared?.get(name) ?? (/mask/i.test(name) || type === "bool" ? 1 : undefined);
        const integer = only === undefined ? () => random.integer(limit) : () => only;
        const normal = lookedUp.has(name) ? integer : () => size * random.normal();
        return [name, { type, shape, data: draw(type, sizeOf(shape), normal, integer) }] as const;
      }),
    );
  };
}

function draw(
  type: OnnxType,
  length: number,
  normal: () => number,
  integer: () => number,
): ModelArray["data"] {
  switch (type) {
    case "float32":
    case "float16":
      return Float32Array.from({ length }, normal);
    case "float64":
      return Float64Array.from({ length }, normal);
    case "int64":
      return BigInt64Array.from({ length }, () => BigInt(integer()));
    case "uint64":
      return BigUint64Array.from({ length }, () => BigInt(integer()));
    case "int32":
      return Int32Array.from({ length }, integer);
    case "uint32":
      return Uint32Array.from({ length }, integer);
    case "int8":
      return Int8Array.from({ length }, integer);
    case "bool":
    case "uint8":
      return Uint8Array.from({ length }, integer);
    default:
      throw new UnsupportedError(`randomInputs: inputs of type ${type} are not drawn`);
  }
}

/** Bound of whole numbers where no stored table is looked into, and the largest bound of all. */
const fewIndices = 16;
const manyIndices = 1000;

/** The smallest table that indices could look into, at least 2. */
function indexBound(graph: OnnxGraph): number {
  let bound = Infinity;
  for (const node of graph.nodes) {
    const table = lookups.has(node.op) ? graph.initializers.get(node.inputs[0]) : undefined;
    if (node.op === "OneHot") bound = Math.min(bound, depthOf(graph, node.inputs[1]));
    const axis = node.attributes.get("axis");
    const size = table?.shape.at(axis?.kind === "number" ? axis.value : 0);
    if (size !== undefined) bound = Math.min(bound, size);
  }
  return bound === Infinity ? fewIndices : Math.max(2, Math.min(bound, manyIndices));
}

/** The stored number of classes. */
function depthOf({ initializers }: OnnxGraph, name: string): number {
  const depth = initializers.get(name);
  const known = depth !== undefined && hasNumbers(depth) && depth.type !== "string";
  return known && sizeOf(depth.shape) === 1 ? decodeTensor(depth)[0] : Infinity;
}
