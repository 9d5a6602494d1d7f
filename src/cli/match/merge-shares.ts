// The shares of networks in a merge, from --weight and --weights.

import { InvalidArgumentError } from "commander";
import { UsageError } from "../app/usage-error.ts";

export interface ShareFlags {
  readonly weight?: number;
  readonly weights?: readonly number[];
}

/** A parser of one share, from 0 to 1. */
export function readShare(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("Expected a number from 0 to 1.");
  return value;
}

/** A parser of shares separated by commas. */
export const readShares = (text: string): number[] => text.split(",").map(readShare);

/** Sums this near to 1 are taken for it: a third is written 0.333. */
const roundingOfShares = 0.005;

/** One share per network, adding up to 1; equal ones when none are told. @throws {UsageError} */
export function sharesOf(count: number, { weight, weights }: ShareFlags): number[] {
  if (weight !== undefined && weights !== undefined)
    throw new UsageError("merge: give --weight or --weights, not both");
  if (weight !== undefined) {
    if (count !== 2)
      throw new UsageError(`merge: --weight is for two networks, got ${count}; use --weights`);
    return [1 - weight, weight];
  }
  if (weights === undefined) return Array.from({ length: count }, () => 1 / count);
  const sum = weights.reduce((total, share) => total + share, 0);
  if (weights.length !== count || Math.abs(sum - 1) > roundingOfShares)
    throw new UsageError(
      `merge: expected ${count} --weights that add up to 1, got ${weights.join(", ")}`,
    );
  return weights.map((share) => share / sum);
}
