// A small real model over weights: all tensors flattened, one matrix, one bias. Not equivariant, and not meant to be.

import { numpy as np } from "@jax-js/jax";
import { randomStream } from "../../src/core/random.ts";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Model } from "../../src/models/model.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import type { DatasetTensor, WeightDataset } from "../../src/train/dataset.ts";

export const smallSpec: SymmetrySpec = defineSpec({
  axes: {
    in: { size: 3, group: "fixed" },
    h: { size: 4, group: "permutation" },
    out: { size: 2, group: "fixed" },
  },
  tensors: { "fc1.weight": ["h", "in"], "fc1.bias": ["h"], "fc2.weight": ["out", "h"] },
});

/** Predictions [batch, outputs] = flattened weights times a matrix plus a bias; with a key, 20 % dropout of inputs. */
export function linearModel(spec: SymmetrySpec, outputs = 1): Model {
  const names = Object.keys(spec.tensors);
  const width = names.reduce((sum, name) => sum + sizeOf(spec.tensors[name].shape), 0);
  return {
    name: "linear",
    spec,
    outputs,
    parameterCount: width * outputs + outputs,
    init(seed) {
      const stream = randomStream(seed);
      const values = Float32Array.from({ length: width * outputs }, () => 0.1 * stream.normal());
      return { matrix: np.array(values, { shape: [width, outputs] }), bias: np.zeros([outputs]) };
    },
    apply(params, weights, { key } = {}) {
      const flat = names.map((name) => np.reshape(weights[name], [weights[name].shape[0], -1]));
      let features = np.concatenate(flat, 1); // [batch, width]
      if (key !== undefined) {
        const [batch] = features.shape;
        const phase = key.astype(np.float32).sum().mul(1e-3);
        const noise = np.sin(
          np
            .arange(batch * width)
            .astype(np.float32)
            .mul(12.9898)
            .add(phase),
        );
        const kept = np.reshape(noise, [batch, width]).greater(-0.8).astype(np.float32);
        features = features.mul(kept);
      }
      return np.matmul(features, params["matrix"]).add(params["bias"]);
    },
  };
}

/** Random networks whose target in (0, 1) is a logistic function of a fixed linear map of their weights, plus noise. */
export function linearDataset(size: number, seed: number, noise = 0): WeightDataset {
  const stream = randomStream(seed);
  const teacher = randomStream(12345);
  const logits = new Float64Array(size);
  const tensors = Object.entries(smallSpec.tensors).map(([name, { shape }]) => {
    const width = sizeOf(shape);
    const coefficients = Array.from({ length: width }, () => teacher.normal());
    const data = Float32Array.from({ length: size * width }, () => stream.normal());
    data.forEach((value, i) => (logits[Math.floor(i / width)] += value * coefficients[i % width]));
    return [name, { shape, data }] as const;
  });
  const targets = Float32Array.from(
    logits,
    (logit) => 1 / (1 + Math.exp(-(logit + noise * stream.normal()))),
  );
  return {
    spec: smallSpec,
    size,
    tensors: Object.fromEntries(tensors) as Record<string, DatasetTensor>,
    targets,
  };
}
