// What is known of the symmetries of a checkpoint: a spec with where it comes from, and the graph that belongs to it.

import type { Inference } from "../infer/infer.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { TensorPlaces } from "./fit-names.ts";
import type { InferNamesOptions } from "../infer/names/infer-names.ts";

/** Symmetries with where they come from, and the graph that belongs to the checkpoint. */
export interface FoundSpec {
  readonly spec: SymmetrySpec;
  /** Where it comes from, to be printed: a file, the graph, or a family of names. */
  readonly origin: string;
  readonly warnings: readonly string[];
  /** The graph, where one was given: it belongs to the checkpoint. */
  readonly graph?: FittedGraph;
  /** What kind of odd functions give signs their freedom, where names tell. */
  readonly activation?: InferNamesOptions["activation"];
}

/** A graph that belongs to checkpoints. */
export interface FittedGraph {
  readonly path: string;
  /** The model file; constants that the first checkpoint holds too have its numbers. */
  readonly modelBytes: () => Uint8Array;
  readonly inference: Inference;
  /** Where checkpoints hold the stored tensors of the graph. */
  readonly places: TensorPlaces;
  /** Whether some were found by their numbers. */
  readonly renamed: boolean;
  /** The spec under the names of the checkpoints. */
  readonly spec: SymmetrySpec;
  /** Tensors of the graph that no checkpoint has: tables, which never move. */
  readonly tables: readonly string[];
  /** Names that --ignore leaves out. */
  readonly ignores: (name: string) => boolean;
}

/** How a graph is written whose tensors are those of the checkpoint. */
export const exportUnfolded =
  "export the graph of this very checkpoint without folding: torch.onnx.export(..., dynamo=True, optimize=False), or with dynamo=False: model.eval(), training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False";
