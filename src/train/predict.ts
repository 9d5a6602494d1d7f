// Predictions of a model for a whole dataset, in batches of one shape so that what is compiled serves them all.

import { OptionError } from "../core/errors.ts";
import { startEngine } from "../engine/start.ts";
import type { Model, Params } from "../models/model.ts";
import { keepArrays } from "../engine/arrays.ts";
import { evaluationBatches } from "./batches.ts";
import { compileForward } from "./compiled.ts";
import { batchArrays, type NetworkArrays, type WeightDataset } from "./dataset.ts";
import type { Objective } from "./measures/objective.ts";

/** What predicts: a model with its parameters. */
export interface Predictor {
  /** Predictions [size, outputs], row-major. @keeps params */
  predict(params: Params, dataset: NetworkArrays): Promise<Float32Array<ArrayBuffer>>;
  /** Gives the compiled program's memory back. */
  dispose(): void;
}

/** A compiled predictor that can be used again and again. */
export function predictor(model: Model, batchSize = 64): Predictor {
  const forward = compileForward(model);
  return {
    async predict(params, dataset) {
      await startEngine();
      const result = new Float32Array(dataset.size * model.outputs);
      let filled = 0;
      for (const { indices, count } of evaluationBatches(dataset.size, batchSize)) {
        const { weights, targets } = batchArrays(dataset, indices);
        targets.dispose();
        const outputs = await forward.run(keepArrays(params), weights); // [batch, outputs]
        const values = (await outputs.data()) as Float32Array;
        result.set(values.subarray(0, count * model.outputs), filled);
        filled += count * model.outputs;
      }
      return result;
    },
    dispose: () => forward.dispose(),
  };
}

/** How {@link predict} runs a model. */
export interface PredictOptions {
  /** Networks per batch. @default 64 */
  readonly batchSize?: number;
  /** Turns raw outputs into predictions on the scale of the targets. @default raw outputs */
  readonly objective?: Objective;
}

/**
 * Predictions [size, outputs] of a trained model for every network of a dataset. @keeps params
 * @throws {OptionError} when an option is not known
 */
export async function predict(
  model: Model,
  params: Params,
  dataset: WeightDataset,
  options: PredictOptions = {},
): Promise<Float32Array> {
  if (Object.hasOwn(options, "loss"))
    throw new OptionError("predict: there is no option loss; it is called objective since 0.2");
  const { batchSize = 64, objective } = options;
  const compiled = predictor(model, batchSize);
  try {
    const outputs = await compiled.predict(params, dataset);
    return objective === undefined ? outputs : objective.link(outputs, model.outputs);
  } finally {
    compiled.dispose();
  }
}
