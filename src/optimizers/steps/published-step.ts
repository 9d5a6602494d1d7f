// A step of the optimizers that read the published inputs, on kernels: the residual ones and LOLv2. Inputs of mean square 1 are not written: what they are divided by goes
// into the rows of the first matrix, tensor by tensor.

import type { Place } from "../../kernels/wasm/static-arena.ts";
import { momentumDecays, timeScales } from "../features/published-features.ts";
import type { KernelOutput } from "../outputs/output-layer.ts";
import type { TensorLayout } from "../tensor-layout.ts";
import { type EntryKernel, entryKernel } from "./entry-kernel.ts";
import {
  type NetworkNumbers,
  pad,
  type PaddedLayout,
  paddedLayout,
  type StepKernel,
  unpad,
} from "./step-kernel.ts";

/** Added to mean squares. */
const epsilon = 1e-5;

/** Parameter, gradient, and the running means. */
const channels = 2 + momentumDecays.length;

/** Numbers of the first layer before inputs are divided by anything, and of all others. */
function denseTheta({ layers }: EntryKernel) {
  const [first, ...others] = layers;
  const weight = new Float32Array(first.weight.length);
  let [bias, time] = [new Float32Array(0), new Float32Array(0)];
  return {
    set(prepared: NetworkNumbers, names: readonly string[]) {
      const [name, ...rest] = names;
      weight.set(prepared[`${name}.weight`]);
      bias = Float32Array.from(prepared[`${name}.bias`]);
      time = Float32Array.from(prepared[`${name}.time`]);
      for (const [i, layer] of others.entries()) {
        layer.weight.set(prepared[`${rest[i]}.weight`]);
        layer.bias.set(prepared[`${rest[i]}.bias`]);
      }
    },
    /** The bias of the first layer, with what functions of the steps done add. */
    setTime(steps: number) {
      const rises = timeScales.map((scale) => Math.tanh(steps / scale - 1));
      for (let o = 0; o < bias.length; o++) {
        let sum = bias[o];
        for (let i = 0; i < rises.length; i++) sum += rises[i] * time[i * bias.length + o];
        first.bias[o] = sum;
      }
    },
    /** Rows of the first matrix, each times a factor. */
    setFactors(factors: ArrayLike<number>) {
      const width = bias.length;
      for (let c = 0, at = 0; c < factors.length; c++)
        for (let o = 0; o < width; o++, at++) first.weight[at] = weight[at] * factors[c];
    },
  };
}

/** What moves the parameters once the network's outputs are there. */
export interface PublishedMove {
  /** Names of the layers in what is prepared. */
  readonly layers: readonly string[];
  /** The network's part of theta beside the layers. */
  readonly setTheta: (prepared: NetworkNumbers) => void;
  /** Moves the parameters of the entries from `from` to before `to`. */
  readonly move: (vectors: StepVectors, from: number, to: number) => void;
}

/** Padded vectors; `momentum` is the state's, zeros where there is none. */
export interface StepVectors {
  /** [outputs, entries] */
  readonly outputs: Float32Array;
  readonly params: Float32Array;
  readonly gradients: Float32Array;
  readonly momentum: Float32Array;
}

export interface PublishedStepOptions {
  readonly layout: TensorLayout;
  readonly widths: readonly number[];
  readonly clip?: number;
  readonly last?: KernelOutput["tensors"];
  readonly move: PublishedMove;
}

/** The kernel, and where parameters, gradients and running means lie: channels of its inputs. */
function placedKernel(options: PublishedStepOptions, padded: PaddedLayout) {
  const { layout, widths, clip, last } = options;
  const { entries } = padded;
  let source: Place = { address: 0, size: 0 };
  const kernel = entryKernel({
    layout: padded,
    tensorCount: layout.tensors.length,
    total: layout.total,
    widths,
    last,
    ...(clip !== undefined && { clip }),
    place: ({ floats }) => {
      source = floats(channels * entries);
      const at = (channel: number, count: number): Place => ({
        address: source.address + 4 * channel * entries,
        size: count * entries,
      });
      const means = { gradient: at(1, 1), means: at(2, momentumDecays.length) };
      return { source, means: { ...means, decays: momentumDecays } };
    },
  });
  const all = kernel.numbers(source);
  const channel = (from: number, to: number) => all.subarray(from * entries, to * entries);
  return {
    kernel,
    params: channel(0, 1),
    gradients: channel(1, 2),
    means: channel(2, channels),
  };
}

/** A step of an optimizer that reads the published inputs. */
export function publishedStep(options: PublishedStepOptions): StepKernel {
  const { layout, move } = options;
  const padded = paddedLayout(layout);
  const { entries, parts } = padded;
  const views = (vector: Float32Array) =>
    parts.map(({ at, size }) => vector.subarray(at, at + size));
  const { kernel, params, gradients, means } = placedKernel(options, padded);
  const momentum = new Float32Array(entries);
  const theta = denseTheta(kernel);
  const factors = new Float64Array(channels);
  let steps = 0;
  return {
    params: views(params),
    gradients: views(gradients),
    setTheta(prepared) {
      theta.set(prepared, move.layers);
      kernel.setLast(prepared);
      move.setTheta(prepared);
    },
    load(state) {
      pad(padded, state["means"], means);
      if (state["momentum"] !== undefined) pad(padded, state["momentum"], momentum);
      [steps] = state["steps"];
    },
    save(state) {
      unpad(padded, means, state["means"]);
      if (state["momentum"] !== undefined) unpad(padded, momentum, state["momentum"]);
      state["steps"][0] = steps;
    },
    step() {
      theta.setTime(steps);
      for (const part of parts) {
        kernel.read(part);
        const { sums } = kernel;
        for (let c = 0; c < channels; c++)
          factors[c] = 1 / Math.sqrt((sums[2 * c] + sums[2 * c + 1]) / part.size + epsilon);
        theta.setFactors(factors);
        kernel.runEntries(part);
      }
      const vectors = { outputs: kernel.outputs(), params, gradients, momentum };
      // What fills tiles up stays 0.
      for (const { at, size } of parts) move.move(vectors, at, at + size);
      steps++;
    },
  };
}

/** W - alpha (m + beta f) with m = gamma m + gradient. */
export function residualMove(layers: readonly string[]): PublishedMove {
  let [alpha, beta, gamma] = [0, 0, 0];
  return {
    layers,
    setTheta(prepared) {
      [alpha, beta, gamma] = ["alpha", "beta", "gamma"].map((name) => prepared[`rule.${name}`][0]);
    },
    move({ outputs, params, gradients, momentum }, from, to) {
      for (let i = from; i < to; i++) {
        const next = Math.fround(momentum[i] * gamma + gradients[i]);
        momentum[i] = next;
        params[i] -= alpha * (next + beta * outputs[i]);
      }
    },
  };
}

/** W - a d exp(a m) with the network's outputs d and m. */
export const exponentialMove = (multiplier: number): PublishedMove => ({
  layers: ["dense0", "dense1", "dense2"],
  setTheta: () => {},
  move({ outputs, params }, from, to) {
    const entries = params.length;
    for (let i = from; i < to; i++)
      params[i] -= multiplier * outputs[i] * Math.exp(multiplier * outputs[entries + i]);
  },
});
