// The type of a handler and small helpers that many operations share.

import type { NodeContext } from "../walk/context.ts";
import type { Value } from "../walk/value.ts";

/** Follows the axes of one operation; throws `Declined` for forms it does not follow. */
export type Handler = (context: NodeContext) => void;
/** Handlers by the names of their operations. */
export type Handlers = Readonly<Record<string, Handler>>;

/** A dimension of an input and the dimension of the output that has its indices. */
export type DimPair = readonly [from: number, to: number];

/** Pairs (i, i) for all dimensions of a value. */
export const identityPairs = (value: Value): DimPair[] => value.dims.map((_, i) => [i, i] as const);

/** Pairs that skip dimensions which go nowhere. */
export function pairsBy(value: Value, to: (from: number) => number | null): DimPair[] {
  return value.dims.flatMap((_, from): DimPair[] => {
    const target = to(from);
    return target === null ? [] : [[from, target]];
  });
}

/** A value with its dimensions in another order: dimension i of the result is dimension `order[i]` of the value. */
export function turned(context: NodeContext, value: Value, order: readonly number[]): Value {
  const result: Value = { ...value, numbers: null, dims: order.map((dim) => value.dims[dim]) };
  context.carry(
    value,
    result,
    order.map((from, to) => [from, to] as const),
  );
  return result;
}

/** The same handler under many names. */
export function named(names: readonly string[], handler: Handler): Handlers {
  return Object.fromEntries(names.map((name) => [name, handler]));
}

/** The words of a text, for long lists of operator names. */
export const words = (text: string): readonly string[] => text.trim().split(/\s+/);
