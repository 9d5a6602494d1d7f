// `weightspace/experiment`: several models on one population, and the reports of their results.

export {
  runExperiment,
  type ExperimentEvent,
  type ExperimentOptions,
  type ExperimentOutcome,
} from "../experiment/run-experiment.ts";
export { runClassification, type ClassOutcome, type ClassRow } from "../experiment/classify.ts";
export type {
  ExperimentResult,
  ExperimentRow,
  LearningCurve,
  MoveRow,
  OneNumberRow,
  PairedComparison,
  ScatterPoint,
  TuningRow,
  UnfinishedCount,
} from "../report/experiment.ts";
export type {
  PredictionRecord,
  SplitPositions,
  TrainingRecord,
} from "../experiment/predictions.ts";
export { mergeReport, type MergeResult } from "../report/merge-report.ts";
export type { Measured, MeasuredPath, PathPair } from "../report/measured-path.ts";
export { generalizationReport } from "../report/generalization-report.ts";
export type { JobPool } from "../experiment/job-pool.ts";
export type {
  ExperimentEntry,
  ExperimentSettings,
  FixedSearch,
  Halving,
  Tuning,
} from "../experiment/settings.ts";
export type { OutsidePredictions } from "../experiment/outside.ts";
export type { Budget } from "../experiment/budget.ts";
export type {
  DatasetParts,
  JobEvent,
  JobOutcome,
  JobRequest,
  JobResult,
} from "../experiment/job.ts";
export type { PluginRecord } from "../core/plugins.ts";
export type { Target } from "../train/target.ts";
export { optimizerReport } from "../report/optimizer-report.ts";
