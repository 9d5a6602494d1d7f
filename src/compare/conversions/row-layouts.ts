// What an order of rows is known as, where the rows of one array come from several, or from a part of one.

import { knownLayout } from "../layouts.ts";

/** Where a row comes from: a source by its number, and the row in it. */
export interface RowOrigin {
  readonly source: number;
  readonly row: number;
}

export interface RowLayout {
  /** Sources in the order of their rows, with the rows that are taken of each. */
  readonly pieces: readonly { readonly source: number; readonly rows: readonly number[] }[];
  /** Row i is row `order[i]` of the pieces together; undefined when they come in turn. */
  readonly order?: readonly number[];
  /** The name of an order that is not plain. */
  readonly name?: string;
}

/** The layout of rows; undefined when a row is taken twice, or the order is none that converters make. */
export function rowLayout(origins: readonly RowOrigin[]): RowLayout | undefined {
  const bySource = new Map<number, number[]>();
  for (const { source, row } of origins) {
    const rows = bySource.get(source) ?? [];
    if (rows.length === 0) bySource.set(source, rows);
    rows.push(row);
  }
  const pieces = [...bySource].map(([source, rows]) => ({ source, rows }));
  if (pieces.some(({ rows }) => new Set(rows).size < rows.length)) return undefined;
  // As many changes of source as there are sources: each stands in one run.
  const runs = origins.filter(({ source }, i) => i === 0 || source !== origins[i - 1].source);
  const isInTurn = runs.length === pieces.length;
  if (isInTurn) {
    if (pieces.every(({ rows }) => isRange(rows))) return { pieces };
    const strides = pieces.map(({ rows }) => stridedName(rows));
    if (strides.every((name) => name !== undefined))
      return { pieces, name: [...new Set(strides.filter((name) => name !== ""))].join("; ") };
    if (pieces.length > 1) return undefined;
    const sorted = pieces[0].rows.toSorted((x, y) => x - y);
    const places = new Map(sorted.map((row, i) => [row, i]));
    const permutation = pieces[0].rows.map((row) => places.get(row) ?? 0);
    const known = isRange(sorted) ? knownLayout(permutation) : undefined;
    return known && { pieces, name: known.name };
  }
  return interleaved(origins, pieces);
}

const isRange = (rows: readonly number[]): boolean => rows.every((row, i) => row === rows[0] + i);

/** Blocks of rows at equal distances: one part of every group. */
function stridedName(rows: readonly number[]): string | undefined {
  if (isRange(rows)) return "";
  let block = 1;
  while (block < rows.length && rows[block] === rows[0] + block) block++;
  const step = rows[block] - rows[0];
  const isRegular =
    rows.length % block === 0 &&
    step > block &&
    rows.every((row, i) => row === rows[0] + Math.floor(i / block) * step + (i % block));
  return isRegular ? `${rows.length / block} groups of ${step}, ${block} rows of each` : undefined;
}

/** Several sources dealt out in turn: so many rows of each for every group. */
function interleaved(
  origins: readonly RowOrigin[],
  pieces: readonly { readonly source: number; readonly rows: readonly number[] }[],
): RowLayout | undefined {
  if (!pieces.every(({ rows }) => isRange(rows))) return undefined;
  const counts = pieces.map(({ rows }) => rows.length);
  const starts = counts.map((_, i) => counts.slice(0, i).reduce((sum, n) => sum + n, 0));
  const numbers = new Map(pieces.map(({ source }, i) => [source, i]));
  let first = 1;
  while (first < origins.length && origins[first].source === origins[0].source) first++;
  const groups = counts[0] / first;
  if (!Number.isInteger(groups) || counts.some((count) => count % groups !== 0)) return undefined;
  const shares = counts.map((count) => count / groups);
  const expected = Array.from({ length: groups }, (_, g) =>
    shares.flatMap((share, p) =>
      Array.from({ length: share }, (__, r) => starts[p] + g * share + r),
    ),
  ).flat();
  const order = origins.map(({ source, row }) => {
    const p = numbers.get(source) ?? 0;
    return starts[p] + row - pieces[p].rows[0];
  });
  if (!order.every((row, i) => row === expected[i])) return undefined;
  return { pieces, order, name: `${groups} groups, ${shares.join(" + ")} rows of each in turn` };
}
