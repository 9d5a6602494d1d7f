// What a page and its workers say to each other: one request, events on the way, one answer.

/** An error of a worker as plain data; its message is a sentence of the library. */
export interface WorkError {
  readonly name: string;
  readonly message: string;
  /** Where several things might be meant: what they are. */
  readonly problems?: readonly string[];
}

/** What a worker takes and gives: one request, events on the way, one result. */
export interface Work {
  readonly request: unknown;
  readonly event: unknown;
  readonly result: unknown;
}

export type Reply<W extends Work> =
  | { readonly kind: "event"; readonly event: W["event"] }
  | { readonly kind: "done"; readonly result: W["result"] }
  | { readonly kind: "failed"; readonly error: WorkError };
