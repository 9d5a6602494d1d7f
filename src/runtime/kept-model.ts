// A model that an executor prepares once and runs many times: preparing a large graph takes far longer than running it.

import type { Executor, ModelArray, RunOptions } from "./executor.ts";

type Arrays = Readonly<Record<string, ModelArray>>;

/** One model, ready to run. */
export interface KeptModel {
  /** Its outputs by name. Rejects as the executor does; the next run prepares the model again then. */
  readonly run: (inputs: Arrays) => Promise<Arrays>;
  readonly close: () => Promise<void>;
}

/** The model, prepared when it is first run. One run at a time. */
export function keepModel(executor: Executor, model: Uint8Array, options?: RunOptions): KeptModel {
  const waiting: Arrays[] = [];
  let runs: AsyncIterator<Arrays> | undefined;
  const close = async (): Promise<void> => {
    await runs?.return?.();
    runs = undefined;
  };
  return {
    async run(inputs) {
      waiting.push(inputs);
      runs ??= executor.runEach(model, takenFrom(waiting), options)[Symbol.asyncIterator]();
      try {
        const { value, done } = await runs.next();
        if (done === true) throw new Error("keepModel: the model was closed while it ran");
        return value;
      } catch (error) {
        runs = undefined;
        waiting.length = 0;
        throw error;
      }
    },
    close,
  };
}

/** Takes what is waiting, one at a time. */
function* takenFrom(waiting: Arrays[]): Generator<Arrays> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield next;
}

/** The executor, which prepares this one model once for all runs until it is closed. */
export function keepingModel(
  executor: Executor,
  model: Uint8Array,
  options?: RunOptions,
): { readonly executor: Executor; readonly close: () => Promise<void> } {
  const kept = keepModel(executor, model, options);
  async function* runEach(other: Uint8Array, batches: Iterable<Arrays>, own = options) {
    let count = 0;
    if (other === model)
      for (const inputs of batches) {
        count++;
        yield await kept.run(inputs);
      }
    // What is refused without any input is refused here too.
    if (other !== model || count === 0) yield* executor.runEach(other, batches, own);
  }
  return {
    executor: {
      run: (other, inputs, own = options) =>
        other === model ? kept.run(inputs) : executor.run(other, inputs, own),
      runEach,
    },
    close: kept.close,
  };
}
