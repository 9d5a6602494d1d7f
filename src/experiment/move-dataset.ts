// A dataset after a random group element acted on every network: same functions, other weights.

import { deriveSeed } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import { actOn } from "../symmetry/act.ts";
import { sampleElement } from "../symmetry/element.ts";
import type { WeightDataset } from "../train/dataset.ts";

/** Permutations only: scale parts are symmetries of the networks too, but not of functionals that ignore them. */
export function moveDataset(dataset: WeightDataset, seed: number): WeightDataset {
  const { spec, size, tensors } = dataset;
  const moved = Object.fromEntries(
    Object.entries(tensors).map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
  for (let network = 0; network < size; network++) {
    const element = sampleElement(spec, deriveSeed(seed, "move", network), { scales: false });
    const weights = Object.entries(tensors).map(([name, { shape, data }]) => {
      const entries = sizeOf(shape);
      return [
        name,
        { shape, data: data.subarray(network * entries, (network + 1) * entries) },
      ] as const;
    });
    for (const [name, { shape, data }] of Object.entries(
      actOn(spec, element, Object.fromEntries(weights)),
    )) {
      moved[name].data.set(data, network * sizeOf(shape));
    }
  }
  return { ...dataset, tensors: moved };
}
