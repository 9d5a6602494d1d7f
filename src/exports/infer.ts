// `weightspace/infer`: the symmetries of a graph or of tensor names, and their proof.

export { inferSpec, type Inference, type InferOptions } from "../infer/infer.ts";
export { onnxRuntime } from "../runtime/onnx-runtime.ts";
export type { AxisProof } from "../infer/proof/axis-proof.ts";
export { proveSpec, type Proof, type ProveOptions } from "../infer/proof/prove.ts";
export {
  findRemovedDirections,
  removeDirections,
  type ProvedDirection,
  type RemovedDirection,
  type RemovedDirectionsOptions,
} from "../infer/proof/removed-directions.ts";
export {
  inferSpecFromNames,
  type InferNamesOptions,
  type NamesInference,
} from "../infer/names/infer-names.ts";
export type { ModelFacts, NamedShape } from "../infer/names/template.ts";
export type { Explanation } from "../infer/assembly/explain.ts";
export type { InputShapes } from "../infer/walk/input-shapes.ts";
export type { Unsupported } from "../infer/walk/run.ts";
export {
  families,
  type FamilyWords,
  type NamedFamily,
  type NamedImageFamily,
  registerFamily,
} from "../infer/names/registry.ts";
export type {
  ImageBlockKind,
  ImageBlocks,
  ImageChain,
  ImageList,
  ImagePart,
  ImageStream,
  ImageStyle,
} from "../infer/names/images/image-table.ts";
export type {
  AxisView,
  FactorPlaces,
  SpecBuilder,
  Place,
  StyleSigns,
  Template,
  TensorDimension,
} from "../infer/names/template.ts";
export { registerOperation, type NamedOperation } from "../infer/ops/registry.ts";
export type { Handler } from "../infer/ops/handler.ts";
export type { NodeContext, OutputOptions } from "../infer/walk/context.ts";
export type {
  CarryOptions,
  Fact,
  KnownNumbers,
  PointwiseLaw,
  Value,
  WaveArgument,
} from "../infer/walk/value.ts";
export type { Atom } from "../infer/index-sets/atoms.ts";
