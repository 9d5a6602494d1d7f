// Networks that functionals run: what n networks answer to inputs that they share, and the way back from a gradient at the answers to
// the inputs and to the weights, by the layers that also train populations.

import { jit, numpy as np, vmap } from "@jax-js/jax";
import type { ArrayRecord as WeightBatch } from "../../engine/arrays.ts";
import { add } from "../layers/elementwise.ts";
import { gatherGradients, type Layer, runForward, type Shapes } from "../layers/layer.ts";

/** How one answer is read: `groups` times `width` numbers. */
export interface Answers {
  /** Answers to one input, such as the times of a sequence. */
  readonly groups: number;
  /** Numbers of each. */
  readonly width: number;
  /** Whether those are scores of classes, of which a softmax makes chances. */
  readonly scores: boolean;
}

/** A network, its inputs and its answers; everything for n networks carries a leading axis n. */
export interface RunnableNetwork {
  readonly shapes: Shapes;
  /** Numbers of one input. */
  readonly inputs: number;
  /** Where they lie, usually. */
  readonly range: readonly [low: number, high: number];
  readonly answers: Answers;
  /** The definition: inputs [count, inputs] to answers [n, count, groups * width]. Pure. @consumes */
  readonly apply: (weights: WeightBatch, inputs: np.Array) => np.Array;
  /** The same, faster; not for use under `jit`. @consumes inputs @keeps weights */
  readonly forward: (weights: WeightBatch, inputs: np.Array) => np.Array;
  /** From the gradient at the answers to those at inputs [count, inputs] and weights. @keeps weights @consumes rest */
  readonly backward: (
    weights: WeightBatch,
    inputs: np.Array,
    at: np.Array,
  ) => { readonly inputs: np.Array; readonly weights: WeightBatch };
}

/** What is known of a network beside its layers. */
type About = Pick<RunnableNetwork, "inputs" | "range" | "answers">;

/** The sum over networks; where one of them overflows, that one counts as 0. @consumes */
export const sumOverNetworks = jit((gradients: np.Array) =>
  np.sum(np.where(np.isfinite(gradients.ref), gradients, 0), 0),
);

/** The network of layers from [count, inputs] to rows of answers. */
export function runnableLayers(layer: Layer, about: About): RunnableNetwork {
  const [first] = Object.keys(layer.shapes);
  const one = (weights: WeightBatch, inputs: np.Array) => {
    const answers = layer.apply(weights, inputs);
    for (const array of Object.values(weights)) array.dispose();
    return answers;
  };
  return Object.freeze({
    ...about,
    shapes: layer.shapes,
    apply: (weights: WeightBatch, inputs: np.Array) => vmap(one, [0, null])(weights, inputs),
    forward: (weights: WeightBatch, inputs: np.Array) =>
      runForward(layer, weights, np.expandDims(inputs, 0)),
    backward(weights: WeightBatch, inputs: np.Array, at: np.Array) {
      const [n] = weights[first].shape;
      const x = add(np.expandDims(inputs, 0), np.zeros([n, 1, 1])); // a copy for each
      let atInputs: np.Array | undefined;
      const ofWeights = gatherGradients(weights, (pass) => {
        const [output, back] = layer.run(x, pass);
        output.dispose();
        atInputs = back(at);
      });
      return { inputs: sumOverNetworks(atInputs as unknown as np.Array), weights: ofWeights };
    },
  });
}

const transposed = jit((x: np.Array) => np.add(np.swapaxes(x, -1, -2), 0));

/** Columns of scores [outputs, rows] as rows [rows, outputs]. No tensors. */
export const columnsAsRows: Layer = {
  shapes: {},
  apply: (_, x) => np.transpose(x),
  run: (x) => [transposed(x), transposed],
};
