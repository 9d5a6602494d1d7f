// `weightspace/compare`: whether two checkpoints are the same network; canonical forms, fingerprints, sketches.

export {
  compareSketches,
  sketchFormat,
  sketchWeights,
  type Sketch,
  type SketchBlock,
  type SketchOptions,
} from "../identity/sketch.ts";
export { sketchFromJSON } from "../identity/sketch-json.ts";
export { canonicalForm, type CanonicalForm } from "../identity/canonical.ts";
export type { Tie } from "../identity/sort-axes.ts";
export { compareCheckpoints } from "../compare/compare-checkpoints.ts";
export type { CompareOptions, Comparison, Verdict } from "../compare/comparison.ts";
export { isAdapter, readAdapter, type Adapter, type AdapterLayer } from "../adapters/adapter.ts";
export { readAdapterConfig, type AdapterConfig } from "../adapters/adapter-config.ts";
export {
  compareAdapters,
  type AdapterComparison,
  type CompareAdaptersOptions,
  type LayerComparison,
} from "../adapters/compare-adapters.ts";
export type { LayerVerdict, ProductDifference } from "../adapters/product-difference.ts";
export { canonicalAdapter } from "../adapters/canonical-adapter.ts";
export {
  mergeAdapters,
  type AdapterShare,
  type MergeAdaptersOptions,
} from "../adapters/merge-adapters.ts";
export type { LayerPlan, LayerShare, NewTensor } from "../adapters/refactor.ts";
export type { RefactoredAdapter } from "../adapters/refactored.ts";
export {
  projectAdapter,
  type ProjectAdapterOptions,
  type ProjectedAdapter,
} from "../adapters/project-adapter.ts";
export type { PairedBy } from "../adapters/pair-layers.ts";
export { adapterFingerprint } from "../identity/adapter-fingerprint.ts";
export type { AdapterRole, KeyStyle, OtherKind } from "../infer/names/adapter-keys.ts";
export { convertedSource } from "../compare/conversions/converted-source.ts";
export {
  planConversion,
  type PlannedConversion,
  type PlanOptions,
} from "../compare/conversions/plan-conversion.ts";
export type {
  Conversion,
  ConversionKind,
  ConversionPlan,
  LayerOrder,
  TensorPiece,
  TensorRecipe,
} from "../compare/conversions/conversion.ts";
export type { ComposedSource, Composite } from "../compare/conversions/composed.ts";
export { findSymmetry, type FoundSymmetry } from "../compare/find-symmetry.ts";
export { fingerprint, type Fingerprint } from "../identity/fingerprint.ts";
export type { StructureDifference } from "../compare/compare-structure.ts";
export type { LayoutDifference } from "../compare/find-layouts.ts";
export type { TensorReordering } from "../compare/reordered-tensors.ts";
export type { AxisSummary } from "../parts/summary.ts";
export type { TensorDifference } from "../parts/tensor-difference.ts";
export type { KnownLayout } from "../compare/layouts.ts";
export type { Reordering } from "../compare/reordering.ts";
