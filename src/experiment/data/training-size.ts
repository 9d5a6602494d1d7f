// Learning curves over training sizes: the outcomes of one experiment per split and share, put together. Within a split every
// share has the same validation and test networks, and a smaller share is part of a larger one.

import type { TrainingSizeRow } from "../../report/training-size.ts";
import { meanAndStd } from "../../train/measures/metrics.ts";
import type { ExperimentOutcome } from "../run-experiment.ts";

/** The outcome of one split and one share of its training runs. */
export interface SizedOutcome {
  readonly share: number;
  readonly outcome: Pick<ExperimentOutcome, "rows" | "sizes">;
}

/** Rows by model in the order of `models`, then by share; splits in the order of the outcomes. */
export function collectTrainingSizes(
  models: readonly string[],
  outcomes: readonly SizedOutcome[],
): TrainingSizeRow[] {
  const shares = [...new Set(outcomes.map(({ share }) => share))].sort((a, b) => a - b);
  return models.flatMap((model) =>
    shares.map((share): TrainingSizeRow => {
      const ofShare = outcomes.filter((each) => each.share === share);
      const rows = ofShare.flatMap(({ outcome }) =>
        outcome.rows.filter((row) => row.model === model),
      );
      const taus = rows.map((row) => row.taus ?? []);
      const { mean, std } = meanAndStd(taus.flat());
      const stages = rows.flatMap(({ stageTauMean }) => stageTauMean ?? []);
      return {
        model,
        share,
        networks: Math.round(meanAndStd(ofShare.map(({ outcome }) => outcome.sizes.train)).mean),
        taus,
        tauMean: mean,
        tauStd: std,
        ...(stages.length > 0 && { stageTauMean: meanAndStd(stages).mean }),
      };
    }),
  );
}
