// `weightspace/align`: one network brought onto another by its symmetries; averages and the path between them.

export {
  alignActivations,
  type ActivationAlignment,
  type ActiveNetwork,
} from "../align/activations/align-activations.ts";
export { alignWeights, type Alignment } from "../align/align.ts";
export {
  graphActivations,
  type GraphActivationOptions,
} from "../align/activations/graph-activations.ts";
export { inputBatches, type InputBatch } from "../align/activations/graph-inputs.ts";
export { graphLoss, type EvaluateModel } from "../align/merging/graph-loss.ts";
export {
  matchActivations,
  type ActivationMatch,
  type Activations,
} from "../align/activations/match-activations.ts";
export {
  alignMany,
  mergeWeights,
  type AlignManyOptions,
  type ManyAlignment,
  type MergePart,
} from "../align/merging/merge-weights.ts";
export { interpolate, lossBarrier, pathPoints, type PathPoint } from "../align/merging/path.ts";
export { similarityOf } from "../align/similarity.ts";
export type { MatchOptions, MatchStart, WeightMatch } from "../align/matching/match-weights.ts";
export type { WeightReader } from "../parts/problem.ts";
export type { NormalizedScales } from "../parts/scaling/normalize-scales.ts";
export type { Executor, ModelArray, RunOptions } from "../runtime/executor.ts";
export type { OnnxType } from "../formats/onnx/onnx-element-types.ts";
