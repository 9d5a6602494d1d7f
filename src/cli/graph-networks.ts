// Networks run as graphs: a model file into which the weights of any checkpoint of it are put.

import { inputBatches, type InputBatch, labelsName } from "../align/graph-inputs.ts";
import { gather } from "../align/graph-loss.ts";
import type { WeightReader } from "../align/problem.ts";
import { OptionError } from "../core/errors.ts";
import type { Tensor } from "../core/tensors.ts";
import { modelWriter } from "../formats/onnx-write.ts";
import { readOnnx } from "../formats/onnx.ts";
import type { Executor } from "../infer/executor.ts";
import { type Inference, inferSpec } from "../infer/infer.ts";
import { onnxRuntime } from "../infer/onnx-runtime.ts";
import { formatAxisExpression } from "../spec/expression.ts";
import type { SymmetrySpec, TensorSpec } from "../spec/types.ts";
import { readBytes } from "./files.ts";
import type { Network } from "./networks.ts";
import { openWeights } from "./open-weights.ts";
import { UsageError } from "./usage-error.ts";
import { floatTensors, isOnnx } from "./write-network.ts";

export interface RunnableGraph {
  readonly inference: Inference;
  readonly executor: Executor;
  readonly batches: readonly InputBatch[];
  /** The array `labels` of the file of inputs. @throws {OptionError} when it has none */
  labels(): Tensor;
  /** The model with the weights of a network in it. */
  modelOf(read: WeightReader): Promise<Uint8Array>;
}

export interface GraphRequest {
  /** The graph; that of the first network when it is not given. */
  readonly model?: string | undefined;
  readonly first: Network;
  /** The spec that was found for the networks, in their names. */
  readonly spec: SymmetrySpec;
  readonly inputs: string;
}

/**
 * The graph of --model or of the first network, with the inputs in a file.
 * @throws {UsageError} without a graph; {EnvironmentError} without onnxruntime-web; {OptionError} {ShapeError} for inputs
 */
export async function openGraph(
  command: string,
  { model, first, spec, inputs: inputsPath }: GraphRequest,
): Promise<RunnableGraph> {
  const path = model ?? first.path;
  if (!isOnnx(path))
    throw new UsageError(
      `${command}: running the networks on ${inputsPath} needs their graph; give --model graph.onnx`,
    );
  const bytes = await readBytes(path);
  const inference = inferSpec(readOnnx(bytes));
  const file = await openWeights(inputsPath);
  const arrays = await gather(file.entries.keys(), (name) => file.read(name)).finally(() =>
    file.close(),
  );
  const batches = inputBatches(inference.graph, arrays);
  const write = modelWriter(bytes);
  const known = await floatTensors({ path, source: first.source });
  const placed = placesOf(inference.spec, spec);
  const others = [...first.source.entries.keys()].filter(
    (name) => known.has(name) && !placed.has(name) && inference.graph.initializers.has(name),
  );
  const readPlaced = (read: WeightReader) => async (name: string) => {
    const place = placed.get(name);
    if (place === undefined) return read(name);
    const tensor = await read(place.name);
    return place.transposed ? transpose(tensor) : tensor;
  };
  return {
    inference,
    batches,
    executor: await onnxRuntime(),
    labels() {
      if (Object.hasOwn(arrays, labelsName)) return arrays[labelsName];
      throw new OptionError(
        `${command}: ${inputsPath} has no array "${labelsName}"; the loss needs the class of every example, from 0`,
      );
    },
    modelOf: async (read) => write(await gather([...placed.keys(), ...others], readPlaced(read))),
  };
}

interface Place {
  readonly name: string;
  readonly transposed: boolean;
}

/** Where the tensors of a graph are found in its checkpoints: under their names, or where `fitNames` found their numbers. */
function placesOf(graph: SymmetrySpec, found: SymmetrySpec): Map<string, Place> {
  const text = ({ axes }: TensorSpec) => axes.map(formatAxisExpression).join();
  const named = Object.entries(found.tensors);
  return new Map(
    Object.entries(graph.tensors).map(([wanted, tensor], i): [string, Place] => {
      const own: [string, TensorSpec] = [wanted, found.tensors[wanted] ?? tensor];
      const [name, there] = Object.hasOwn(found.tensors, wanted) ? own : (named[i] ?? own);
      return [wanted, { name, transposed: text(there) !== text(tensor) }];
    }),
  );
}

function transpose({ shape: [rows, columns], data }: Tensor): Tensor {
  const turned = data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)]);
  return { shape: [columns, rows], data: turned };
}
