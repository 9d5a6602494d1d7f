// Everything an experiment's table is computed from, small enough to be kept beside it: which networks learned and which were
// predicted, what is true of these, and what every training said.

import { deriveSeed } from "../core/random.ts";
import { splitPositions, type WeightDataset } from "../train/dataset.ts";
import { redrawn } from "./data/redraw.ts";
import type { FinishedJob } from "./job.ts";
import type { ExperimentSettings } from "./settings.ts";

/** Positions in the population; where a share of the training runs was asked for, `train` has the others, too. */
export interface SplitPositions {
  readonly train: readonly number[];
  readonly validation: readonly number[];
  readonly test: readonly number[];
}

/** One training of one functional. */
export interface TrainingRecord {
  readonly model: string;
  readonly seed: number;
  /** On the test networks, in their order, to six digits. */
  readonly predicted: readonly number[];
  readonly bestEpoch: number;
  /** Losses and tau after the best epoch; null where they are not finite. */
  readonly trainLoss: number | null;
  readonly validLoss: number | null;
  readonly validTau: number | null;
  /** The same after every pass, first to last. */
  readonly passes: {
    readonly trainLoss: readonly (number | null)[];
    readonly validLoss: readonly (number | null)[];
    readonly validTau: readonly (number | null)[];
  };
  /** Why it ended without predictions. */
  readonly diverged?: string;
}

/** What the table of an experiment is computed from. */
export interface PredictionRecord {
  readonly split: SplitPositions;
  /**
   * Positions that judged each training's passes, where every one drew its own: it learned from the others of `train` and `validation`.
   */
  readonly validations?: readonly (readonly number[])[];
  /** Of the test networks, in the order of `split.test`. */
  readonly actual: readonly number[];
  /** The run each test network comes from; absent where each is a run of its own. */
  readonly runs?: readonly number[];
  /** The stage of its run at which each test network was kept; absent where there is one. */
  readonly stages?: readonly number[];
  readonly trainings: readonly TrainingRecord[];
}

const digits = 6;
const rounded = (value: number): number => Number(value.toPrecision(digits));
const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? rounded(value) : null;

function trainingRecord(job: FinishedJob): TrainingRecord {
  const { model, seed, predicted, bestEpoch, history, diverged } = job;
  const best = history[bestEpoch - 1];
  return {
    model,
    seed,
    predicted: predicted.map(rounded),
    bestEpoch,
    trainLoss: finite(best?.trainLoss),
    validLoss: finite(best?.validLoss),
    validTau: finite(best?.validMetric),
    passes: {
      trainLoss: history.map(({ trainLoss }) => finite(trainLoss)),
      validLoss: history.map(({ validLoss }) => finite(validLoss)),
      validTau: history.map(({ validMetric }) => finite(validMetric)),
    },
    ...(diverged !== undefined && { diverged }),
  };
}

/** The record of an experiment whose trainings have ended. */
export function predictionRecord(
  dataset: WeightDataset,
  settings: ExperimentSettings,
  test: Pick<WeightDataset, "targets" | "groups" | "stages">,
  jobs: readonly FinishedJob[],
): PredictionRecord {
  const split = splitPositions(dataset, settings.split, deriveSeed(settings.seed, "split"));
  const [train, validation, ofTest] = split;
  const validations = redrawn(dataset, settings).map((taught) => taught.validation);
  return {
    split: { train, validation, test: ofTest },
    ...(validations.length > 0 && { validations }),
    actual: Array.from(test.targets),
    ...(test.groups && { runs: [...test.groups] }),
    ...(test.stages && { stages: [...test.stages] }),
    trainings: jobs.map(trainingRecord),
  };
}
