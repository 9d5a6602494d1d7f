// A model that is prepared once and run with many sets of weights: its weights are inputs.

import { UnsupportedError } from "../../core/errors.ts";
import type { Weights } from "../../core/tensors.ts";
import { initializersAsInputs } from "../../formats/onnx/onnx-write.ts";
import type { Executor, ModelArray, RunOptions } from "../../runtime/executor.ts";
import { keepModel } from "../../runtime/kept-model.ts";
import { difference, type Outputs, scalesOf } from "./output-difference.ts";

/** Runs the model with weights of its own on some inputs; the others are those of the file. */
export interface ModelRuns {
  run(changed: Weights, inputs: Outputs): Promise<Outputs>;
  close(): Promise<void>;
}

/** Outputs of the file and of the model with its weights as inputs agree to this. */
const agreement = 1e-5;

/**
 * The model with these weights as inputs; undefined where an executor does not take it so, or gives other outputs.
 * @param inputs - and `untouched`, what the file gives for them
 */
export async function openRuns(
  bytes: Uint8Array,
  weights: Weights,
  executor: Executor,
  { inputs, untouched }: { readonly inputs: Outputs; readonly untouched: Outputs },
  options: RunOptions,
): Promise<ModelRuns | undefined> {
  const model = initializersAsInputs(bytes, Object.keys(weights));
  if (model === undefined) return undefined;
  const untouchedWeights = arraysOf(weights, model.types);
  const feed = (changed: Weights, given: Outputs) => ({
    ...given,
    ...untouchedWeights,
    ...arraysOf(changed, model.types),
  });
  const kept = keepModel(executor, model.bytes, options);
  const run: ModelRuns["run"] = (changed, given) => kept.run(feed(changed, given));
  try {
    const again = await run({}, inputs);
    if (difference(untouched, again, scalesOf(untouched)) <= agreement)
      return { run, close: kept.close };
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
  }
  await kept.close();
  return undefined;
}

const arraysOf = (
  weights: Weights,
  types: ReadonlyMap<string, "float32" | "float64">,
): Record<string, ModelArray> =>
  Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => {
      const type = types.get(name) ?? "float32";
      const numbers = type === "float32" ? Float32Array.from(data) : Float64Array.from(data);
      return [name, { type, shape, data: numbers }] as const;
    }),
  );
