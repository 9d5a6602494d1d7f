// The page's side of a job: a worker of its own, that can be stopped at any moment.

import type { Reply, Work, WorkError } from "./protocol.ts";

/** A job that goes on in a worker. */
export interface Job<Result> {
  readonly result: Promise<Result>;
  /** Ends the worker; `result` is rejected. */
  readonly stop: () => void;
}

/** What a job failed with: the sentence of the library. */
export class JobError extends Error {
  override readonly name: string;
  readonly problems: readonly string[];
  constructor({ name, message, problems = [] }: WorkError) {
    super(message);
    this.name = name;
    this.problems = problems;
  }
}

/** An error as the page shows it. */
export interface Trouble {
  readonly message: string;
  /** The dictionaries of a PyTorch file among which a person may choose. */
  readonly keys: readonly string[];
}

/** What to show of an error; `stopped` is said of a job that a person ended. */
export function troubleOf(error: unknown, stopped: string): Trouble {
  if (isStopped(error)) return { message: stopped, keys: [] };
  const message = error instanceof Error ? error.message : String(error);
  const problems = error instanceof JobError ? error.problems : [];
  const keys = problems.flatMap((problem) => {
    const quoted = /^("(?:[^"\\]|\\.)*"): /.exec(problem)?.[1];
    return quoted === undefined ? [] : [JSON.parse(quoted) as string];
  });
  return { message, keys };
}

/** A job ended by the person who waits for it. */
export const isStopped = (error: unknown): boolean =>
  error instanceof JobError && error.name === "Stopped";

/** Starts a worker, gives it one request and waits for its result; the worker is ended then. */
export function startJob<W extends Work>(
  create: () => Worker,
  request: W["request"],
  onEvent: (event: W["event"]) => void = () => undefined,
): Job<W["result"]> {
  const line = openLine<W>(create);
  const result = line.ask(request, onEvent).finally(line.close);
  return { result, stop: line.close };
}

/** A worker that is asked again and again. */
export interface Line<W extends Work> {
  readonly ask: (
    request: W["request"],
    onEvent?: (event: W["event"]) => void,
  ) => Promise<W["result"]>;
  readonly close: () => void;
}

/** Opens a worker that answers requests in their order. */
export function openLine<W extends Work>(create: () => Worker): Line<W> {
  const worker = create();
  let ended: WorkError | undefined;
  const waiting: {
    done: (result: W["result"]) => void;
    failed: (error: JobError) => void;
    onEvent: (event: W["event"]) => void;
  }[] = [];
  const failAll = (error: WorkError) => {
    ended = error;
    worker.terminate();
    for (const { failed } of waiting.splice(0)) failed(new JobError(error));
  };
  worker.addEventListener("message", ({ data }: MessageEvent<Reply<W>>) => {
    if (data.kind === "event") waiting[0]?.onEvent(data.event);
    else if (data.kind === "done") waiting.shift()?.done(data.result);
    else waiting.shift()?.failed(new JobError(data.error));
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    const message =
      event.message === "" ? "it ran out of memory, or its files are not there" : event.message;
    failAll({
      name: "WorkerError",
      message: `The worker ended: ${message}. Load the page again, and try once more.`,
    });
  });
  return {
    ask: (request, onEvent = () => undefined) =>
      new Promise((done, failed) => {
        if (ended !== undefined) {
          failed(new JobError(ended));
          return;
        }
        waiting.push({ done, failed, onEvent });
        worker.postMessage(request);
      }),
    close: () => failAll({ name: "Stopped", message: "Stopped." }),
  };
}
