// Receiver operating characteristic: how well scores tell positives from negatives at every threshold (Fawcett 2006).

/** One threshold: shares of negatives and of positives that score at least as high. */
export interface RocPoint {
  readonly falsePositives: number;
  readonly truePositives: number;
}

/**
 * The chance that a positive scores higher than a negative, a tie counting one half (the Mann-Whitney statistic): 1 is
 * perfect, 0.5 is chance, NaN when either side is empty.
 */
export function areaUnderRoc(positives: readonly number[], negatives: readonly number[]): number {
  const sorted = Float64Array.from(negatives).sort();
  let wins = 0;
  for (const score of positives)
    wins += (countBelow(sorted, score, false) + countBelow(sorted, score, true)) / 2;
  return wins / (positives.length * sorted.length);
}

/** Sorted numbers below a score, or up to it. */
function countBelow(sorted: Float64Array, score: number, orEqual: boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < score || (orEqual && sorted[middle] === score)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The curve from (0, 0) to (1, 1) with a point at every distinct score of a positive. */
export function rocCurve(positives: readonly number[], negatives: readonly number[]): RocPoint[] {
  const sorted = Float64Array.from(negatives).sort();
  const thresholds = [...new Set(positives)].sort((a, b) => b - a);
  const ordered = Float64Array.from(positives).sort();
  const atLeast = (all: Float64Array, score: number) =>
    (all.length - countBelow(all, score, false)) / all.length;
  return [
    { falsePositives: 0, truePositives: 0 },
    ...thresholds.flatMap((score) => {
      const falsePositives = atLeast(sorted, score);
      const above = (ordered.length - countBelow(ordered, score, true)) / ordered.length;
      return [
        { falsePositives, truePositives: above },
        { falsePositives, truePositives: atLeast(ordered, score) },
      ];
    }),
    { falsePositives: 1, truePositives: 1 },
  ];
}
