// Many sine networks (Sitzmann et al. 2020) run at the same places, as a function of their weights: a stage whose gradients are those
// of the weights. Places are data and get none.

import { jit, numpy as np } from "@jax-js/jax";
import { cosine, sine } from "../engine/waves.ts";
import type { CompiledStage, Stage } from "./stage.ts";

/** Networks whose layers are all sine layers but the last, which is linear. */
export interface SineNetwork {
  /** Layers, the linear one included. */
  readonly depth: number;
  /** Frequency of the sine layers: sin(omega (x W^T + b)). */
  readonly omega: number;
}

const swapped = (x: np.Array) => np.swapaxes(x, -1, -2);

/**
 * What n networks compute at places [1, places, inputs]: [n, places, outputs]. Tensors [n, ...shape] in order: weight and bias of
 * every layer. Pure. @consumes
 */
export function runSineNetworks(
  { depth, omega }: SineNetwork,
  tensors: readonly np.Array[],
  places: np.Array,
): np.Array {
  let x = places;
  for (let layer = 0; layer < depth; layer++) {
    const sums = np.add(
      np.matmul(x, swapped(tensors[2 * layer])),
      np.expandDims(tensors[2 * layer + 1], 1),
    );
    x = layer === depth - 1 ? sums : np.sin(np.multiply(sums, omega));
  }
  return x;
}

/** The programs of one layer, products bare. */
function layerPrograms(omega: number) {
  const times = jit((x: np.Array, weight: np.Array) => np.matmul(x, swapped(weight)));
  const addBias = jit((sums: np.Array, bias: np.Array) => np.add(sums, np.expandDims(bias, 1)));
  const wave = jit((sums: np.Array) => sine(np.multiply(sums, omega)));
  const through = jit((at: np.Array, sums: np.Array) =>
    np.multiply(at, np.multiply(cosine(np.multiply(sums, omega)), omega)),
  );
  const ofWeight = jit((at: np.Array, x: np.Array) => np.matmul(swapped(at), x));
  const ofBias = jit((at: np.Array) => np.sum(at, 1));
  const back = jit((at: np.Array, weight: np.Array) => np.matmul(at, weight));
  const programs = { times, addBias, wave, through, ofWeight, ofBias, back };
  return { ...programs, dispose: () => Object.values(programs).forEach((one) => one.dispose()) };
}

/**
 * {@link runSineNetworks} as a stage: tensors [n, ...shape] to one array [n, places, outputs]; `places` row-major, [places, inputs].
 */
export function sineNetworkStage(
  network: SineNetwork,
  places: Float32Array<ArrayBuffer>,
  inputs: number,
): Stage {
  const { depth, omega } = network;
  return {
    scope: null,
    compile: (): CompiledStage => {
      const { times, addBias, wave, through, ofWeight, ofBias, back, dispose } =
        layerPrograms(omega);
      const start = () => np.array(places, { shape: [1, places.length / inputs, inputs] });
      /** Inputs of every layer and its sums, the last of which are the output. @consumes */
      const layersOf = (tensors: readonly np.Array[]) => {
        const read: np.Array[] = [start()];
        const sums: np.Array[] = [];
        for (let layer = 0; layer < depth; layer++) {
          sums[layer] = addBias(times(read[layer].ref, tensors[2 * layer]), tensors[2 * layer + 1]);
          if (layer < depth - 1) read[layer + 1] = wave(sums[layer].ref);
        }
        return { read, sums };
      };
      return {
        forward: (_, tensors, key) => {
          key?.dispose();
          const { read, sums } = layersOf(tensors);
          for (const array of [...read, ...sums.slice(0, -1)]) array.dispose();
          return [sums[depth - 1]];
        },
        backward: (params, tensors, [gradient], wanted, key) => {
          key?.dispose();
          const { read, sums } = layersOf(tensors.map((tensor) => tensor.ref));
          const gradients: np.Array[] = [];
          let at = gradient;
          for (let layer = depth - 1; layer >= 0; layer--) {
            if (layer < depth - 1) at = through(at, sums[layer]);
            else sums[layer].dispose();
            gradients[2 * layer] = ofWeight(at.ref, read[layer]);
            gradients[2 * layer + 1] = ofBias(at.ref);
            if (layer > 0) at = back(at, tensors[2 * layer].ref);
            else at.dispose();
          }
          for (const tensor of tensors) tensor.dispose();
          if (wanted) return { params, inputs: gradients };
          for (const array of gradients) array.dispose();
          return { params, inputs: [] };
        },
        dispose,
      };
    },
  };
}
