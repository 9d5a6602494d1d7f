// Reads one file and finds its symmetries: names and shapes of its tensors, and the graph where it has one.

import {
  axesOfExpression,
  type Axis,
  formatAxisExpression,
  formatGroup,
  specToJSON,
  type SymmetrySpec,
} from "weightspace";
import { findSpec, type FoundSpec, type Network, openNetwork } from "weightspace/checkpoints";
import type { Explanation } from "weightspace/infer";
import { type Dropped, openingOf } from "../work/dropped.ts";
import { serve } from "../work/serve.ts";
import type { DescribedAxis, DescribedTensor, Description } from "./description.ts";

/** One file in, what it holds out. */
export interface DescribeWork {
  readonly request: Dropped;
  readonly event: never;
  readonly result: Description;
}

serve<DescribeWork>(async (dropped) => {
  const { file } = dropped;
  const network = await openNetwork(file, openingOf(dropped));
  try {
    const found = await findSpec(network);
    return describe(network, file, found);
  } finally {
    await network.source.close();
  }
});

function describe(
  { source, onnx }: Network,
  file: File,
  found: FoundSpec | { readonly reason: string },
): Description {
  const spec = "spec" in found ? found.spec : undefined;
  const inference = "graph" in found ? found.graph.inference : undefined;
  const entries = [...source.entries];
  const tensors = entries.map(([name, { shape }]) => describeTensor(name, shape, spec));
  const numbers = entries.reduce((sum, [, { shape }]) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return {
    name: file.name,
    bytes: file.size,
    format: onnx === undefined ? source.format : "onnx",
    numbers,
    from: spec === undefined ? "nothing" : onnx === undefined ? "names" : "graph",
    ...("reason" in found && { reason: found.reason }),
    origin: "origin" in found ? found.origin : "",
    axes: spec === undefined ? [] : describeAxes(spec, tensors, inference?.explanations ?? []),
    tensors,
    notFollowed: (inference?.unsupported ?? []).map(({ op, node, reason }) => ({
      operation: op,
      node,
      reason,
    })),
    warnings: [...("warnings" in found ? found.warnings : []), ...takenLines(source)],
    ...(spec && { spec: `${JSON.stringify(specToJSON(spec), null, 2)}\n` }),
  };
}

const takenLines = ({ taken }: Network["source"]): string[] =>
  taken === undefined
    ? []
    : [`of several dictionaries, "${taken.key}" was read: ${taken.tensors} tensors`];

function describeTensor(
  name: string,
  shape: readonly number[],
  spec: SymmetrySpec | undefined,
): DescribedTensor {
  if (spec === undefined || !Object.hasOwn(spec.tensors, name))
    return { name, shape, dims: null, axes: [] };
  const { axes } = spec.tensors[name];
  return {
    name,
    shape,
    dims: axes.map(formatAxisExpression),
    axes: [...new Set(axes.toReversed().flatMap(axesOfExpression))],
  };
}

/** The axes in the order in which tensors lead from one to the next. */
function describeAxes(
  { axes }: SymmetrySpec,
  tensors: readonly DescribedTensor[],
  explanations: readonly Explanation[],
): DescribedAxis[] {
  const names = new Set([...tensors.flatMap((tensor) => tensor.axes), ...Object.keys(axes)]);
  return [...names].map((name) => {
    const axis: Axis = axes[name];
    return {
      name,
      size: axis.size,
      group: formatGroup(axis),
      free: axis.group !== "fixed",
      ...(axis.within !== undefined && { within: axis.within }),
      tensors: tensors.filter((tensor) => tensor.axes.includes(name)).map((tensor) => tensor.name),
      why: whyText(explanations.find((one) => one.axis === name)),
    };
  });
}

function whyText(explanation: Explanation | undefined): string {
  if (explanation === undefined) return "";
  const { fixed, fixedBy, reasons } = explanation;
  const list =
    reasons.slice(0, 4).join(", ") + (reasons.length > 4 ? `, ${reasons.length - 4} more` : "");
  if (fixed) return `fixed by ${fixedBy ?? "its size"}`;
  return reasons.length === 0 ? "" : `tied by ${list}`;
}
