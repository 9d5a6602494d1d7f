// Runs the second network before and after it was moved; onnxruntime-web has this worker to itself. What was found of its symmetries
// comes with the request.

import { openNetwork, type Verification, verifyMove } from "weightspace/checkpoints";
import { type Dropped, openingOf } from "../work/dropped.ts";
import { serve } from "../work/serve.ts";
import type { AlignedFile } from "./pair.ts";

/** The second file, and what it became. */
export interface VerifyRequest {
  readonly second: Dropped;
  readonly aligned: AlignedFile;
}

/** A file and the moved one in, what running showed out. */
export interface VerifyWork {
  readonly request: VerifyRequest;
  readonly event: never;
  readonly result: Verification;
}

serve<VerifyWork>(async ({ second: dropped, aligned: { bytes, name, scaled, graph, origin } }) => {
  const second = await openNetwork(dropped.file, openingOf(dropped));
  const moved = await openNetwork(new File([bytes], name));
  const isRead = (tensor: string) => second.source.entries.has(tensor);
  if (graph !== undefined && ![...graph.places.values()].every((place) => isRead(place.name)))
    return {
      reason: "the second file was converted to the names of the first one before it moved",
    };
  const runnable = graph && { ...graph, modelBytes: () => graph.model };
  return verifyMove(
    { origin, ...(runnable && { graph: runnable }) },
    {
      path: second.path,
      source: second.source,
      rounded: scaled,
      before: (tensor) => second.source.read(tensor),
      after: (tensor) => moved.source.read(tensor),
    },
  );
});
