// The plain graph that an ONNX file is read into: nodes in an order that can be run, stored tensors, typed inputs.

import type { OnnxType } from "./onnx-element-types.ts";
import type { OnnxTensor } from "./onnx-tensor.ts";

/** An attribute of an ONNX node, by what it holds. */
export type OnnxAttribute =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "numbers"; readonly value: readonly number[] }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "texts"; readonly value: readonly string[] }
  | { readonly kind: "tensor"; readonly value: OnnxTensor }
  /** A kind that is only named: nested graphs, sparse tensors, types. */
  | { readonly kind: "other"; readonly value: string };

/** An operation of a graph with the names of what it reads and makes. */
export interface OnnxNode {
  /** The node's own name, or `op#index`. */
  readonly name: string;
  readonly op: string;
  /** Empty for the standard operators. */
  readonly domain: string;
  /** Value names; the empty string marks an optional input that is absent. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
  /** Values that nested graphs of this node read from outside, and the conditions of its branch. */
  readonly captured: readonly string[];
  /** For a node of a branch: it runs only where each of these values is as said. */
  readonly guards?: readonly { readonly condition: string; readonly when: boolean }[];
}

/** A declared input or output: a dimension is a number, a name for a free size, or null when nothing is said. */
export interface OnnxValueType {
  readonly name: string;
  readonly type: OnnxType | null;
  /** Null when the rank is not declared. */
  readonly shape: readonly (number | string | null)[] | null;
}

/** The graph of an ONNX file: nodes, stored tensors, inputs and outputs. */
export interface OnnxGraph {
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** Inputs a caller must give: those without an initializer. */
  readonly inputs: readonly OnnxValueType[];
  readonly outputs: readonly OnnxValueType[];
  /** What the file says about types in between. */
  readonly declared: ReadonlyMap<string, OnnxValueType>;
}
