// Networks of one spec as a batch of arrays, for tests of models.

import { numpy as np } from "@jax-js/jax";
import type { Weights } from "../../src/core/tensors.ts";
import type { WeightBatch } from "../../src/models/model.ts";

/** Every tensor of all networks as one array [networks, ...shape]. */
export function batchOf(networks: readonly Weights[]): WeightBatch {
  return Object.fromEntries(
    Object.entries(networks[0]).map(([name, { shape, data }]) => {
      const all = new Float32Array(networks.length * data.length);
      networks.forEach((weights, i) => all.set(weights[name].data, i * data.length));
      return [name, np.array(all, { shape: [networks.length, ...shape] })];
    }),
  );
}
