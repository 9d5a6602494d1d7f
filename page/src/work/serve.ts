// The worker's side of a job: answers every request with events and one result or one error.

import type { Reply, Work, WorkError } from "./protocol.ts";

/** What a worker may post, with what is handed over instead of copied. */
type Post = (message: unknown, transfer?: Transferable[]) => void;

/** Answers requests one after the other with what `handle` gives. */
export function serve<W extends Work>(
  handle: (request: W["request"], tell: (event: W["event"]) => void) => Promise<W["result"]>,
): void {
  const post: Post = (message, transfer = []) => self.postMessage(message, { transfer });
  let last: Promise<void> = Promise.resolve();
  self.addEventListener("message", ({ data }: MessageEvent<W["request"]>) => {
    last = last.then(async () => {
      const reply = (message: Reply<W>) => post(message);
      try {
        const result = await handle(data, (event) => reply({ kind: "event", event }));
        reply({ kind: "done", result });
      } catch (error) {
        reply({ kind: "failed", error: asData(error) });
      }
    });
  });
}

function asData(error: unknown): WorkError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const { name, message } = error;
  const problems = "problems" in error && Array.isArray(error.problems) ? error.problems : [];
  const texts = problems.filter((one): one is string => typeof one === "string");
  return { name, message, ...(texts.length > 0 && { problems: texts }) };
}
