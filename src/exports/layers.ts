// `weightspace/layers`: the layers that functionals are made of, to build an architecture of one's own.

export {
  weightFeatures,
  type WeightFeatureOptions,
  type WeightFeatures,
} from "../layers/weight-features.ts";
export {
  createLayer,
  layerNames,
  registerLayer,
  type LayerSizes,
  type NamedLayer,
  type WeightLayer,
} from "../layers/weight-layer.ts";
export {
  equivariantLinear,
  type BiasKind,
  type EquivariantLinearOptions,
} from "../layers/equivariant-linear.ts";
export type { StagedLayer } from "../layers/layer-stack.ts";
export { pointwiseLayer } from "../layers/pointwise/pointwise.ts";
export {
  dense,
  denseStack,
  type DenseOptions,
  type DenseStackOptions,
} from "../layers/pointwise/dense.ts";
export { invariantPool, type InvariantPool, type PoolKind } from "../layers/invariant-pool.ts";
export { positionEncoding, type PositionEncodingOptions } from "../layers/position-encoding.ts";
export { activate, activationNames, type ActivationName } from "../layers/pointwise/activation.ts";
export { keepParams, prefixed, scoped, type Layer, type LayerParams } from "../layers/layer.ts";
export {
  stage,
  type CompiledStage,
  type Stage,
  type StageFunction,
  type StageGradients,
  type StagePullback,
} from "../layers/stage.ts";
export type { Aggregation } from "../layers/execute.ts";
export type { InitKind } from "../layers/initial-coefficients.ts";
export type { ScaleRule } from "../plan/patterns.ts";
export type { ShareOptions } from "../plan/sharing.ts";
export type { FixedAxes, LoweredSpec } from "../symmetry/lower.ts";
export type { ExecutablePlan } from "../plan/plan-spec.ts";
export type {
  FeatureUse,
  ReductionStep,
  Schedule as PlanSchedule,
  TargetUse,
} from "../plan/schedule.ts";
