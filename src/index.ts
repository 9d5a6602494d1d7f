// The public library: everything a program needs, by name. `weightspace/testing` has the checkers.

export * from "./core/errors.ts";
export { deriveSeed, randomStream, type RandomStream } from "./core/random.ts";
export type { Tensor, Weights } from "./core/tensors.ts";

export {
  formatAxisExpression,
  parseAxisExpression,
  type AxisExpression,
} from "./symmetry/expression.ts";
export { defineSpec, type DefineSpecOptions, type SpecDefinition } from "./symmetry/spec.ts";
export type { Axis, AxisGroup, AxisScale, SymmetrySpec, TensorSpec } from "./symmetry/types.ts";
export { checkSpec } from "./symmetry/check.ts";
export { specDifference } from "./symmetry/same-spec.ts";
export { specFormat, specFromJSON, specToJSON, type SpecJSON } from "./symmetry/json.ts";
export { formatGroup, printSpec } from "./symmetry/print.ts";
export {
  lowerSpec,
  type AtomicTensor,
  type LoweredSpec,
  type LowerOptions,
} from "./symmetry/lower.ts";
export { mlpSpec, sirenSpec, type MLPSpecOptions } from "./symmetry/presets/mlp.ts";
export { cnnSpec, type CNNSpecOptions } from "./symmetry/presets/cnn.ts";
export { gruSpec, rnnSpec, type RecurrentSpecOptions } from "./symmetry/presets/recurrent.ts";
export { transformerSpec, type TransformerSpecOptions } from "./symmetry/presets/transformer.ts";

export { actOn } from "./symmetry/act.ts";
export {
  composeElements,
  identityElement,
  invertElement,
  sampleElement,
  type AxisAction,
  type GroupElement,
  type SampleElementOptions,
} from "./symmetry/element.ts";

export { readSafetensors, safetensorsHeader } from "./formats/safetensors.ts";
export {
  streamSafetensors,
  writeSafetensors,
  type PlannedTensor,
  type WritableTensor,
} from "./formats/safetensors-write.ts";
export type { Bytes, ByteSource } from "./formats/byte-source.ts";
export { openTensorSource, type OpenOptions } from "./formats/open.ts";
export type { Taken } from "./formats/pytorch-choice.ts";
export {
  weightsSource,
  type TensorEntry,
  type TensorFormat,
  type TensorSource,
} from "./formats/tensor-source.ts";
export { toFloat32, type SafeDtype, type SafeTensor } from "./formats/safetensors-dtypes.ts";

export { decodeTensor } from "./formats/onnx-tensor.ts";
export { readOnnx } from "./formats/onnx.ts";
export { replaceInitializers } from "./formats/onnx-write.ts";
export { inferSpec, type Inference, type InferOptions } from "./infer/infer.ts";
export { onnxRuntime } from "./runtime/onnx-runtime.ts";
export { proveSpec, type Proof } from "./infer/proof/prove.ts";
export {
  inferSpecFromNames,
  type InferNamesOptions,
  type NamesInference,
} from "./infer/names/infer-names.ts";
export type { ModelFacts, NamedShape } from "./infer/names/template.ts";

export { bellNumber, setPartitions, stirlingNumber } from "./basis/partitions.ts";
export { enumerateTerms, type BasisTerm } from "./basis/terms.ts";
export {
  countIndependentLayerTerms,
  countLayerTerms,
  countLayerWeights,
  countTerms,
} from "./basis/counts.ts";
export { burnsideDimension } from "./basis/burnside.ts";
export { compilePlan, type CompilePlanOptions } from "./plan/compile.ts";
export { printPlan } from "./plan/print.ts";
export type { Plan, Product } from "./plan/plan.ts";

export { startEngine, type EngineOptions } from "./engine/start.ts";
export {
  inferSpecFromFunction,
  type InferFunctionOptions,
  type NetworkFunction,
  type Shaped,
} from "./trace/infer-function.ts";
export type { ApplyOptions, EquivariantModel, Model, Params, WeightBatch } from "./models/model.ts";
export type { EquivariantOptions } from "./models/equivariant-stack.ts";
export { equivariantUNF, unf, type UNFOptions } from "./models/unf.ts";
export { nfn, type NFNOptions } from "./models/nfn.ts";
export { deepSets, pointwiseDeepSets, type DeepSetsOptions } from "./models/deep-sets.ts";
export {
  flatMLP,
  linearOnStatistics,
  statNN,
  weightStatistics,
  type StatNNOptions,
} from "./models/stat-nn.ts";
export { buildModel, modelNames, modelRegistry } from "./models/registry.ts";

