// The loss of a network given as a graph on labelled examples.

import { OptionError } from "../../core/errors.ts";
import type { Tensor } from "../../core/tensors.ts";
import type { OnnxGraph } from "../../formats/onnx/onnx-types.ts";
import type { Executor } from "../../runtime/executor.ts";
import { classify } from "./classification.ts";
import type { InputBatch } from "../activations/graph-inputs.ts";
import type { PathPoint } from "./path.ts";

/** Evaluates models of one graph: cross-entropy and accuracy of its first output, class scores [examples, classes]. */
export type EvaluateModel = (model: Uint8Array) => Promise<Omit<PathPoint, "t">>;

/**
 * @throws {OptionError} when labels and examples disagree in number, or the first output is not [examples, classes]
 */
export function graphLoss(
  graph: OnnxGraph,
  executor: Executor,
  batches: readonly InputBatch[],
  labels: Tensor,
  signal?: AbortSignal,
): EvaluateModel {
  const examples = batches.reduce((sum, { count }) => sum + count, 0);
  if (labels.data.length !== examples)
    throw new OptionError(
      `graphLoss: ${labels.data.length} labels for ${examples} examples, expected as many`,
    );
  const bad = labels.data.findIndex((label) => !(Number.isInteger(label) && label >= 0));
  if (bad !== -1)
    throw new OptionError(
      `graphLoss: label ${bad} is ${labels.data[bad]}, expected the number of a class, from 0`,
    );
  const [{ name }] = graph.outputs;
  const last = graph.nodes.find(({ outputs }) => outputs.includes(name));
  const chances = last?.op === "Softmax";
  return async (model) => {
    let [loss, right, batch] = [0, 0, 0];
    const inputs = batches.map((each) => each.inputs);
    for await (const outputs of executor.runEach(model, inputs)) {
      signal?.throwIfAborted();
      const { shape, data } = outputs[name];
      const { first, count } = batches[batch++];
      if (
        shape.length !== 2 ||
        shape[0] !== count ||
        !(data instanceof Float32Array || data instanceof Float64Array)
      )
        throw new OptionError(
          `graphLoss: output "${name}" has shape [${shape.join(", ")}], expected float class scores [${count}, classes]`,
        );
      const sums = classify(data, labels.data.subarray(first, first + count), { chances });
      loss += sums.loss;
      right += sums.right;
    }
    return { loss: loss / examples, accuracy: right / examples };
  };
}
