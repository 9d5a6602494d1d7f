// Learned probes: a network is run at a few inputs that training chooses, and a dense network reads what it answers. Reads what a
// network computes, not its weights: no symmetry can move it, and it says nothing of the weights themselves.

import { numpy as np } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import { randomStream, deriveSeed } from "../../core/random.ts";
import { sine } from "../../engine/waves.ts";
import { checkBatch } from "../../layers/check-batch.ts";
import { denseStack } from "../../layers/pointwise/dense.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { Model, Params, WeightBatch } from "../model.ts";
import { checkValues, probesOptions } from "../options.ts";

/** What stands between the linear layers of the networks that are run. */
export type ProbedActivation = "sine" | "relu" | "tanh";

/** The shape of a functional that runs networks at learned inputs. */
export interface ProbesOptions {
  /** @default "probes" */
  readonly name?: string;
  /** Inputs at which every network is run. @default 64 */
  readonly probes?: number;
  /** What the networks that are read compute between linear layers. @default "sine" */
  readonly networks?: ProbedActivation;
  /** Frequency of sine networks: sin(omega x). @default 30 */
  readonly omega?: number;
  /** Sizes of the dense head; the last is the number of outputs. @default [128, 1] */
  readonly head?: readonly number[];
  /** Dropout rate in the head while training. @default 0 */
  readonly dropout?: number;
}

/** One linear layer of the networks that are read: names of its tensors and its sizes. */
interface LinearLayer {
  readonly weight: string;
  readonly bias: string;
  readonly inputs: number;
  readonly outputs: number;
}

/** The linear layers of a chain, in the spec's order. @throws {OptionError} naming the tensor that is not part of one */
function chainOf(spec: SymmetrySpec): readonly LinearLayer[] {
  const tensors = Object.entries(spec.tensors);
  const refuse = (name: string, why: string): never => {
    throw new OptionError(
      `probes: tensor "${name}" ${why}; probes read networks of linear layers one after another, each a weight [outputs, inputs] and a bias [outputs]`,
    );
  };
  const layers: LinearLayer[] = [];
  for (let at = 0; at < tensors.length; at += 2) {
    const [weight, { shape }] = tensors[at];
    const [bias, biasSpec] = tensors[at + 1] ?? ["", undefined];
    if (shape.length !== 2) return refuse(weight, `has ${shape.length} dimensions`);
    if (biasSpec === undefined) return refuse(weight, "has no bias after it");
    if (biasSpec.shape.length !== 1 || biasSpec.shape[0] !== shape[0])
      return refuse(bias, `has shape [${biasSpec.shape.join(", ")}] after "${weight}"`);
    const before = layers.at(-1);
    if (before !== undefined && before.outputs !== shape[1])
      return refuse(weight, `reads ${shape[1]} numbers where ${before.outputs} arrive`);
    layers.push({ weight, bias, outputs: shape[0], inputs: shape[1] });
  }
  return layers;
}

/** What every network answers at the probes: [batch, probes, outputs]. Pure. @consumes */
function answers(
  layers: readonly LinearLayer[],
  weights: WeightBatch,
  probes: np.Array,
  activate: (sums: np.Array) => np.Array,
): np.Array {
  const [{ weight: first }] = layers;
  const batch = weights[first].shape[0];
  const count = probes.shape[0];
  let values = probes; // [probes, inputs], then [batch, probes, units]
  for (const [at, { weight, bias, inputs, outputs }] of layers.entries()) {
    const matrix = weights[weight];
    const products =
      at === 0
        ? np.transpose(
            np.reshape(
              np.matmul(values, np.transpose(np.reshape(matrix, [batch * outputs, inputs]))),
              [count, batch, outputs],
            ),
            [1, 0, 2],
          )
        : outputs === 1 // a product with a single column, as a sum
          ? np.expandDims(np.sum(np.multiply(values, matrix), -1), -1)
          : np.matmul(values, np.transpose(matrix, [0, 2, 1]));
    const sums = np.add(products, np.expandDims(weights[bias], 1));
    values = at === layers.length - 1 ? sums : activate(sums);
  }
  return values;
}

const activations: Readonly<
  Record<ProbedActivation, (omega: number) => (sums: np.Array) => np.Array>
> = {
  sine: (omega) => (sums) => sine(np.multiply(sums, omega)),
  relu: () => (sums) => np.maximum(sums, 0),
  tanh: () => (sums) => np.tanh(sums),
};

/**
 * A functional that runs networks at learned inputs. Weights must come as they are, not normalised.
 * @throws {OptionError} when the spec is not that of linear layers one after another, or an option is out of its range
 */
export function probes(
  spec: SymmetrySpec,
  {
    name = "probes",
    probes: count = 64,
    networks = "sine",
    omega = 30,
    head = [128, 1],
    dropout = 0,
  }: ProbesOptions = {},
): Model {
  checkValues(name, probesOptions, { probes: count, networks, omega, head, dropout });
  const layers = chainOf(spec);
  const [{ inputs }] = layers;
  const { outputs } = layers[layers.length - 1];
  const top = denseStack([count * outputs, ...head], { dropout });
  const activate = activations[networks](omega);
  return {
    name,
    spec,
    outputs: head[head.length - 1],
    parameterCount: count * inputs + top.parameterCount,
    init(seed) {
      const random = randomStream(deriveSeed(seed, "probes"));
      const places = Float32Array.from({ length: count * inputs }, () => 2 * random.uniform() - 1);
      return { ...top.init(seed), "probes.places": np.array(places, { shape: [count, inputs] }) };
    },
    apply(params, weights, { key } = {}) {
      checkBatch(spec, weights, 1);
      const { "probes.places": places, ...others } = params as Params & {
        "probes.places": np.Array;
      };
      const batch = weights[layers[0].weight].shape[0];
      const seen = answers(layers, weights, places, activate);
      return top.apply(others, np.reshape(seen, [batch, count * outputs]), key);
    },
  };
}
