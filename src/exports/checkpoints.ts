// `weightspace/checkpoints`: networks as files hold them, with the symmetries that belong to them; two of them compared, and
// one moved and looked at.

export { openNetwork, type Network, type OnnxModel } from "../checkpoints/network.ts";
export { findSpec, type RequestedSpec } from "../checkpoints/find-spec.ts";
export type { FittedGraph, FoundSpec } from "../checkpoints/found-spec.ts";
export type { TensorPlace, TensorPlaces } from "../checkpoints/fit-names.ts";
export {
  alignCompared,
  compareNetworks,
  type ComparedNetworks,
  type CompareNetworksOptions,
  type Symmetries,
} from "../checkpoints/compare-networks.ts";
export { movesSentence, verdictSentence } from "../compare/comparison-words.ts";
export {
  differencePanels,
  type DifferencePanel,
  type DifferencePanelsOptions,
} from "../checkpoints/difference-panels.ts";
export { layerDifferences, type LayerDifference } from "../compare/layer-differences.ts";
export { differenceGrid, gridSide, type DifferenceGrid } from "../compare/difference-grid.ts";
export { withOwnGraph } from "../checkpoints/own-graph.ts";
export { quantisedCheck } from "../checkpoints/quantised-check.ts";
export { checkMoved, isScaling, type MovedBack } from "../checkpoints/check-moved.ts";
export {
  verifyMove,
  type Moved,
  type NotVerified,
  type PartialProof,
  type RunnableGraph,
  type Verification,
} from "../checkpoints/verify-move.ts";
export type { MoveProof } from "../infer/proof/prove-move.ts";
export type { InputSource } from "../infer/proof/working-inputs.ts";
