// Training and validation networks of every training of its own, so that a table's spread counts which networks taught a functional;
// the networks that it is tested on stay the same.

import { deriveSeed } from "../../core/random.ts";
import { splitPositions, type WeightDataset } from "../../train/dataset.ts";
import type { ExperimentSettings } from "../settings.ts";

/** Positions in a population. */
export interface TaughtBy {
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/** The runs of training and validation, shuffled once more for a training, in parts of the same sizes. */
function drawnFor(
  { groups }: Pick<WeightDataset, "groups">,
  pool: readonly number[],
  { split: [train, validation], seed }: Pick<ExperimentSettings, "split" | "seed">,
  number: number,
): TaughtBy {
  const of = { size: pool.length, ...(groups && { groups: pool.map((i) => groups[i]) }) };
  const shares = [train, validation].map((share) => share / (train + validation));
  const parts = splitPositions(of, shares, deriveSeed(seed, "split", number));
  const [ofTrain, ofValidation] = parts.map((places) => places.map((place) => pool[place]));
  return { train: ofTrain, validation: ofValidation };
}

/** What every training learns from, where the settings say that each draws its own; empty where all share one split. */
export function redrawn(
  dataset: Pick<WeightDataset, "size" | "groups">,
  settings: Pick<ExperimentSettings, "split" | "seed" | "seeds" | "resplit">,
): TaughtBy[] {
  const { split, seed, seeds, resplit = false } = settings;
  if (!resplit) return [];
  const [train, validation] = splitPositions(dataset, split, deriveSeed(seed, "split"));
  const pool = [...train, ...validation];
  return Array.from({ length: seeds }, (_, number) => drawnFor(dataset, pool, settings, number));
}
