// Collects the events of a training run.

import { arraysToHost, disposeArrays, type HostRecord } from "../../src/engine/arrays.ts";
import type { FitEvent } from "../../src/train/events.ts";

type Done = Extract<FitEvent, { type: "done" }>;

export interface Collected {
  readonly events: FitEvent[];
  readonly done: Done;
  /** The final parameters on the host; the arrays themselves are disposed. */
  readonly params: HostRecord;
}

/** Runs a stream of events to its end. */
export async function collect(
  stream: AsyncIterable<FitEvent>,
  onEvent?: (event: FitEvent) => void,
): Promise<Collected> {
  const events: FitEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    onEvent?.(event);
  }
  const done = events.at(-1);
  if (done?.type !== "done") throw new Error(`collect: the run ended with ${done?.type}`);
  const params = await arraysToHost(done.params);
  disposeArrays(done.params);
  return { events, done, params };
}

export const eventsOf = <T extends FitEvent["type"]>(
  events: readonly FitEvent[],
  type: T,
): Extract<FitEvent, { type: T }>[] =>
  events.filter((event): event is Extract<FitEvent, { type: T }> => event.type === type);
