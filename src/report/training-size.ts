// The result of a learning curve over training sizes as plain data: what its report is made of.

import type { MetricInfo } from "../core/metric-info.ts";

/** One model at one training size. */
export interface TrainingSizeRow {
  readonly model: string;
  /** Share of the training runs. */
  readonly share: number;
  /** Networks trained on, the mean over splits. */
  readonly networks: number;
  /** Tau on the test networks, one list of seeds for each split. */
  readonly taus: readonly (readonly number[])[];
  readonly tauMean: number;
  /** Sample standard deviation over all splits and seeds; NaN for one. */
  readonly tauStd: number;
  /** Mean over stages of training of tau within one stage; absent where there is one stage. */
  readonly stageTauMean?: number;
}

/** Functionals judged by the number of networks that they were trained on. */
export interface TrainingSizeResult {
  readonly title: string;
  /** The command that reproduces it. */
  readonly command: string;
  readonly commit?: string;
  /** Processor, cores, Node version. */
  readonly machine: string;
  /** How products were rounded: once (fma) or twice. */
  readonly arithmetic?: "fma" | "plain";
  readonly seed: number;
  readonly splits: number;
  readonly seeds: number;
  readonly population: {
    readonly name: string;
    readonly networks: number;
    readonly runs: number;
    readonly description: string;
    /** What is predicted. @default test accuracies, in [0, 1] */
    readonly target?: Pick<MetricInfo, "name" | "unit" | "summary">;
    /** Networks of each split that choose the epoch, and that are held out. */
    readonly validation: number;
    readonly test: number;
  };
  /** By model, then by size. */
  readonly rows: readonly TrainingSizeRow[];
}
