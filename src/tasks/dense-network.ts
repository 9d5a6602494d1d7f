// Dense ReLU classifiers of any sizes on a task's examples: found in named weights, evaluated in the array engine.

import { nn, numpy as np } from "@jax-js/jax";
import { SpecError } from "../core/errors.ts";
import { formatShape } from "../core/shapes.ts";
import type { Weights } from "../core/tensors.ts";
import type { Dataset } from "../datasets/examples.ts";

/** One dense layer: weights [out, in] and biases [out], by name. */
export interface DenseLayerNames {
  readonly weight: string;
  readonly bias: string;
}

/**
 * The layers of a dense network, in the order of its tensors.
 * @throws {SpecError} when the tensors are no chain of layers from the task's features to its classes
 */
export function denseLayers(
  shapes: ReadonlyMap<string, readonly number[]>,
  {
    name,
    features,
    classes,
  }: { readonly name: string; readonly features: number; readonly classes: number },
): DenseLayerNames[] {
  const layers: DenseLayerNames[] = [];
  let inputs = features;
  const refuse = (message: string): never => {
    throw new SpecError(`the task "${name}"`, [{ severity: "error", message }]);
  };
  for (const [weight, shape] of [...shapes].filter(([key]) => key.endsWith("weight"))) {
    const bias = weight.replace(/weight$/, "bias");
    const [outputs, from] = shape;
    if (shape.length !== 2 || from !== inputs || shapes.get(bias)?.join() !== String(outputs))
      refuse(
        `tensor "${weight}" has shape ${formatShape(shape)}, expected a dense layer [units, ${inputs}] with "${bias}" [units]`,
      );
    layers.push({ weight, bias });
    inputs = outputs;
  }
  if (layers.length === 0 || inputs !== classes || shapes.size !== 2 * layers.length)
    refuse(
      `expected dense layers from ${features} inputs to ${classes} classes and nothing else, got ${shapes.size} tensors that end with ${inputs} units`,
    );
  return layers;
}

/** Class scores [count, classes] of a dense ReLU network; the engine must run. */
export async function denseScores(
  layers: readonly DenseLayerNames[],
  weights: Weights,
  { inputs, count }: Pick<Dataset, "inputs" | "count">,
): Promise<Float32Array> {
  const array = (name: string) =>
    np.array(Float32Array.from(weights[name].data), { shape: [...weights[name].shape] });
  let active = np.array(inputs, { shape: [count, inputs.length / count] });
  for (const [i, { weight, bias }] of layers.entries()) {
    const sums = np.add(np.matmul(active, np.swapaxes(array(weight), 0, 1)), array(bias));
    active = i === layers.length - 1 ? sums : nn.relu(sums);
    await active.blockUntilReady();
  }
  return (await active.data()) as Float32Array;
}
