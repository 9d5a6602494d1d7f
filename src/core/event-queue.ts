// Turns events pushed by several pieces of work into one async sequence.

export interface EventQueue<Event> {
  push(event: Event): void;
  /** Ends the sequence, with an error if one is given; later pushes are dropped. */
  close(error?: unknown): void;
  /** All events in order of arrival; throws the error given to `close` after them. */
  drain(): AsyncGenerator<Event, void, undefined>;
}

export function eventQueue<Event>(): EventQueue<Event> {
  const waiting: Event[] = [];
  let closed = false;
  let failure: { error: unknown } | undefined;
  let wake: () => void = () => undefined;
  return {
    push(event) {
      if (closed) return;
      waiting.push(event);
      wake();
    },
    close(error) {
      if (!closed && error !== undefined) failure = { error };
      closed = true;
      wake();
    },
    async *drain() {
      while (true) {
        for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) yield event;
        if (closed) break;
        await new Promise<void>((resolve) => (wake = resolve));
      }
      if (failure !== undefined) throw failure.error;
    },
  };
}
