// Work as data: a list of units that can be done in any order, by anybody, twice without harm. What does the units is a runner:
// this thread, worker threads, a part of a job array, or workers of a queue all take the same list.

import { canonicalJson } from "../core/canonical-json.ts";
import { sha256 } from "../core/checksum.ts";

/** One piece of work: plain data from which whoever holds the list's description can do it. */
export interface WorkUnit {
  /** Digest of everything that decides the result: 64 hexadecimal digits, equal for equal work. */
  readonly id: string;
  /** The file of the store that holds the result. */
  readonly name: string;
}

/** All units of one piece of work, finished ones too; whoever makes the list of the same description makes the same list. */
export interface WorkList<Unit extends WorkUnit = WorkUnit> {
  /** What the units are, such as `zoo`. */
  readonly kind: string;
  /** Digest of the list: 64 hexadecimal digits. */
  readonly digest: string;
  /** Where results go: the location of a store. */
  readonly location: string;
  readonly units: readonly Unit[];
}

/** Does units somewhere. */
export interface Runner<Request, Outcome, Event = never> {
  /** Units it takes at a time. */
  readonly width: number;
  /** Does one unit to its end; no event arrives after the outcome. */
  run(request: Request, signal: AbortSignal, onEvent: (event: Event) => void): Promise<Outcome>;
  /** Ends what it has started. */
  close(): Promise<void>;
}

/**
 * Hands the units of a list out to workers elsewhere, who leave results at the list's location; `isDone` looks there. The runner
 * tells notes on the way.
 */
export type HandOut = <Unit extends WorkUnit>(
  list: WorkList<Unit>,
  isDone: (unit: Unit) => Promise<boolean>,
) => Promise<Runner<Unit, unknown, string>>;

/** Part `part` of `of`, from 1: every `of`-th unit of a list, from number `part` on. */
export interface ListPart {
  readonly part: number;
  readonly of: number;
}

/** Whether the unit at a place of its list, from 0, belongs to a part; all do where there is none. */
export const isInPart = (at: number, { part, of }: ListPart = { part: 1, of: 1 }): boolean =>
  at % of === part - 1;

/** A digest of plain data, the same for equal data whatever the order of its keys. */
export const digestOf = (value: unknown): Promise<string> =>
  sha256(new TextEncoder().encode(canonicalJson(value)));

/** The list of some units, whose digest depends on what is done, where results go, and nothing else. */
export async function workList<Unit extends WorkUnit>(
  kind: string,
  location: string,
  units: readonly Unit[],
): Promise<WorkList<Unit>> {
  const digest = await digestOf({ kind, location, units: units.map(({ id, name }) => [id, name]) });
  return Object.freeze({ kind, digest, location, units: Object.freeze([...units]) });
}
