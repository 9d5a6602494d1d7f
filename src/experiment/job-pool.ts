// Where the training runs of an experiment take place: in the calling thread, or in what a caller gives.

import type { Runner } from "../work/work-list.ts";
import { type JobEvent, type JobOutcome, type JobRequest, runJob } from "./job.ts";

/**
 * Where training runs take place. A run goes to its end, or to a checkpoint when the signal aborts; no event arrives after the
 * outcome.
 */
export interface JobPool extends Runner<JobRequest, JobOutcome, JobEvent> {
  /** Processor, cores and version of Node, where they are known: whose seconds results hold. */
  readonly machine?: string;
}

/** Runs jobs in the calling thread. */
export const runInPlace = (): JobPool => ({
  width: 1,
  async run(request, signal, onEvent) {
    let outcome: JobOutcome = {};
    if (signal.aborted) return outcome;
    for await (const event of runJob(request, signal)) {
      if (event.type === "result") outcome = { ...outcome, result: event.result };
      else onEvent(event);
      if (event.type === "checkpoint") outcome = { ...outcome, checkpoint: event.bytes };
    }
    return outcome;
  },
  close: async () => undefined,
});
