// Runs the second network before and after it was moved; onnxruntime-web has this worker to itself.

import {
  findSpec,
  openNetwork,
  type Verification,
  verifyMove,
  withOwnGraph,
} from "weightspace/checkpoints";
import { openingOf } from "../work/dropped.ts";
import { serve } from "../work/serve.ts";
import type { Pair } from "./pair.ts";

/** Two files, and the second one moved. */
export interface VerifyRequest {
  readonly pair: Pair;
  readonly aligned: File;
  /** Whether numbers were scaled and rounded again. */
  readonly rounded: boolean;
}

/** Both files and the moved one in, what running showed out. */
export interface VerifyWork {
  readonly request: VerifyRequest;
  readonly event: never;
  readonly result: Verification;
}

serve<VerifyWork>(async ({ pair: { two, graph }, aligned, rounded }) => {
  const [first, second] = [
    await openNetwork(two[0].file, openingOf(two[0])),
    await openNetwork(two[1].file, openingOf(two[1])),
  ];
  const requested = graph && (await openNetwork(graph.file, openingOf(graph)));
  const model =
    requested ?? (first.onnx !== undefined && second.onnx === undefined ? first : undefined);
  const found = await findSpec(second, model === undefined ? {} : { model }, [first.source]);
  if (!("spec" in found)) return { reason: found.reason };
  const moved = await openNetwork(aligned);
  return verifyMove(await withOwnGraph(found, second), {
    path: second.path,
    source: second.source,
    rounded,
    before: (name) => second.source.read(name),
    after: (name) => moved.source.read(name),
  });
});
