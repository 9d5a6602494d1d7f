// Groups among many files: those that are one network, and those that are near to each other.

/** How two of many files compare, by their positions. */
export interface PairOutcome {
  readonly a: number;
  readonly b: number;
  readonly verdict: string;
  /** As `relativeDifference` says; undefined where nothing can be compared. */
  readonly difference?: number;
}

/** Differences up to here make networks near: unrelated ones are at about 1.4, fine-tuned ones far below. */
export const nearDifference = 0.25;

export interface Clusters {
  /** Positions of files that are one network, identical or up to symmetries; groups of one are left out. */
  readonly equal: readonly (readonly number[])[];
  /** Positions of files that are near, each to another of its group; with the equal ones. */
  readonly near: readonly (readonly number[])[];
}

/** Groups of `count` files. */
export function clustersOf(count: number, pairs: readonly PairOutcome[]): Clusters {
  const isEqual = ({ verdict }: PairOutcome) => verdict === "identical" || verdict === "symmetric";
  const isNear = (pair: PairOutcome) =>
    isEqual(pair) || (pair.difference ?? Infinity) <= nearDifference;
  return { equal: groups(count, pairs.filter(isEqual)), near: groups(count, pairs.filter(isNear)) };
}

function groups(count: number, joined: readonly PairOutcome[]): number[][] {
  const group = Array.from({ length: count }, (_, i) => i);
  for (const { a, b } of joined) {
    const [from, to] = [group[b], group[a]];
    for (let i = 0; i < count; i++) if (group[i] === from) group[i] = to;
  }
  const members = new Map<number, number[]>();
  for (const [file, id] of group.entries()) members.set(id, [...(members.get(id) ?? []), file]);
  return [...members.values()].filter((files) => files.length > 1);
}
