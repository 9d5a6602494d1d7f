// Models that read one vector off every network train on those vectors: they are computed once, not in every pass.

import { jit } from "@jax-js/jax";
import type { Model, VectorModel, WeightBatch } from "../models/model.ts";
import { evaluationBatches } from "./batches.ts";
import { periodicYield } from "../core/event-loop.ts";
import { batchArrays, type NetworkArrays, type WeightDataset } from "./dataset.ts";

const vectors = "vectors";

/** The vectors of a dataset's networks as its only tensor. */
export async function readVectors(
  { read }: VectorModel,
  dataset: WeightDataset,
  batchSize: number,
): Promise<NetworkArrays> {
  const compiled = jit((weights: WeightBatch) => read(weights));
  const yieldToEventLoop = periodicYield();
  let all = new Float32Array(0);
  let filled = 0;
  for (const { indices, count } of evaluationBatches(dataset.size, batchSize)) {
    const batch = batchArrays(dataset, indices);
    batch.targets.dispose();
    const rows = compiled(batch.weights); // [batch, width]
    const width = rows.shape[1];
    if (filled === 0) all = new Float32Array(dataset.size * width);
    all.set(((await rows.data()) as Float32Array).subarray(0, count * width), filled);
    filled += count * width;
    await yieldToEventLoop();
  }
  compiled.dispose();
  const shape = [all.length / dataset.size];
  const { size, targets } = dataset;
  return { size, targets, tensors: { [vectors]: { shape, data: all } } };
}

/** The model on vectors; its parameters are those of the whole model. */
export function onVectors(model: Model, { predict }: VectorModel): Model {
  const { staged: _, vector: __, ...rest } = model;
  return {
    ...rest,
    apply: (params, weights, options) => predict(params, weights[vectors], options),
  };
}