export { adam, sgd, type Optimizer } from "./train/optimizers.ts";
export { constant, stepDecay, warmupCosine, type Schedule } from "./train/schedules.ts";
export {
  binaryCrossEntropy,
  meanSquaredError,
  softmaxCrossEntropy,
  type Loss,
} from "./train/losses.ts";
export { kendallTau } from "./train/kendall-tau.ts";
export { meanAndSpread, rSquared } from "./train/metrics.ts";
export { splitDataset, subset, type WeightDataset } from "./train/dataset.ts";
export { fitNormalization, normalize, type Normalization } from "./train/normalization.ts";
export { fit } from "./train/fit.ts";
export type { FitEvent } from "./train/events.ts";
export type { FitData, FitOptions } from "./train/fit-options.ts";
export { arraysFromHost, arraysToHost, disposeArrays, keepArrays } from "./engine/arrays.ts";
export { predict } from "./train/predict.ts";
export { readCheckpoint, writeCheckpoint } from "./train/checkpoint.ts";

export {
  compareSketches,
  sketchFormat,
  sketchWeights,
  type Sketch,
  type SketchBlock,
  type SketchOptions,
} from "./identity/sketch.ts";
export { sketchFromJSON } from "./identity/sketch-json.ts";

export { digitsTask } from "./tasks/digits.ts";
export { readPackageData } from "./node/package-data.ts";
export type { ImageSet, NamedFile } from "./datasets/image-set.ts";
export { readIdxImages } from "./datasets/idx.ts";
export { readCifar10 } from "./datasets/cifar10.ts";
export { digitsRecipe, parseRecipe, type Recipe } from "./zoo/recipe.ts";
export { recipeNamed, recipes } from "./zoo/recipes.ts";
export { mergeZoos } from "./zoo/merge.ts";
export { buildZoo, type BuildEvent, type BuildOptions } from "./zoo/build.ts";
export { openZoo, type Zoo } from "./zoo/open.ts";
export { memoryStore, type ZooStore } from "./core/store.ts";
export { readCnnZoo } from "./datasets/published/cnn-zoo.ts";
export { readCheckpointFolder } from "./datasets/published/checkpoint-folder.ts";
export type { PublishedOptions, PublishedPopulation } from "./datasets/published/population.ts";
export { zooDataset } from "./zoo/zoo-dataset.ts";
export { runExperiment } from "./experiment/run-experiment.ts";
export type { ExperimentResult } from "./report/experiment.ts";
export { mergeReport, type MergeResult } from "./report/merge-report.ts";
export { generalizationReport } from "./report/generalization-report.ts";

export {
  alignActivations,
  type ActivationAlignment,
  type ActiveNetwork,
} from "./align/activations/align-activations.ts";
export { alignWeights, type Alignment } from "./align/align.ts";
export { canonicalForm, type CanonicalForm } from "./identity/canonical.ts";
export type { Tie } from "./identity/sort-axes.ts";
export {
  compareCheckpoints,
  type CompareOptions,
  type Comparison,
  type Verdict,
} from "./compare/compare-checkpoints.ts";
export { findSymmetry, type FoundSymmetry } from "./compare/find-symmetry.ts";
export { fingerprint, type Fingerprint } from "./identity/fingerprint.ts";
export {
  graphActivations,
  type GraphActivationOptions,
} from "./align/activations/graph-activations.ts";
export { inputBatches, type InputBatch } from "./align/activations/graph-inputs.ts";
export { graphLoss, type EvaluateModel } from "./align/merging/graph-loss.ts";
export {
  matchActivations,
  type ActivationMatch,
  type Activations,
} from "./align/activations/match-activations.ts";
export {
  alignMany,
  mergeWeights,
  type AlignManyOptions,
  type ManyAlignment,
  type MergePart,
} from "./align/merging/merge-weights.ts";
export { interpolate, lossBarrier, pathPoints, type PathPoint } from "./align/merging/path.ts";
export { similarityOf } from "./align/similarity.ts";
export type { MatchOptions, MatchStart } from "./align/matching/match-weights.ts";
export type { WeightReader } from "./parts/problem.ts";
