// Worker threads that measure optimizers side by side, in Node only.

import type { Arithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import type { Evaluation, NamedOptimizer } from "../../optimizers/evaluate/evaluation-list.ts";
import type { EvaluationUnit } from "../../optimizers/evaluate/evaluate.ts";
import type { Runner } from "../../work/work-list.ts";
import { threadPool } from "./thread-pool.ts";
import { workerEntry } from "./worker-entry.ts";

/** One optimizer as a thread is asked for it. */
export interface EvaluationRequest extends Pick<
  Evaluation,
  "task" | "seeds" | "steps" | "every" | "seed"
> {
  readonly optimizer: NamedOptimizer;
}

/** Measures optimizers somewhere. */
export type EvaluationPool = Runner<EvaluationRequest, EvaluationUnit>;

/** A pool of threads, started as they are needed. */
export function evaluationPool(
  workers: number,
  entry: URL = workerEntry("evaluation-worker"),
  arithmetic?: Arithmetic,
): EvaluationPool {
  const pool = threadPool<EvaluationRequest, EvaluationUnit>(workers, entry, arithmetic);
  return {
    width: workers,
    run: (request, signal) => pool.run(request, { signal }),
    close: () => pool.destroy(),
  };
}
