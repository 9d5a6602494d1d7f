// Chains of products: the sum over all ways from the sources to an axis, in one pass over the graph of carriers. Where the
// graph has cycles (residual streams), ways that pass a stream at most `rounds` times.

import type { ChainComponent, ChainEdge } from "./chain-order.ts";

/** A tensor that leads from an axis to another, prepared for products. */
export interface Carrier extends ChainEdge {
  readonly name: string;
  readonly source: string;
  /** Its tensor with one fixed entry, dimensions that enclose nothing averaged. */
  readonly tensor: number;
  /** Places of its dimensions: of the axis it leads to, and of the inverse axis it comes from. */
  readonly toDim: number;
  readonly fromDim: number;
}

export interface ChainResult {
  /** Per axis: the sum of what reaches it. */
  readonly states: ReadonlyMap<number, number>;
  /** Per carrier (by name): what it carried in the first round. */
  readonly carried: ReadonlyMap<string, number>;
}

export interface ChainSteps {
  /** The product of a carrier with the state of the axis it comes from. */
  readonly carry: (carrier: Carrier, state: number, round: number) => number;
  /** Adds up what reaches an axis. */
  readonly add: (axis: number, parts: readonly number[], label: string) => number;
}

/**
 * Follows all chains. `starts` are the tensors that stand at an axis by themselves. Components come in the order of the
 * carriers.
 */
export function followChains(
  components: readonly ChainComponent[],
  carriers: readonly Carrier[],
  starts: ReadonlyMap<number, readonly number[]>,
  rounds: number,
  { carry, add }: ChainSteps,
): ChainResult {
  const states = new Map<number, number>();
  const carried = new Map<string, number>();
  const pass = (carrier: Carrier, state: number | undefined, round: number): number[] => {
    if (state === undefined) return [];
    const made = carry(carrier, state, round);
    if (!carried.has(carrier.name)) carried.set(carrier.name, made);
    return [made];
  };
  const into = (axis: number, from: (axis: number) => boolean) =>
    carriers.filter((carrier) => carrier.to === axis && from(carrier.from));
  const settle = (axis: number, parts: readonly number[], label: string, to: Map<number, number>) =>
    parts.length > 0 && to.set(axis, add(axis, parts, label));

  for (const { streams, inner } of components) {
    const inside = (axis: number) => streams.includes(axis) || inner.includes(axis);
    /** What reaches an axis from outside its component. */
    const arriving = (axis: number) => [
      ...(starts.get(axis) ?? []),
      ...into(axis, (from) => !inside(from)).flatMap((c) => pass(c, states.get(c.from), 1)),
    ];
    if (streams.length === 0) {
      for (const axis of inner) settle(axis, arriving(axis), "", states);
      continue;
    }
    const totals = new Map<number, number[]>();
    const keep = (axis: number, part: number | undefined) => {
      if (part !== undefined) totals.set(axis, [...(totals.get(axis) ?? []), part]);
    };
    let current = new Map<number, number>();
    for (const axis of streams) settle(axis, arriving(axis), ".0", current);
    for (const axis of streams) keep(axis, current.get(axis));
    for (let round = 1; round <= rounds; round++) {
      const now = new Map(current);
      const from = (axis: number) =>
        into(axis, inside).flatMap((c) => pass(c, now.get(c.from), round));
      for (const axis of inner) {
        settle(axis, [...(round === 1 ? arriving(axis) : []), ...from(axis)], `.${round}`, now);
        keep(axis, now.get(axis));
      }
      const next = new Map<number, number>();
      for (const axis of streams) settle(axis, from(axis), `.${round}`, next);
      for (const axis of streams) keep(axis, next.get(axis));
      current = next;
    }
    for (const [axis, parts] of totals) settle(axis, parts, "", states);
  }
  return { states, carried };
}
