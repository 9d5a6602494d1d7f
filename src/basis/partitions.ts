// Set partitions and the numbers that count them: Bell and Stirling numbers of the second kind.

const bellNumbers = [1];
const stirlingRows: number[][] = [[1]];

/** Stirling number of the second kind: ways to split n things into k non-empty blocks. */
export function stirlingNumber(n: number, k: number): number {
  if (k < 0 || k > n) return 0;
  for (let row = stirlingRows.length; row <= n; row++) {
    const above = stirlingRows[row - 1];
    stirlingRows.push(
      Array.from({ length: row + 1 }, (_, j) => j * (above[j] ?? 0) + (above[j - 1] ?? 0)),
    );
  }
  return stirlingRows[n][k];
}

/** Bell number: ways to split n things into blocks. 1, 1, 2, 5, 15, 52, 203, 877, 4140, ... */
export function bellNumber(n: number): number {
  for (let i = bellNumbers.length; i <= n; i++) bellNumbers.push(boundedBell(i, i));
  return bellNumbers[n];
}

/** Ways to split n things into at most `blocks` blocks: the patterns that indices below `blocks` can show. */
export function boundedBell(n: number, blocks: number): number {
  let count = 0;
  for (let k = 0; k <= Math.min(n, blocks); k++) count += stirlingNumber(n, k);
  return count;
}

/**
 * All set partitions of a list, each a list of blocks. The order is that of the published UNF code: partition the tail
 * first, then put the first element into each block in turn, then alone.
 */
export function setPartitions<T>(items: readonly T[]): T[][][] {
  if (items.length === 0) return [[]];
  const [first, ...tail] = items;
  return setPartitions(tail).flatMap((blocks) => [
    ...blocks.map((block, i) => blocks.with(i, [first, ...block])),
    [[first], ...blocks],
  ]);
}
