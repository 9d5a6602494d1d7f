// Networks that a functional cannot read: it takes weights as they are, and what it makes of them is more than a float32 holds. They are left
// out of what it learns from; where it is judged on them, it is taken to say no more than that they are like the others.

import { disposeArrays } from "../engine/arrays.ts";
import { startEngine } from "../engine/start.ts";
import type { Model } from "../models/model.ts";
import { type NetworkArrays, subset } from "../train/dataset.ts";
import { predictor } from "../train/predict.ts";

/** The networks for which a functional with fresh parameters gives finite numbers, in their order. Starts the engine when it is not running. */
export async function readableNetworks<Networks extends NetworkArrays>(
  model: Model,
  networks: Networks,
  { seed, batchSize }: { readonly seed: number; readonly batchSize: number },
): Promise<Networks> {
  await startEngine();
  const compiled = predictor(model, batchSize);
  const params = model.init(seed);
  try {
    const { outputs: width, spec } = model;
    const outputs = await compiled.predict(params, networks);
    const isRead = (network: number) =>
      outputs.subarray(network * width, (network + 1) * width).every(Number.isFinite);
    const read = Array.from({ length: networks.size }, (_, i) => i).filter(isRead);
    if (read.length === networks.size) return networks;
    const { size, tensors, targets } = subset({ ...networks, spec }, read);
    return { ...networks, size, tensors, targets };
  } finally {
    disposeArrays(params);
    compiled.dispose();
  }
}

/** Predictions with the middle one of all others where there are none; as they are where there are no others. */
export function likeTheOthers(predicted: readonly number[]): readonly number[] {
  const others = predicted.filter(Number.isFinite).toSorted((a, b) => a - b);
  if (others.length === 0 || others.length === predicted.length) return predicted;
  const middle = others[Math.floor(others.length / 2)];
  return predicted.map((value) => (Number.isFinite(value) ? value : middle));
}
