// Dense layers that act on every entry of all tensors by itself, for n networks with a theta each. Functions of time are the same for
// all entries, so their part of the first layer is a bias.

import { jit, nn, numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../core/random.ts";
import type { ArrayRecord, HostRecord } from "../engine/arrays.ts";
import { matmul } from "../populations/layers/matmul.ts";
import { hostNormal, hostTruncatedNormal, hostZeros } from "./host-theta.ts";
import { timeFeatures } from "./features/published-features.ts";
import type { ThetaShapes } from "./update-program.ts";

export interface DenseEntriesOptions {
  /** Inputs that differ from entry to entry, then the width of every layer. */
  readonly sizes: readonly number[];
  /** Functions of time beside the inputs. @default 0 */
  readonly time?: number;
  /** Variance of the first weights is 1 / inputs; `truncated` redraws those beyond two deviations. @default "normal" */
  readonly init?: "normal" | "truncated";
  /** Whether the last layer is activated too. */
  readonly activateLast: boolean;
}

export interface DenseEntries extends Pick<DenseEntriesOptions, "sizes" | "activateLast"> {
  readonly thetaShapes: ThetaShapes;
  readonly initialTheta: (seed: number) => HostRecord;
  /** Consumes. */
  readonly prepare: (theta: ArrayRecord) => ArrayRecord;
  /** The bias of the first layer [n, 1, width], with what functions of time add to it. Keeps what is prepared, consumes `steps`. */
  readonly firstBias: (prepared: ArrayRecord, steps?: np.Array) => np.Array;
  /** [n, entries, inputs] to [n, entries, width]; `steps` [n] where there are functions of time. Consumes all but what is prepared. */
  readonly apply: (prepared: ArrayRecord, x: np.Array, steps?: np.Array) => np.Array;
}

const biased = jit((x: np.Array, bias: np.Array) => np.add(x, bias));
const activated = jit((x: np.Array, bias: np.Array) => nn.relu(np.add(x, bias)));
const biasAt = jit((bias: np.Array, weight: np.Array, steps: np.Array) =>
  np.add(bias, np.matmul(timeFeatures(steps), weight)),
);
const asRow = jit((bias: np.Array) => np.reshape(bias, [bias.shape[0], 1, bias.shape[1]]));

/** One dense layer. */
interface DenseLayer {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
}

/** Shapes of theta and fresh numbers. */
function thetaOf(
  layers: readonly DenseLayer[],
  init: "normal" | "truncated",
): Pick<DenseEntries, "thetaShapes" | "initialTheta"> {
  const draw = init === "normal" ? hostNormal : hostTruncatedNormal;
  return {
    thetaShapes: Object.fromEntries(
      layers.flatMap(({ name, inputs, outputs }) => [
        [`${name}.weight`, [inputs, outputs]],
        [`${name}.bias`, [outputs]],
      ]),
    ),
    initialTheta: (seed) =>
      Object.fromEntries(
        layers.flatMap(({ name, inputs, outputs }, i) => [
          [
            `${name}.weight`,
            draw(deriveSeed(seed, "dense", i), [inputs, outputs], Math.sqrt(1 / inputs)),
          ],
          [`${name}.bias`, hostZeros([outputs])],
        ]),
      ),
  };
}

/** Theta: `dense<i>.weight` [inputs, outputs] (functions of time last) and `dense<i>.bias` [outputs]. ReLU between layers. */
export function denseEntries(options: DenseEntriesOptions): DenseEntries {
  const { sizes, time = 0, init = "normal", activateLast } = options;
  const layers = sizes.slice(1).map((outputs, i): DenseLayer => ({
    name: `dense${i}`,
    inputs: sizes[i] + (i === 0 ? time : 0),
    outputs,
  }));
  const split = jit((weight: np.Array) => ({
    entries: np.add(weight.ref.slice([], [0, sizes[0]], []), 0),
    time: np.add(weight.slice([], [sizes[0], sizes[0] + time], []), 0),
  }));
  const firstBias: DenseEntries["firstBias"] = (prepared, steps) => {
    const own = prepared["dense0.bias"].ref;
    return steps === undefined ? own : biasAt(own, prepared["dense0.time"].ref, steps);
  };
  return {
    sizes,
    activateLast,
    firstBias,
    ...thetaOf(layers, init),
    prepare(theta) {
      const prepared: ArrayRecord = {};
      for (const [i, { name }] of layers.entries()) {
        prepared[`${name}.bias`] = asRow(theta[`${name}.bias`]);
        const weight = theta[`${name}.weight`];
        if (i > 0 || time === 0) {
          prepared[`${name}.weight`] = weight;
          continue;
        }
        const parts = split(weight);
        prepared[`${name}.weight`] = parts.entries;
        prepared[`${name}.time`] = parts.time;
      }
      return prepared;
    },
    apply(prepared, x, steps) {
      let hidden = x;
      for (const [i, { name }] of layers.entries()) {
        const bias = i === 0 ? firstBias(prepared, steps) : prepared[`${name}.bias`].ref;
        const products = matmul(hidden, prepared[`${name}.weight`].ref);
        const isLast = i === layers.length - 1;
        hidden = (isLast && !activateLast ? biased : activated)(products, bias);
      }
      return hidden;
    },
  };
}
