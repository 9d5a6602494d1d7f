// Inner tasks of one's own: a loss of one network, a spec or a function to trace, and batches.

import { jit, type numpy as np, valueAndGrad, vmap } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import type { RandomStream } from "../../core/random.ts";
import type { Tensor, Weights } from "../../core/tensors.ts";
import { arraysFromHost, keepArrays } from "../../engine/arrays.ts";
import type { WeightBatch } from "../../models/model.ts";
import { signsOfPhases } from "../../symmetry/phases.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { inferSpecFromFunction } from "../../trace/infer-function.ts";
import type { Batch } from "../task.ts";
import type { InnerTask } from "./inner-task.ts";

/** An inner task as it is written down. */
export interface InnerTaskDefinition {
  readonly name: string;
  /** The network's tensors and symmetries; or give `traced`. */
  readonly spec?: SymmetrySpec;
  /** The network's output in plain operations of the engine, its tensors, and the shapes of its inputs: its spec is read off them. */
  readonly traced?: {
    readonly forward: (weights: WeightBatch, ...inputs: np.Array[]) => np.Array;
    readonly shapes: Readonly<Record<string, readonly number[]>>;
    readonly inputs: readonly (readonly number[])[];
  };
  /** Loss [] of one network on one batch. Pure. @keeps weights @consumes batch */
  readonly loss: (weights: WeightBatch, batch: Batch) => np.Array;
  /** The loss of a network that knows nothing. */
  readonly chance: number;
  readonly init: (random: RandomStream) => Weights;
  readonly batchShapes: InnerTask["batchShapes"];
  readonly writeBatch: InnerTask["writeBatch"];
  /** Held-out batches, the same for all networks. */
  readonly testBatches: readonly Readonly<Record<string, Tensor>>[];
}

async function specOf({ name, spec, traced }: InnerTaskDefinition): Promise<SymmetrySpec> {
  if (spec !== undefined) return spec;
  if (traced === undefined)
    throw new OptionError(`defineInnerTask: "${name}" expected a spec, or a function to trace`);
  const shapes = Object.entries(traced.shapes).map(([tensor, shape]) => [tensor, { shape }]);
  const inputs = traced.inputs.map((shape) => ({ shape: [...shape] }));
  const found = await inferSpecFromFunction(traced.forward, Object.fromEntries(shapes), inputs);
  return signsOfPhases(found.spec);
}

/**
 * A task whose gradients are taken automatically.
 * @throws {OptionError} when there is neither a spec nor a function to trace, or no test batch
 */
export async function defineInnerTask(definition: InnerTaskDefinition): Promise<InnerTask> {
  const { name, loss, testBatches } = definition;
  if (testBatches.length === 0)
    throw new OptionError(`defineInnerTask: "${name}" expected at least one test batch, got none`);
  const one = (weights: WeightBatch, batch: Batch) => {
    const value = loss(keepArrays(weights), batch);
    for (const array of Object.values(weights)) array.dispose();
    return value;
  };
  const both = jit(vmap(valueAndGrad(one)));
  const alone = jit(vmap(one, [0, null]));
  return Object.freeze({
    name,
    spec: await specOf(definition),
    chance: definition.chance,
    init: definition.init,
    batchShapes: definition.batchShapes,
    writeBatch: definition.writeBatch,
    lossAndGradients(weights, batch) {
      const [losses, gradients] = both(keepArrays(weights), batch) as [np.Array, WeightBatch];
      return { losses, gradients };
    },
    async testLoss(weights) {
      const sums: number[] = [];
      for (const batch of testBatches) {
        const losses = alone(keepArrays(weights), arraysFromHost(batch)) as np.Array;
        for (const [at, value] of [...(await losses.data())].entries())
          sums[at] = (sums[at] ?? 0) + value;
      }
      return sums.map((sum) => sum / testBatches.length);
    },
  } satisfies InnerTask);
}
