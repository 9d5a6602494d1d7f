// `weightspace/train`: training a model on weights, and judging it.

export {
  adam,
  adamW,
  rmsprop,
  sgd,
  type AdamOptions,
  type Optimizer,
  type RmspropOptions,
  type SgdOptions,
} from "../train/optimizers/optimizers.ts";
export {
  addDecayedParams,
  applyUpdates,
  average,
  chain,
  quotient,
  rootMeanSquare,
  scaleBy,
  type AverageOptions,
  type Coefficient,
  type OptimizerState,
  type RootMeanSquareOptions,
  type UpdateRule,
} from "../train/optimizers/update-rules.ts";
export {
  constant,
  stepDecay,
  warmupCosine,
  type Schedule,
  type StepDecayOptions,
  type WarmupCosineOptions,
} from "../train/optimizers/schedules.ts";
export {
  binaryCrossEntropy,
  meanSquaredError,
  objectiveNamed,
  objectiveNames,
  pairwiseLogistic,
  registerObjective,
  softmaxCrossEntropy,
} from "../train/measures/objectives.ts";
export {
  defineObjective,
  type Objective,
  type ObjectiveDefinition,
} from "../train/measures/objective.ts";
export { kendallTau } from "../train/measures/kendall-tau.ts";
export { meanAndStd, rSquared, type MeanAndStd, type Metric } from "../train/measures/metrics.ts";
export { splitDataset, subset, type DatasetTensor, type WeightDataset } from "../train/dataset.ts";
export { fitNormalization, normalize, type Normalization } from "../train/normalization.ts";
export { fit } from "../train/fit.ts";
export type { FitEvent } from "../train/events.ts";
export type { FitData, FitOptions } from "../train/fit-options.ts";
export { predict, type PredictOptions } from "../train/predict.ts";
export {
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type EpochRecord,
  type TrainingPosition,
} from "../train/checkpoint.ts";
export type { ReadCheckpoint } from "../train/checkpoint.ts";
export {
  metricNamed,
  metricNames,
  registerMetric,
  type NamedMetric,
} from "../train/measures/metric-registry.ts";
export type { MetricInfo } from "../core/metric-info.ts";
