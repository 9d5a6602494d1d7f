// The result of an experiment as plain data: what a report is made of, and what the command line writes as JSON.

import type { MetricInfo } from "../core/metric-info.ts";
import type { PluginRecord } from "../core/plugins.ts";

/** One model's line in the main table; means and standard deviations are over `seeds` runs. */
export interface ExperimentRow {
  readonly model: string;
  /** Trainable numbers. */
  readonly parameters: number;
  /** Training time, mean over seeds. */
  readonly seconds: number;
  readonly tauMean: number;
  /** Sample standard deviation; NaN for one seed. */
  readonly tauStd: number;
  /** 95 % interval of `tauMean` over other test runs of the population and other trainings. */
  readonly tauInterval?: readonly [number, number];
  /** Tau of every seed, in their order. */
  readonly taus?: readonly number[];
  /** Mean over stages of training (checkpoints of a run) of tau within one stage; absent where there is one stage. */
  readonly stageTauMean?: number;
  /** Sample standard deviation over seeds; NaN for one seed. */
  readonly stageTauStd?: number;
  /** The same after a random group element acted on every test network. */
  readonly tauMovedMean: number;
  readonly tauMovedStd: number;
  /** Largest change of a prediction under the group elements, on the scale of the target. */
  readonly maxPredictionChange: number;
  /** Kendall's tau between the predictions before and after the group elements: 1 when no order changed. */
  readonly agreement: number;
  /** Tau after scales, signs or bases acted on every test network, by what acted (`scales:2`, `signs`, `bases`). */
  readonly moves?: readonly MoveRow[];
  readonly r2Mean: number;
  readonly r2Std: number;
  /** Trainings that ended. */
  readonly seeds: number;
  /** Further trainings whose loss stopped being finite, and of which nothing else is counted. @default 0 */
  readonly diverged?: number;
  /** Networks that the functional could not read, at most in one training: left out there, taken to be like the others in tests. @default 0 */
  readonly unread?: number;
  /** Where its trainings took these seconds, where that is known; several places with semicolons between them. */
  readonly machine?: string;
  /** Learning rate and options it was trained with. */
  readonly rate?: number;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** What a model's tau becomes when test networks are moved. */
export interface MoveRow {
  readonly move: string;
  readonly tauMean: number;
  /** Sample standard deviation over seeds; NaN for one seed. */
  readonly tauStd: number;
}

/** A baseline without training: test networks in the order of one number. */
export interface OneNumberRow {
  /** What the number is: "training step". */
  readonly number: string;
  /** Which networks are held to be better, read off the training networks. */
  readonly direction: "higher" | "lower";
  readonly tau: number;
  /** 95 % interval when test networks are drawn again. */
  readonly tauInterval: readonly [number, number];
  /** Mean over stages of tau within one stage; absent where there is one stage. */
  readonly stageTau?: number;
}

/** Two models on the same test networks, seed by seed. */
export interface PairedComparison {
  readonly model: string;
  readonly other: string;
  /** Mean over seeds of the tau of `model` minus that of `other`. */
  readonly difference: number;
  /** Sample standard deviation of the difference over seeds; NaN for one seed. */
  readonly std: number;
  /** 95 % interval of `difference` over other test runs and other trainings. */
  readonly interval: readonly [number, number];
  /** Two-sided p value of no difference. */
  readonly p?: number;
  /** The same corrected for all pairs of the table (Holm 1979). */
  readonly adjustedP?: number;
  /** Seeds in which `model` has the higher tau. */
  readonly wins: number;
  readonly seeds: number;
}

/** One configuration that was tried for a model, judged by validation networks. */
export interface TuningRow {
  readonly model: string;
  readonly rate: number;
  readonly options: Readonly<Record<string, unknown>>;
  readonly parameters: number;
  /** NaN where undefined. */
  readonly validTau: number;
  readonly validLoss: number;
  readonly bestEpoch: number;
  readonly seconds: number;
  readonly chosen: boolean;
  /** Passes over the training networks, where trials differ in them. */
  readonly passes?: number;
  /** Decoupled weight decay, where it was searched. */
  readonly weightDecay?: number;
  /** Why it ended without a result. */
  readonly diverged?: string;
}

/** One test network seen by one model; numbers on the scale of the target. */
export interface ScatterPoint {
  readonly model: string;
  readonly predicted: number;
  readonly actual: number;
  /** Prediction after a random group element acted on the network. */
  readonly moved: number;
}

/** One training run, epoch by epoch. */
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

/** How much of an experiment a report shows that is written before the end. */
export interface UnfinishedCount {
  /** Functionals with all their runs. */
  readonly finished: number;
  /** Functionals of the whole experiment. */
  readonly models: number;
}

/** A comparison of functionals on one population. */
export interface ExperimentResult {
  readonly title: string;
  /** The command that reproduces it. */
  readonly command: string;
  /** The version of the code that made it, where it is known: a commit, or the package's version. */
  readonly commit?: string;
  /** Processor, cores, Node version. */
  readonly machine: string;
  /** How products were rounded: once (fma) or twice. */
  readonly arithmetic?: "fma" | "plain";
  readonly seed: number;
  /** Set while functionals are still being trained. @default the result is whole */
  readonly unfinished?: UnfinishedCount;
  /** Rows that are the mean of what two or more others predict. */
  readonly together?: readonly string[];
  /** The plug-ins that it was made with, where there were any. */
  readonly plugins?: readonly PluginRecord[];
  readonly population: {
    /** Short name, as in the name of a results file. */
    readonly name?: string;
    readonly networks: number;
    /** Training runs that the networks come from, where there are fewer. */
    readonly runs?: number;
    /** The numbers to be predicted, of every network. */
    readonly accuracies: readonly number[];
    /** What they are. @default test accuracies, in [0, 1] */
    readonly target?: Pick<MetricInfo, "name" | "unit" | "summary">;
    /** What the networks are, in a few words: "64-32-10 ReLU networks on 8x8 digits". */
    readonly description?: string;
    /** Sizes of the three parts. */
    readonly train?: number;
    readonly validation?: number;
    readonly test?: number;
  };
  /** In the order in which tables and figures show them. */
  readonly rows: readonly ExperimentRow[];
  /** Baselines of one number a network, best first. */
  readonly oneNumber?: readonly OneNumberRow[];
  /** All pairs of models, the better one first. */
  readonly comparisons?: readonly PairedComparison[];
  /** Every configuration tried, by model. */
  readonly tuning?: readonly TuningRow[];
  readonly scatter: readonly ScatterPoint[];
  readonly curves: readonly LearningCurve[];
}
