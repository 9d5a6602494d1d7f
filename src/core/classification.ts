// What scores say about one example: its cross-entropy and the class of highest score, on the host in float64.

/** Where the scores of one example stand: score of class c at `from + c * stride`. */
export interface ScorePlace {
  readonly classes: number;
  readonly from: number;
  readonly stride: number;
}

/** Cross-entropy of `label` in nats, and the first class of highest score; NaN and -1 when no score is a number. */
export function judgeScores(
  scores: ArrayLike<number>,
  { classes, from, stride }: ScorePlace,
  label: number,
): { readonly loss: number; readonly best: number } {
  let best = -1;
  let highest = -Infinity;
  for (let c = 0; c < classes; c++) {
    const score = scores[from + c * stride];
    if (score > highest) [best, highest] = [c, score];
  }
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp(scores[from + c * stride] - highest);
  return { loss: Math.log(sum) + highest - scores[from + label * stride], best };
}
