// The root of the library: symmetry specs, group elements, errors, random numbers. It loads no array engine and runs anywhere;
// every other theme has a subpath of its own (`weightspace/models`, `weightspace/node`, ...).

export * from "./core/errors.ts";
export { deriveSeed, randomStream, type RandomStream } from "./core/random.ts";
export type { Tensor, Weights } from "./core/tensors.ts";
export { withoutFunctionNames } from "./core/plain-message.ts";
export { visibleName } from "./core/visible.ts";
export {
  axesOfExpression,
  formatAxisExpression,
  parseAxisExpression,
  type AxisExpression,
} from "./symmetry/expression.ts";
export { defineSpec, type DefineSpecOptions, type SpecDefinition } from "./symmetry/spec.ts";
export type {
  AxesAndTensors,
  Axis,
  AxisGroup,
  AxisScale,
  SymmetrySpec,
  TensorSpec,
  Wave,
} from "./symmetry/types.ts";
export { checkSpec } from "./symmetry/check.ts";
export { specDifference } from "./symmetry/same-spec.ts";
export { withPhases, type PhaseOptions } from "./symmetry/phases.ts";
export {
  interleavedSpecFormat,
  phaseSpecFormat,
  specFormat,
  specFromJSON,
  specToJSON,
  type SpecJSON,
} from "./symmetry/json.ts";
export { formatGroup, printSpec } from "./symmetry/print.ts";
export {
  mlpSpec,
  sirenSpec,
  type MLPSpecOptions,
  type SirenSpecOptions,
} from "./symmetry/presets/mlp.ts";
export { cnnSpec, type CNNSpecOptions } from "./symmetry/presets/cnn.ts";
export { gruSpec, rnnSpec, type RecurrentSpecOptions } from "./symmetry/presets/recurrent.ts";
export { transformerSpec, type TransformerSpecOptions } from "./symmetry/presets/transformer.ts";
export { actOn, actOnTensor } from "./symmetry/act.ts";
export {
  composeElements,
  identityElement,
  invertElement,
  sampleElement,
  type AxisAction,
  type GroupElement,
  type SampleElementOptions,
} from "./symmetry/element.ts";
export type { EndGroup } from "./symmetry/presets/axes.ts";
