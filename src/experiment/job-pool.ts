// Where the training runs of an experiment take place: in the calling thread, or in what a caller gives.

import { type JobEvent, type JobOutcome, type JobRequest, runJob } from "./job.ts";

/** Where training runs take place. */
export interface JobPool {
  /** Runs it works on at a time. */
  readonly width: number;
  /** Runs a job to its end, or to a checkpoint when the signal aborts; no event arrives after the outcome. */
  run(
    request: JobRequest,
    signal: AbortSignal,
    onEvent: (event: JobEvent) => void,
  ): Promise<JobOutcome>;
  close(): Promise<void>;
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
