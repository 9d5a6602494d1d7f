// The options of a training run, their defaults and checks.

import { OptionError, ShapeError } from "../core/errors.ts";
import type { Model } from "../models/model.ts";
import { checkDataset, outputsOf, type WeightDataset } from "./dataset.ts";
import { kendallTau } from "./measures/kendall-tau.ts";
import type { Objective } from "./measures/objective.ts";
import { binaryCrossEntropy, objectiveNamed } from "./measures/objectives.ts";
import type { Metric } from "./measures/metrics.ts";
import { adam, type Optimizer } from "./optimizers/optimizers.ts";
import { constant, type Schedule } from "./optimizers/schedules.ts";

/** The networks that a training learns from, and those that choose its best epoch. */
export interface FitData {
  readonly train: WeightDataset;
  /** Chooses the best epoch and stops early. @default none: the last parameters are the result */
  readonly validation?: WeightDataset;
}

/** How {@link fit} trains. */
export interface FitOptions {
  /** Passes over the training networks. */
  readonly epochs: number;
  /** Fixes initial parameters, the order of batches and dropout. */
  readonly seed: number;
  /** Networks per step; all of them when there are fewer. @default 32 */
  readonly batchSize?: number;
  /** What is minimised: an objective, or the name of a registered one. @default "binary-cross-entropy" */
  readonly objective?: Objective | string;
  /** @default adam() */
  readonly optimizer?: Optimizer;
  /** A number is a constant rate. @default 1e-3 */
  readonly rate?: Schedule | number;
  /** Largest norm of the gradients; larger ones are scaled down. @default no clipping */
  readonly clipNorm?: number;
  /** Larger is better; sees predictions on the scale of the targets. @default kendallTau */
  readonly metric?: Metric;
  /** Epochs without a better metric before stopping. @default never stops early */
  readonly patience?: number;
  /** Steps between two checkpoints; 0 for only one, at the end. @default every epoch */
  readonly checkpointEvery?: number;
  /** Give the model a random key at every step. @default false */
  readonly dropout?: boolean;
  /**
   * Bytes of a checkpoint to continue from; with the same data and options the result is the same to the bit. Options
   * that differ are refused, save those that may grow or cannot be compared: epochs, rate, patience, metric.
   */
  readonly resume?: Uint8Array;
  /** Ends the run after the step that is under way, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Kept in every checkpoint: model options, normalisation. JSON values only. @default {} */
  readonly notes?: Readonly<Record<string, unknown>>;
}

/** Options with every default filled in. */
export type FullFitOptions = Required<
  Omit<
    FitOptions,
    "rate" | "objective" | "clipNorm" | "patience" | "resume" | "signal" | "checkpointEvery"
  >
> &
  Pick<FitOptions, "clipNorm" | "patience" | "resume" | "signal" | "checkpointEvery"> & {
    readonly rate: Schedule;
    readonly objective: Objective;
  };

/** The options with defaults. @throws {OptionError} naming the option that is out of its range or not known */
export function fullFitOptions(options: FitOptions): FullFitOptions {
  if (Object.hasOwn(options, "loss"))
    throw new OptionError("fit: there is no option loss; it is called objective since 0.2");
  const { rate = 1e-3, objective = binaryCrossEntropy } = options;
  const full = {
    batchSize: 32,
    optimizer: adam(),
    metric: kendallTau,
    dropout: false,
    notes: {},
    ...options,
    rate: typeof rate === "number" ? constant(rate) : rate,
    objective: typeof objective === "string" ? objectiveNamed(objective) : objective,
  };
  const checkWhole = (name: "epochs" | "patience" | "checkpointEvery", min: number) => {
    const value = full[name];
    if (value !== undefined && (!Number.isSafeInteger(value) || value < min)) {
      throw new OptionError(
        `fit: ${name} expected a whole number of at least ${min}, got ${value}`,
      );
    }
  };
  checkWhole("epochs", 1);
  checkWhole("patience", 1);
  checkWhole("checkpointEvery", 0);
  if (!Number.isSafeInteger(full.seed)) {
    throw new OptionError(`fit: seed expected a whole number, got ${full.seed}`);
  }
  if (full.clipNorm !== undefined && !(full.clipNorm > 0)) {
    throw new OptionError(`fit: clipNorm expected a number above 0, got ${full.clipNorm}`);
  }
  return full;
}

/** Refuses data that the model cannot read. @throws {ShapeError} {OptionError} */
export function checkFitData(model: Model, { train, validation }: FitData): void {
  for (const dataset of validation === undefined ? [train] : [train, validation]) {
    checkDataset(dataset);
    const outputs = outputsOf(dataset);
    if (outputs !== model.outputs) {
      throw new ShapeError(
        `fit: model "${model.name}" has ${model.outputs} outputs, expected ${outputs} as in the ` +
          "targets of the dataset; build the model with that many",
      );
    }
    const expected = Object.keys(model.spec.tensors).sort().join(", ");
    const given = Object.keys(dataset.tensors).sort().join(", ");
    if (expected !== given) {
      throw new ShapeError(
        `fit: model "${model.name}" expected tensors ${expected}, got ${given}; use one spec for both`,
      );
    }
  }
}
