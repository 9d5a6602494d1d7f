// `weightspace/models`: neural networks that read weights.

export type {
  ApplyOptions,
  EquivariantModel,
  Model,
  Params,
  StagedModel,
  VectorModel,
  WeightArrays,
  WeightBatch,
  WeightFunctional,
} from "../models/model.ts";
export type { EquivariantOptions } from "../models/equivariant-stack.ts";
export { equivariantUNF, hybridUNF, unf, type UNFOptions } from "../models/unf.ts";
export { nfn, type NFNOptions } from "../models/nfn.ts";
export { gramNN } from "../models/gram-nn.ts";
export { deepSets, pointwiseDeepSets, type DeepSetsOptions } from "../models/deep-sets.ts";
export {
  flatMLP,
  linearOnStatistics,
  statNN,
  weightStatistics,
  type StatNNOptions,
} from "../models/stat-nn.ts";
export {
  buildModel,
  modelEntry,
  modelNames,
  registerModel,
  type ModelEntry,
  type NamedModel,
  type ModelOptions,
} from "../models/registry.ts";
export type { ActivationName } from "../layers/pointwise/activation.ts";
export type { BiasKind } from "../layers/equivariant-linear.ts";
export type { Aggregation } from "../layers/execute.ts";
export type { InitKind } from "../layers/initial-coefficients.ts";
export type { PoolKind } from "../layers/invariant-pool.ts";
export type { ScaleRule } from "../plan/patterns.ts";
export type { ShareOptions } from "../plan/sharing.ts";
export type { FixedAxes } from "../symmetry/lower.ts";
export type { CompiledStage, Stage, StageGradients } from "../layers/stage.ts";
export type { LayerParams } from "../layers/layer.ts";
export type { OptionSchema, OptionType } from "../models/options.ts";
export type { TrainingPreset } from "../models/registry.ts";
export {
  equivariantProducts,
  unfProducts,
  type UNFProductsOptions,
} from "../models/unf-products.ts";
export { magep, type MagepOptions } from "../models/magep.ts";
export { monomial, type MonomialOptions } from "../models/monomial.ts";
export { transformerNFN, type TransformerNFNOptions } from "../models/transformer-nfn.ts";
export { withoutDirections } from "../models/wrappers/without-directions.ts";
export { networkProbes, type NetworkProbesOptions } from "../models/running/network-probes.ts";
export { probes, type ProbedActivation, type ProbesOptions } from "../models/running/probes.ts";
export { pictureEditor, type PictureEditorOptions } from "../models/picture-editor.ts";
export { slicedModel, type SlicedModelOptions } from "../models/sliced.ts";
export type { InputKind } from "../models/model.ts";
export type { ProductsBodyOptions } from "../models/unf-products.ts";
export { kernelText, type KernelTextOptions } from "../models/kernel-text.ts";
export { type Backend, backendNames } from "../kernels/backend.ts";
export { layered, type LayeredOptions } from "../models/layered.ts";
