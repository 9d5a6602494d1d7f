// Arrays of a file as inputs of a graph, cut into the batches that the graph takes.

import { OptionError, ShapeError, UnsupportedError } from "../../core/errors.ts";
import { lookup } from "../../core/records.ts";
import { formatShape, sizeOf } from "../../core/shapes.ts";
import type { Tensor, Weights } from "../../core/tensors.ts";
import type { OnnxType } from "../../formats/onnx/onnx-element-types.ts";
import type { OnnxGraph, OnnxValueType } from "../../formats/onnx/onnx-types.ts";
import type { ModelArray } from "../../runtime/executor.ts";

/** Inputs of the graph for some examples, the same for every network. */
export interface InputBatch {
  readonly inputs: Readonly<Record<string, ModelArray>>;
  /** The first of its examples. */
  readonly first: number;
  readonly count: number;
}

/** Examples run at once where the graph leaves it open. */
const maxAtOnce = 256;

/** The array that holds class labels, not an input. */
export const labelsName = "labels";

/**
 * The arrays, examples first, as batches for a graph: by the names of its inputs; a graph with one input also takes the
 * only array that is no label, whatever its name.
 * @throws {OptionError} for arrays that are missing, or examples that do not fill the graph's fixed batch; {ShapeError}
 * naming the input; {UnsupportedError} for inputs of types that are not written
 */
export function inputBatches(graph: OnnxGraph, arrays: Weights): InputBatch[] {
  const given = graph.inputs.map((input) => arrayFor(graph, input, arrays));
  if (given.length === 0) throw new OptionError("inputBatches: the graph has no inputs to vary");
  const [examples = 0] = given[0].shape;
  if (examples === 0)
    throw new OptionError(
      `inputBatches: the array for input "${graph.inputs[0].name}" has shape ${formatShape(given[0].shape)}, which is no example; give one or more, examples first`,
    );
  for (const [i, { shape, data }] of given.entries()) {
    checkShape(graph.inputs[i], shape, examples);
    checkFinite(graph.inputs[i], data, sizeOf(shape.slice(1)));
  }
  const fixed = graph.inputs
    .map(({ shape }) => shape?.[0])
    .find((size) => typeof size === "number");
  const size = fixed ?? Math.min(maxAtOnce, examples);
  if (fixed !== undefined && examples % fixed !== 0)
    throw new OptionError(
      `inputBatches: the graph takes ${fixed} examples at once, got ${examples}; give a multiple, or export the model with a free first dimension`,
    );
  const batches: InputBatch[] = [];
  for (let first = 0; first < examples; first += size) {
    const count = Math.min(size, examples - first);
    const inputs = graph.inputs.map(({ name, type }, i) => {
      const { shape, data } = given[i];
      const each = sizeOf(shape.slice(1));
      const part = data.subarray(first * each, (first + count) * each);
      return [name, { type, shape: [count, ...shape.slice(1)], data: ofType(name, type, part) }];
    });
    batches.push({ first, count, inputs: Object.fromEntries(inputs) as InputBatch["inputs"] });
  }
  return batches;
}

function arrayFor(graph: OnnxGraph, { name }: OnnxValueType, arrays: Weights): Tensor {
  const named = lookup(arrays, name);
  if (named !== undefined) return named;
  const others = Object.keys(arrays).filter((key) => key !== labelsName);
  if (graph.inputs.length === 1 && others.length === 1) return arrays[others[0]];
  throw new OptionError(
    `inputBatches: no array for the input "${name}" of the graph; the file has ${Object.keys(arrays).join(", ") || "none"}`,
  );
}

function checkShape({ name, shape }: OnnxValueType, given: readonly number[], examples: number) {
  const fits =
    given.length > 0 &&
    given[0] === examples &&
    (shape === null ||
      (shape.length === given.length &&
        shape.every((size, at) => at === 0 || typeof size !== "number" || size === given[at])));
  if (fits) return;
  const expected = shape?.map((size, at) => (at === 0 ? examples : (size ?? "any"))).join(", ");
  throw new ShapeError(
    `inputBatches: the array for input "${name}" has shape ${formatShape(given)}, expected [${expected ?? `${examples}, ...`}], examples first`,
  );
}

function checkFinite({ name }: OnnxValueType, data: Tensor["data"], each: number): void {
  const bad = data.findIndex((x) => !Number.isFinite(x));
  if (bad === -1) return;
  throw new OptionError(
    `inputBatches: the array for input "${name}" holds ${data[bad]} at entry ${bad}, in example ${Math.floor(bad / each)}; leave such examples out`,
  );
}

function ofType(name: string, type: OnnxType | null, data: Tensor["data"]): ModelArray["data"] {
  switch (type) {
    case "float32":
      return Float32Array.from(data);
    case "float64":
      return Float64Array.from(data);
    case "int64":
      return BigInt64Array.from(data as ArrayLike<number>, BigInt);
    case "int32":
      return Int32Array.from(data);
    case "bool":
    case "uint8":
      return Uint8Array.from(data);
    default:
      throw new UnsupportedError(
        `inputBatches: input "${name}" is of type ${type ?? "unknown"}, expected float32, float64, int64, int32, uint8 or bool`,
      );
  }
}
