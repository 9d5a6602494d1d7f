// Networks run as graphs: a model file into which the weights of any checkpoint of it are put.

import { inputBatches, type InputBatch, labelsName } from "../../align/activations/graph-inputs.ts";
import { readAll } from "../../formats/tensor-source.ts";
import type { WeightReader } from "../../parts/problem.ts";
import { OptionError } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensors.ts";
import type { Executor } from "../../runtime/executor.ts";
import type { Inference } from "../../infer/infer.ts";
import { onnxRuntime } from "../../runtime/onnx-runtime.ts";
import type { FittedGraph } from "../../checkpoints/found-spec.ts";
import { modelMaker } from "../../checkpoints/model-maker.ts";
import { openWeights } from "../../node/open-weights.ts";
import { UsageError } from "../app/usage-error.ts";

export interface RunnableGraph {
  readonly inference: Inference;
  readonly executor: Executor;
  readonly batches: readonly InputBatch[];
  /** The array `labels` of the file of inputs. @throws {OptionError} when it has none */
  labels(): Tensor;
  /** The model with the weights of a network in it. */
  modelOf(read: WeightReader): Promise<Uint8Array>;
}

/**
 * The graph of checkpoints, with the inputs in a file.
 * @throws {UsageError} without a graph; {EnvironmentError} without onnxruntime-web; {OptionError} {ShapeError} for inputs
 */
export async function openGraph(
  command: string,
  graph: FittedGraph | undefined,
  inputsPath: string,
): Promise<RunnableGraph> {
  if (graph === undefined)
    throw new UsageError(
      `${command}: running the networks on ${inputsPath} needs their graph; give --model graph.onnx`,
    );
  const { inference } = graph;
  const file = await openWeights(inputsPath);
  const arrays = await readAll(file.entries.keys(), (name) => file.read(name)).finally(() =>
    file.close(),
  );
  return {
    inference,
    batches: inputBatches(inference.graph, arrays),
    executor: await onnxRuntime(),
    labels() {
      if (Object.hasOwn(arrays, labelsName)) return arrays[labelsName];
      throw new OptionError(
        `${command}: ${inputsPath} has no array "${labelsName}"; the loss needs the class of every example, from 0`,
      );
    },
    modelOf: modelMaker(graph),
  };
}
