// The best pairing of two networks' rows. Where they are much alike, inner products of some columns already prove it: by
// Cauchy and Schwarz the other columns add at most the product of what is left of both norms. Otherwise all columns count.

import type { RowPair } from "../../parts/row-pair.ts";
import { addRowProducts } from "../../parts/products.ts";
import { bestPairing, orStaying, type Pairing } from "./match-instance.ts";

/** Multiply-adds below which all products are taken at once. */
const proofFrom = 5e8;

/** Shares of the columns after which a proof is tried. */
const shares = [1 / 8, 3 / 8] as const;

/** Largest relative error of a product's rounding, in units of float32's last place, for each column; twice what is known. */
const roundingUnit = 2 ** -23;

export interface PairRowsOptions {
  /** Signs may flip with the pairing. */
  readonly signed: boolean;
  /** Products of columns that were added before, [size of a, size of b]; then nothing is proved from a part. Written to. */
  readonly gains?: Float64Array;
  /** Multiply-adds from which a proof is tried. @default 5e8 */
  readonly proofFrom?: number;
}

/** A pairing, and the share of the columns that were multiplied to find it. */
export interface RowPairing extends Pairing {
  readonly share: number;
}

/** The pairing of largest total inner product of rows [size, rest] of all pairs; `b` is moved. Factors are not negative. */
export async function pairRows(
  pairs: readonly RowPair[],
  size: number,
  { signed, gains: earlier, proofFrom: from = proofFrom }: PairRowsOptions,
): Promise<RowPairing> {
  const gains = earlier ?? new Float64Array(size * size);
  const columns = pairs.reduce((sum, { rest }) => sum + rest, 0);
  let done = 0;
  if (earlier === undefined && size * size * columns >= from) {
    for (const share of shares) {
      const part = columnsBetween(pairs, done, share);
      await addRowProducts(gains, part, size);
      done = share;
      const known = {
        gains,
        signed,
        share,
        a: norms(pairs, "a", size, share),
        b: norms(pairs, "b", size, share),
      };
      const guess = nearest(known, size);
      if (guess === undefined) break;
      const proved = provedPairing(pairs, size, known, guess);
      if (proved !== undefined) return { ...proved, share };
    }
  }
  await addRowProducts(gains, columnsBetween(pairs, done, 1), size);
  return { ...bestPairing(gains, size, signed), share: 1 };
}

const endOf = ({ rest }: RowPair, share: number): number => Math.ceil(share * rest);

/** Each pair's columns from one share of them to another. */
const columnsBetween = (pairs: readonly RowPair[], from: number, to: number): RowPair[] =>
  pairs.map((pair) => ({ ...pair, columns: [endOf(pair, from), endOf(pair, to)] }));

/** What is known after a share of the columns: their products [size of a, size of b], and norms. */
interface Known {
  readonly gains: Float64Array;
  readonly signed: boolean;
  readonly share: number;
  readonly a: Norms;
  readonly b: Norms;
}

/** Norms of every row over its first columns, up to a share of them, and over the rest; factors included. */
interface Norms {
  readonly head: Float64Array;
  readonly tail: Float64Array;
}

/** For every row of `b`, the row of `a` nearest to it in the first columns; undefined when two have the same. */
function nearest({ gains, signed, a }: Known, size: number): number[] | undefined {
  const best = new Float64Array(size).fill(-Infinity);
  const rows = Array.from({ length: size }, () => -1);
  for (let i = 0; i < size; i++) {
    const halfSquare = (a.head[i] * a.head[i]) / 2;
    for (let j = 0; j < size; j++) {
      const gain = gains[i * size + j];
      const near = (signed ? Math.abs(gain) : gain) - halfSquare;
      if (near <= best[j]) continue;
      best[j] = near;
      rows[j] = i;
    }
  }
  return new Set(rows).size === size && !rows.includes(-1) ? rows : undefined;
}

function norms(pairs: readonly RowPair[], side: "a" | "b", size: number, share: number): Norms {
  const [head, tail] = [new Float64Array(size), new Float64Array(size)];
  for (const pair of pairs) {
    const { rest, factor, [side]: rows } = pair;
    const end = endOf(pair, share);
    for (let i = 0; i < size; i++) {
      let [first, second] = [0, 0];
      for (let k = i * rest; k < i * rest + end; k++) first += rows[k] * rows[k];
      for (let k = i * rest + end; k < (i + 1) * rest; k++) second += rows[k] * rows[k];
      head[i] += factor * first;
      tail[i] += factor * second;
    }
  }
  return { head: head.map(Math.sqrt), tail: tail.map(Math.sqrt) };
}

/** The whole inner product of a row of `a` and one of `b`. */
function product(pairs: readonly RowPair[], i: number, j: number): number {
  let sum = 0;
  for (const { a, b, rest, factor } of pairs) {
    let product = 0;
    for (let k = 0; k < rest; k++) product += a[i * rest + k] * b[j * rest + k];
    sum += factor * product;
  }
  return sum;
}

/**
 * The guess, if no other pairing can be as good: every product outside it is below the mean of the guess's products of its
 * row and its column. (Those halves are a feasible dual solution of the assignment problem, of the guess's own value.)
 */
function provedPairing(
  pairs: readonly RowPair[],
  size: number,
  { gains, signed, share, a, b }: Known,
  guess: readonly number[],
): Pairing | undefined {
  const counted = pairs.reduce((sum, pair) => sum + endOf(pair, share), 0);
  const rounding = (counted + 2) * roundingUnit;
  const guessed = guess.map((row, column) => product(pairs, row, column));
  const ofColumn = Float64Array.from(guessed, (value) => (signed ? Math.abs(value) : value) / 2);
  const ofRow = new Float64Array(size);
  const partner = new Int32Array(size);
  for (const [column, row] of guess.entries()) {
    ofRow[row] = ofColumn[column];
    partner[row] = column;
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      if (j === partner[i]) continue;
      const gain = gains[i * size + j];
      const rest = a.tail[i] * b.tail[j] + rounding * a.head[i] * b.head[j];
      // Not "above": NaN must not pass.
      if (!((signed ? Math.abs(gain) : gain) + rest * (1 + 1e-9) < ofRow[i] + ofColumn[j]))
        return undefined;
    }
  }
  const stay = guess.map((_, i) => product(pairs, i, i));
  return orStaying({
    permutation: guess,
    matched: guessed,
    stay,
    signed,
  });
}
