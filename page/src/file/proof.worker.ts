// The proof, in a worker of its own: onnxruntime-web and the array engine do not share one.

import { inferSpec, onnxRuntime, proveSpec } from "weightspace/infer";
import { openNetwork } from "weightspace/checkpoints";
import { type Dropped, openingOf } from "../work/dropped.ts";
import { serve } from "../work/serve.ts";
import type { AxisResult, ProofResult } from "./description.ts";

/** One axis was put to the test. */
export interface ProofEvent {
  readonly result: AxisResult;
  readonly done: number;
  readonly total: number;
}

/** One ONNX file in, every axis as it is known, the proof out. */
export interface ProofWork {
  readonly request: Dropped;
  readonly event: ProofEvent;
  readonly result: ProofResult;
}

serve<ProofWork>(async (dropped, tell) => {
  const { onnx, source } = await openNetwork(dropped.file, openingOf(dropped));
  if (onnx === undefined)
    throw new TypeError(`a ${source.format} file holds no graph to run; export the model to ONNX`);
  const inference = inferSpec(onnx.graph);
  const { verdict, together, tolerance, seed, warnings } = await proveSpec(
    onnx.modelBytes(),
    inference,
    await onnxRuntime(),
    { onAxis: (result, done, total) => tell({ result, done, total }) },
  );
  return { verdict, together, tolerance, seed, warnings };
});
