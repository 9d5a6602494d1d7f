// The second front end of symmetry inference: a network written as a function of the array engine is traced, and the program
// that comes out is followed by the same engine as an ONNX graph. Nothing is computed; only shapes are needed.

import { type DType, makeJaxpr, numpy as np } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import { frozenRecord } from "../core/records.ts";
import { sizeOf } from "../core/shapes.ts";
import { startEngine } from "../engine/start.ts";
import type { OnnxGraph } from "../formats/onnx/onnx-types.ts";
import { type Inference, inferSpec, type InferOptions } from "../infer/infer.ts";
import type { AxisExpression } from "../symmetry/expression.ts";
import { sealSpec } from "../symmetry/spec.ts";
import type { SymmetrySpec, TensorSpec } from "../symmetry/types.ts";
import { type GraphBuilder, graphBuilder } from "./graph-builder.ts";
import { isFloat, type TracedProgram } from "./program.ts";
import { translate } from "./translate.ts";

/** A shape and an element type; arrays of the engine are such. */
export interface Shaped {
  readonly shape: readonly number[];
  /** @default "float32" */
  readonly dtype?: string;
}

/** A network: its weights by name and its inputs to one output, or several. */
export type NetworkFunction = (
  weights: Record<string, np.Array>,
  ...inputs: np.Array[]
) => np.Array | np.Array[];

/** Which symmetries {@link inferSpecFromFunction} looks for. */
export type InferFunctionOptions = Pick<InferOptions, "scales">;

/**
 * The symmetry spec of a network written as a function. Neither weights nor inputs are read or consumed: their shapes
 * suffice. Numbers that the function holds itself (masks, tables) are read, because they can break a symmetry.
 *
 * ```ts
 * const { spec } = await inferSpecFromFunction(
 *   ({ w1, w2 }, x) => np.matmul(nn.relu(np.matmul(x, w1)), w2),
 *   { w1: { shape: [8, 16] }, w2: { shape: [16, 3] } },
 *   [{ shape: [4, 8] }],
 * );
 * ```
 * @throws {OptionError} without float weights; {UnsupportedError} when no weight is used. Starts the engine.
 */
export async function inferSpecFromFunction(
  fn: NetworkFunction,
  weights: Readonly<Record<string, Shaped>>,
  inputs: readonly Shaped[],
  options: InferFunctionOptions = {},
): Promise<Inference> {
  const graph = await traceFunction(fn, weights, inputs);
  const inference = inferSpec(graph, { ...options, untie: false });
  return Object.freeze({ ...inference, spec: withSingleNumbers(inference, weights) });
}

const oneEntry: AxisExpression = Object.freeze({ kind: "block", size: 1 });

/**
 * The spec with the weights of one entry, too, which no group moves: a graph's stored numbers stand outside its spec, but those that
 * a caller names are weights.
 */
function withSingleNumbers(
  { spec, graph }: Inference,
  weights: Readonly<Record<string, Shaped>>,
): SymmetrySpec {
  const isRead = (name: string) => graph.nodes.some(({ inputs }) => inputs.includes(name));
  const singles = Object.entries(weights).filter(
    ([name, { shape }]) =>
      sizeOf(shape) === 1 && isRead(name) && !Object.hasOwn(spec.tensors, name),
  );
  if (singles.length === 0) return spec;
  const all = new Map<string, TensorSpec>([
    ...Object.entries(spec.tensors),
    ...singles.map(
      ([name, { shape }]) => [name, { shape, axes: shape.map(() => oneEntry) }] as const,
    ),
  ]);
  const ordered = Object.keys(weights).flatMap((name) => {
    const tensor = all.get(name);
    return tensor === undefined ? [] : [[name, tensor] as const];
  });
  return sealSpec({ axes: spec.axes, tensors: frozenRecord(ordered) });
}

/** The graph of a function: what {@link inferSpecFromFunction} follows. */
export async function traceFunction(
  fn: NetworkFunction,
  weights: Readonly<Record<string, Shaped>>,
  inputs: readonly Shaped[],
): Promise<OnnxGraph> {
  const names = Object.keys(weights);
  const nonFloat = names.filter((name) => !isFloat(weights[name].dtype ?? "float32"));
  if (names.length === 0 || nonFloat.length > 0)
    throw new OptionError(
      `inferSpecFromFunction: expected named float weights, got ${nonFloat.length > 0 ? `"${nonFloat[0]}" of type ${weights[nonFloat[0]].dtype}` : "none"}`,
    );
  await startEngine();
  const example = ({ shape, dtype = "float32" }: Shaped) =>
    np.zeros([...shape], { dtype: dtype as DType });
  const examples = [...names.map((name) => example(weights[name])), ...inputs.map(example)];
  const flat = (...all: np.Array[]) =>
    fn(Object.fromEntries(names.map((name, i) => [name, all[i]])), ...all.slice(names.length));
  const { jaxpr } = makeJaxpr(flat)(...examples);
  for (const array of examples) array.dispose();
  try {
    const inputNames = inputs.map((_, i) => freeName(`input${i}`, names));
    const build = graphBuilder([...names, ...inputNames]);
    const constants = await Promise.all(
      jaxpr.consts.map((constant) => readConstant(build, constant as unknown as np.Array)),
    );
    const values = [
      ...constants,
      ...names.map((name) => build.weight(name, weights[name].shape)),
      ...inputs.map(({ shape, dtype = "float32" }, i) =>
        build.input(inputNames[i], { shape, dtype }),
      ),
    ];
    return build.graph(translate(jaxpr.jaxpr as TracedProgram, values, build));
  } finally {
    jaxpr.dispose();
  }
}

async function readConstant(build: GraphBuilder, array: np.Array): Promise<string> {
  const { shape, dtype } = array;
  const data = await array.ref.data();
  return build.constant(Array.from(data as ArrayLike<number>), shape, !isFloat(dtype));
}

const freeName = (name: string, taken: readonly string[]): string =>
  taken.includes(name) ? freeName(`${name}_`, taken) : name;
