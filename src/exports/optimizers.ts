// `weightspace/optimizers`: optimizers in the convention of optax, hand-made and learned.

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
  meanParams,
  scheduleFreeAdamW,
  type ScheduleFreeOptions,
} from "../train/optimizers/schedule-free.ts";
export { muon, type MuonOptions } from "../train/optimizers/muon.ts";
export {
  applyUpdates,
  chain,
  scaleBy,
  type Coefficient,
  type OptimizerState,
  type UpdateRule,
} from "../train/optimizers/update-rules.ts";
export { learnedOptimizer, type LearnedOptimizerOptions } from "../optimizers/learned-optimizer.ts";
export {
  loadOptimizer,
  openTheta,
  type LoadOptimizerOptions,
} from "../optimizers/load-optimizer.ts";
export { shippedNames } from "../optimizers/shipped.ts";
export { readTheta, writeTheta, type ThetaFile } from "../optimizers/theta-file.ts";
export {
  optimizerKind,
  optimizerKinds,
  registerOptimizer,
  type NamedOptimizerKind,
  type OptimizerKind,
} from "../optimizers/registry.ts";
export type { ThetaShapes, UpdateProgram } from "../optimizers/update-program.ts";
export type { NetworkNumbers, StepKernel } from "../optimizers/steps/step-kernel.ts";
export type { ClassifierForm } from "../kernels/networks/classifier-kernel.ts";
export type { NetworkForm } from "../kernels/networks/forms.ts";
export { metaTrain, type MetaEvent, type MetaTrainOptions } from "../optimizers/meta/meta-train.ts";
export { chooseBackend, type MetaBackend } from "../optimizers/meta/backend.ts";
export type { MetaRecord } from "../optimizers/meta/meta-checkpoint.ts";
export {
  defaultSettings,
  type EpisodeLoss,
  type MetaSettings,
} from "../optimizers/meta/settings.ts";
export {
  estimatorNames,
  type EpisodeTime,
  type EstimatorName,
  type PairLosses,
} from "../optimizers/meta/estimator.ts";
export {
  unrollInPlace,
  type GroupRequest,
  type UnrollPool,
} from "../optimizers/meta/unroll-pool.ts";
export type {
  TruncationRequest,
  TruncationResult,
  UnrollGroup,
} from "../optimizers/meta/unrolls.ts";
export {
  innerTaskEntry,
  innerTaskNames,
  registerInnerTask,
  type InnerTaskEntry,
  type NamedInnerTask,
} from "../tasks/inner/registry.ts";
export { defineInnerTask, type InnerTaskDefinition } from "../tasks/inner/define-task.ts";
export type { InnerTask, LabelledRows, LossAndGradients } from "../tasks/inner/inner-task.ts";
export type { ImageData } from "../tasks/inner/images.ts";
export {
  handMadeEntry,
  handMadeNames,
  learnedEntry,
  type LearnedEntryOptions,
  type OptimizerEntry,
  type ManyRule,
} from "../optimizers/evaluate/entries.ts";
export type { StepsOnKernels } from "../optimizers/evaluate/steps-on-kernels.ts";
export {
  evaluateOptimizers,
  type EvaluateEvent,
  type EvaluateOptions,
  type EvaluationRunner,
  type EvaluationUnit,
} from "../optimizers/evaluate/evaluate.ts";
export type { NetworkCurves } from "../optimizers/evaluate/train-networks.ts";
export {
  optimizerCurves,
  optimizerRows,
  type OptimizerCurve,
  type OptimizerResult,
  type OptimizerRow,
} from "../optimizers/evaluate/rows.ts";
