// The 19 inputs of the published learned optimizers (Metz et al. 2019; Zhou, Finn and Harrison 2024): the parameter, its gradient,
// six running means of gradients, and eleven functions of the step. The first eight have mean square 1 over every tensor.

import { jit, numpy as np } from "@jax-js/jax";
import { concatenateAll } from "../../layers/pointwise/concatenate.ts";
import { holdNumbers } from "../../layers/kernel-stage.ts";
import { sliceAlong } from "../../layers/pack.ts";
import { entryNumbers } from "./published-numbers.ts";
import type { TensorLayout } from "../tensor-layout.ts";

/** Decays of the running means. */
export const momentumDecays = [0.1, 0.5, 0.9, 0.99, 0.999, 0.9999] as const;

/** Steps at which the functions of time rise: tanh(step / scale - 1). */
export const timeScales = [1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5] as const;

/** Channels that differ from entry to entry, and channels of time. */
export const entryChannels = 2 + momentumDecays.length;
export const timeChannels = timeScales.length;

/** Added to mean squares. */
const epsilon = 1e-5;

/** [n, channels, entries] with mean square 1 over the entries of every tensor. */
function normalized(x: np.Array, layout: TensorLayout): np.Array {
  const parts = layout.tensors.map(({ start, size }) => {
    const part = sliceAlong(x.ref, 2, start, size);
    const square = np.mean(np.square(part.ref), 2, { keepdims: true });
    return np.divide(part, np.sqrt(np.add(square, epsilon)));
  });
  x.dispose();
  return concatenateAll(parts, 2);
}

export interface EntryFeatures {
  /** [n, entries, 8] */
  readonly features: np.Array;
  /** [n, 6, entries] */
  readonly momenta: np.Array;
}

/**
 * Features of every entry from gradients and parameters [n, entries] and the means before this step. `clip` bounds values before they
 * are normalised, as the code of UNF's optimizers does. Plain loops for numbers, compiled for what is traced; consumes.
 */
export function entryFeatures(
  layout: TensorLayout,
  { clip }: { readonly clip?: number },
): (gradients: np.Array, params: np.Array, momenta: np.Array) => EntryFeatures {
  const decays = [...momentumDecays];
  const traced = jit((gradients: np.Array, params: np.Array, momenta: np.Array) => {
    const [n, entries] = gradients.shape;
    const row = (x: np.Array) => np.reshape(x, [n, 1, entries]);
    const keep = () => np.reshape(np.array(decays), [1, decays.length, 1]);
    const entering = np.multiply(row(gradients.ref), np.subtract(1, keep()));
    const next = np.add(np.multiply(momenta, keep()), entering);
    const all = np.concatenate([row(params), row(gradients), next.ref], 1);
    const bounded = clip === undefined ? all : np.clip(all, -clip, clip);
    return {
      features: np.add(np.transpose(normalized(bounded, layout), [0, 2, 1]), 0),
      momenta: next,
    };
  });
  const options = { decays, clip: clip ?? Number.POSITIVE_INFINITY, epsilon };
  return (gradients, params, momenta) => {
    if (!holdNumbers([gradients, params, momenta])) return traced(gradients, params, momenta);
    const { shape } = momenta;
    const [n, , entries] = shape;
    const made = entryNumbers(
      layout,
      options,
      ...([gradients, params, momenta].map((x) => x.dataSync()) as Triple),
    );
    return {
      features: np.array(made.features, { shape: [n, entries, entryChannels] }),
      momenta: np.array(made.momenta, { shape }),
    };
  };
}

type Triple = [gradients: Float32Array, params: Float32Array, momenta: Float32Array];

/** Functions of time [n, 1, 11] of the steps done before this one, [n]. Pure; consumes. */
export function timeFeatures(steps: np.Array): np.Array {
  const [n] = steps.shape;
  const scaled = np.divide(np.reshape(steps, [n, 1, 1]), np.array([...timeScales]));
  return np.tanh(np.subtract(scaled, 1));
}
