// The result of an experiment as plain data: what a report is made of, and what the command line writes as JSON.

/** One model's line in the main table; means and spreads are over `seeds` runs. */
export interface ExperimentRow {
  readonly model: string;
  /** Trainable numbers. */
  readonly parameters: number;
  /** Training time, mean over seeds. */
  readonly seconds: number;
  readonly tauMean: number;
  /** Sample standard deviation; NaN for one seed. */
  readonly tauSpread: number;
  /** The same after a random group element acted on every test network. */
  readonly tauMovedMean: number;
  readonly tauMovedSpread: number;
  /** Largest change of a prediction under the group elements, on the scale of the target. */
  readonly maxPredictionChange: number;
  /** Kendall's tau between the predictions before and after the group elements: 1 when no order changed. */
  readonly agreement: number;
  readonly r2Mean: number;
  readonly r2Spread: number;
  readonly seeds: number;
}

/** One test network seen by one model; numbers on the scale of the target. */
export interface ScatterPoint {
  readonly model: string;
  readonly predicted: number;
  readonly actual: number;
  /** Prediction after a random group element acted on the network. */
  readonly moved: number;
}

export interface LearningCurve {
  readonly model: string;
  readonly seed: number;
  readonly epochs: readonly {
    readonly epoch: number;
    readonly trainLoss: number;
    /** NaN where undefined. */
    readonly validTau: number;
  }[];
}

export interface ExperimentResult {
  readonly title: string;
  /** The command that reproduces it. */
  readonly command: string;
  /** Processor, cores, Node version. */
  readonly machine: string;
  readonly seed: number;
  readonly population: {
    readonly networks: number;
    readonly accuracies: readonly number[];
    /** What the networks are, in a few words: "64-32-10 ReLU networks on 8x8 digits". */
    readonly description?: string;
    /** Sizes of the three parts. */
    readonly train?: number;
    readonly validation?: number;
    readonly test?: number;
  };
  /** In the order in which tables and figures show them. */
  readonly rows: readonly ExperimentRow[];
  readonly scatter: readonly ScatterPoint[];
  readonly curves: readonly LearningCurve[];
}
