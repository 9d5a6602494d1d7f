// The one scheduler: hands units to a runner, as many at a time as it takes, and tells what becomes of them.

import type { Runner } from "./work-list.ts";

/** What happens while units are done. */
export type UnitNews<Request, Outcome, Event = never> =
  | { readonly kind: "event"; readonly request: Request; readonly event: Event }
  | { readonly kind: "done"; readonly request: Request; readonly outcome: Outcome }
  | { readonly kind: "failed"; readonly request: Request; readonly error: unknown }
  /** Nothing happened for a while. */
  | { readonly kind: "tick" };

const tickMilliseconds = 200;

/**
 * Does all requests in the order in which they are given, the runner's width at a time. After an abort, and when the caller
 * leaves the loop, no other unit is started, and those that run are told to stop and waited for. The runner is closed at the end.
 */
export async function* runUnits<Request, Outcome, Event = never>(
  requests: readonly Request[],
  runner: Runner<Request, Outcome, Event>,
  signal?: AbortSignal,
): AsyncGenerator<UnitNews<Request, Outcome, Event>, void, undefined> {
  type News = UnitNews<Request, Outcome, Event>;
  const stop = new AbortController();
  const onAbort = () => stop.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const news: News[] = [];
  let wake: () => void = () => undefined;
  const tell = (item: News): void => {
    news.push(item);
    wake();
  };
  let next = 0;
  const running = new Set<Promise<void>>();
  const startSome = (): void => {
    while (!stop.signal.aborted && running.size < runner.width && next < requests.length) {
      const request = requests[next++];
      const work = runner
        .run(request, stop.signal, (event) => tell({ kind: "event", request, event }))
        .then((outcome): News => ({ kind: "done", request, outcome }))
        .catch((error: unknown): News => ({ kind: "failed", request, error }))
        .then((item) => {
          running.delete(work);
          startSome();
          tell(item);
        });
      running.add(work);
    }
  };
  try {
    startSome();
    while (running.size > 0 || news.length > 0) {
      if (news.length === 0) await patience((resolve) => (wake = resolve));
      const arrived = news.splice(0);
      if (arrived.length === 0) yield { kind: "tick" };
      yield* arrived;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    stop.abort(signal?.reason);
    await Promise.all(running);
    await runner.close();
  }
}

/** Waits until it is woken, for a tick at most. */
async function patience(listen: (wake: () => void) => void): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await new Promise<void>((resolve) => {
    listen(resolve);
    timer = setTimeout(resolve, tickMilliseconds);
  });
  clearTimeout(timer);
}
