// Layers of populations: a layer says in `apply` what one network computes, and in `run` does the same for n networks at once,
// fast, together with the way back of gradients. Networks are sequences of layers.

import { numpy as np, tree } from "@jax-js/jax";
import type { NetworkForm } from "../../kernels/networks/forms.ts";
import { frozenRecord } from "../../core/records.ts";
import type { ArrayRecord as WeightBatch } from "../../engine/arrays.ts";
import { add } from "./elementwise.ts";

/** Tensor shapes of one network, by name. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/**
 * From the gradient at an output to the gradient at the input. Gives the gradients of the layer's tensors to the pass.
 * It can be called once. @consumes argument, and what the layer kept
 */
export type Back = (atOutput: np.Array) => np.Array;

/** The same for a layer that reads data: no gradient at the input. */
export type End = (atOutput: np.Array) => void;

/** What the layers share while n networks run. */
export interface Pass {
  /** [n, ...shape] by name; kept. */
  readonly weights: WeightBatch;
  /** Notes an array that `back` will consume, so that a pass without a way back can free it. Returns the array. */
  readonly hold: (array: np.Array) => np.Array;
  /** Adds to the gradient of a tensor, [n, ...shape]. @consumes */
  readonly give: (name: string, gradient: np.Array) => void;
}

/** Rows are examples, or the tokens of all examples, one example after another. */
export interface Layer {
  readonly shapes: Shapes;
  /** The same as data, where kernels for one network know such layers. */
  readonly form?: NetworkForm;
  /**
   * The definition, for one network: [rows, inputs] to [rows, outputs] in plain operations of the engine. Pure: it can be
   * traced, differentiated and vectorised. @keeps weights @consumes input
   */
  readonly apply: (weights: WeightBatch, x: np.Array) => np.Array;
  /** The same for n networks, [n, rows, inputs] to [n, rows, outputs], and the way back. Not for use under `jit`. */
  readonly run: (x: np.Array, pass: Pass) => readonly [output: np.Array, back: Back];
  /** `run` where x is data, [n, rows, inputs] or [1, rows, inputs] for all. @default `run`, its last gradient dropped */
  readonly runOnData?: (x: np.Array, pass: Pass) => readonly [output: np.Array, end: End];
}

const runOnData = (layer: Layer, x: np.Array, pass: Pass): readonly [np.Array, End] => {
  if (layer.runOnData !== undefined) return layer.runOnData(x, pass);
  const [output, back] = layer.run(x, pass);
  return [output, (at) => back(at).dispose()];
};

const formOf = (form: NetworkForm | undefined): Pick<Layer, "form"> =>
  form === undefined ? {} : { form };

/** The form of layers one after another, where all have one. */
function sequenceForm(layers: readonly Layer[]): NetworkForm | undefined {
  const forms = layers.flatMap(({ form }) => form ?? []);
  return forms.length === layers.length ? { kind: "sequence", layers: forms } : undefined;
}

/** Layers one after another. Those without tensors in front turn data into data: nothing goes back through them. */
export function sequence(...layers: readonly Layer[]): Layer {
  const withTensors = layers.findIndex(({ shapes }) => Object.keys(shapes).length > 0);
  const front = withTensors === -1 ? layers.length : withTensors;
  const runFrom = (from: number, x: np.Array, pass: Pass): readonly [np.Array, Back] => {
    const backs: Back[] = [];
    let output = x;
    for (const layer of layers.slice(from)) {
      const [next, back] = layer.run(output, pass);
      output = next;
      backs.push(back);
    }
    return [output, (at) => backs.reduceRight((gradient, back) => back(gradient), at)];
  };
  return {
    shapes: frozenRecord(layers.flatMap(({ shapes }) => Object.entries(shapes))),
    ...formOf(sequenceForm(layers)),
    apply: (weights, x) => layers.reduce((input, layer) => layer.apply(weights, input), x),
    run: (x, pass) => runFrom(0, x, pass),
    runOnData(x, pass) {
      const { pass: lead, release } = forwardPass(pass.weights);
      const data = layers.slice(0, front).reduce((input, layer) => layer.run(input, lead)[0], x);
      release();
      if (front === layers.length) return [data, (at) => at.dispose()];
      const [next, end] = runOnData(layers[front], data, pass);
      const [output, back] = runFrom(front + 1, next, pass);
      return [output, (at) => end(back(at))];
    },
  };
}

/** x + layer(x). */
export function residual(layer: Layer): Layer {
  return {
    shapes: layer.shapes,
    ...formOf(layer.form && { kind: "residual", layer: layer.form }),
    apply: (weights, x) => np.add(x.ref, layer.apply(weights, x)),
    run(x, pass) {
      const [y, back] = layer.run(x.ref, pass);
      return [add(x, y), (at) => add(back(at.ref), at)];
    },
  };
}

/** A pass without a way back; `release` frees what layers have held so far. Keeps the weights. */
export function forwardPass(weights: WeightBatch): { pass: Pass; release: () => void } {
  let held: np.Array[] = [];
  const hold = (array: np.Array) => {
    held.push(array);
    return array;
  };
  const give = () => {
    throw new Error("forwardPass: a pass without a way back got a gradient");
  };
  const release = () => {
    tree.dispose(held);
    held = [];
  };
  return { pass: { weights, hold, give }, release };
}

/** What n networks compute of data, [n, rows, inputs] or [1, rows, inputs] for all. @keeps weights @consumes x */
export function runForward(layer: Layer, weights: WeightBatch, x: np.Array): np.Array {
  const { pass, release } = forwardPass(weights);
  const [output] = runOnData(layer, x, pass);
  release();
  return output;
}

/** The gradient of every tensor, from data and from the gradient at the outputs, [n, ...]. Keeps the weights. */
export function runBackward(
  layer: Layer,
  weights: WeightBatch,
  x: np.Array,
  gradientAt: (outputs: np.Array) => np.Array,
): WeightBatch {
  return gatherGradients(weights, (pass) => {
    const [output, end] = runOnData(layer, x, pass);
    end(gradientAt(output));
  });
}

/** The gradients that layers give while `run` goes forward and back, by tensor, summed where a tensor is used again. */
export function gatherGradients(weights: WeightBatch, run: (pass: Pass) => void): WeightBatch {
  const gradients: WeightBatch = {};
  run({
    weights,
    hold: (array) => array,
    give: (name, value) => accumulate(gradients, name, value),
  });
  return gradients;
}

/** Adds a value to a named sum. @consumes */
export function accumulate(sums: WeightBatch, name: string, value: np.Array): void {
  sums[name] = Object.hasOwn(sums, name) ? add(sums[name], value) : value;
}
