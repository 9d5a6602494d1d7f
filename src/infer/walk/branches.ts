// Branches whose condition is known while the graph is followed: what does not run is passed over.

import { FormatError } from "../../core/errors.ts";
import type { OnnxNode } from "../../formats/onnx/onnx-types.ts";
import { joinDomain, loopOf } from "../../formats/onnx/onnx-flatten.ts";

/**
 * The node as it runs: a choice between branches becomes the branch that is taken. Null where the node does not run.
 * @param single - the number of a constant with one entry, where it is known
 */
export function runningNode(
  node: OnnxNode,
  single: (name: string) => number | undefined,
): OnnxNode | null {
  for (const { condition, when } of node.guards ?? []) {
    const known = single(condition);
    if (known !== undefined && (known !== 0) !== when) return null;
  }
  if (node.domain !== joinDomain || node.op !== "Either") return node;
  const known = single(node.inputs[0]);
  if (known === undefined) return node;
  return { ...node, op: "Identity", domain: "", inputs: [node.inputs[known !== 0 ? 1 : 2]] };
}

/** Whether an error is one of shapes in a branch that may never run: it is not held to the sizes that were assumed. */
export const isBranchError = (node: OnnxNode, error: unknown): error is FormatError =>
  error instanceof FormatError && node.guards !== undefined;

/** Thrown where the rounds of a loop cannot be followed as one; the loop is closed as a whole then. */
export class LoopChanges extends Error {
  override readonly name = "LoopChanges";
  readonly loop: string;
  constructor(loop: string) {
    super(`the loop "${loop}" is not followed`);
    this.loop = loop;
  }
}

/** @throws {LoopChanges} when the node closes a loop */
export function refuseOpenLoop(node: OnnxNode): void {
  if (node.domain === joinDomain && node.op === "LoopLeave") throw new LoopChanges(loopOf(node));
}

/** What a node of the join domain stands for in the file. */
export const joinedOp = ({ op }: OnnxNode): string => (op === "Either" ? "If" : "Loop");

const ends = ["LoopEnter", "LoopLeave", "LoopSlice", "LoopStack"];

/** The graph with one loop closed: nothing that its body computes is known. */
export function closeLoop<Graph extends { readonly nodes: readonly OnnxNode[] }>(
  graph: Graph,
  loop: string,
): Graph {
  const isEnd = (node: OnnxNode) =>
    node.domain === joinDomain && ends.includes(node.op) && loopOf(node) === loop;
  const isScan = graph.nodes.some((node) => node.op === "LoopSlice" && isEnd(node));
  const op = isScan ? "Scan" : "Loop";
  const nodes = graph.nodes.map((node) => (isEnd(node) ? { ...node, op, domain: "" } : node));
  return { ...graph, nodes };
}
