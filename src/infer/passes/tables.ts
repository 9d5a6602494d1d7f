// Which stored tensors of a graph are tables rather than weights: rotary angles, masks, positions, scalings. A checkpoint
// may lack them, since programs compute them anew.

import { equalShapes } from "../../core/shapes.ts";
import type { Tensor } from "../../core/tensors.ts";
import type { OnnxGraph } from "../../formats/onnx/onnx-types.ts";
import { words } from "../ops/handler.ts";
import { readersOf } from "../walk/readers.ts";

/** Operations that only rearrange their first input, or all of them (Concat). */
const layout = new Set(
  words(
    "Identity Reshape Flatten Squeeze Unsqueeze Transpose Expand Tile Slice Split Gather Cast Concat",
  ),
);
/** Operations by which a table acts on activations. */
const elementwise = new Set(
  words(
    "Add Sub Mul Div Where Min Max Equal Less Greater LessOrEqual GreaterOrEqual And Or Not Neg",
  ),
);

/**
 * Whether a stored tensor reaches activations by element-wise operations alone: never as the matrix or kernel of a
 * product, as the gain of a norm, or as an output.
 */
export function isElementwiseTable(graph: OnnxGraph, name: string): boolean {
  const readers = readersOf(graph);
  const computed = computedValues(graph);
  const seen = new Set<string>();
  const open = [name];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (seen.has(value)) continue;
    seen.add(value);
    const nodes = readers.get(value) ?? [];
    for (const node of nodes) {
      const isPlain = node.domain === "" && node.captured.length === 0;
      if (!isPlain || !(layout.has(node.op) || elementwise.has(node.op))) return false;
      const meets = node.inputs.some((input) => computed.has(input));
      if (layout.has(node.op) && meets) return false;
      if (!meets) open.push(...node.outputs);
    }
  }
  return true;
}

/** Values that depend on an input of the graph. */
function computedValues({ inputs, nodes }: OnnxGraph): Set<string> {
  const computed = new Set(inputs.map(({ name }) => name));
  for (const node of nodes)
    if ([...node.inputs, ...node.captured].some((name) => computed.has(name)))
      for (const output of node.outputs) computed.add(output);
  return computed;
}

/** Whether all entries are one number: no action can be told from none. */
export const sameEverywhere = ({ data }: Tensor): boolean => data.every((x) => x === data[0]);

/** How the numbers of one tensor lie in another: as they are, transposed, or either (symmetric matrices). */
export type Orientation = "same" | "transposed" | "either";

/** How b holds the numbers of a, times a common factor where `scaled`; undefined where it does not. */
export function orientationOf(a: Tensor, b: Tensor, scaled = false): Orientation | undefined {
  const agrees = comparison(a, b, scaled);
  const same = equalShapes(a.shape, b.shape) && agrees((i) => i);
  const [rows, columns] = a.shape;
  const turned =
    a.shape.length === 2 &&
    equalShapes(a.shape, b.shape.toReversed()) &&
    agrees((i) => (i % columns) * rows + Math.floor(i / columns));
  if (same) return turned && rows > 1 && columns > 1 ? "either" : "same";
  return turned ? "transposed" : undefined;
}

/** Relative rounding of a product with a common factor. */
const factorRounding = 1e-5;

function comparison(
  { data: a }: Tensor,
  { data: b }: Tensor,
  scaled: boolean,
): (at: (i: number) => number) => boolean {
  if (!scaled) return (at) => a.every((x, i) => x === b[at(i)]);
  return (at) => {
    let largest = 0;
    for (let i = 1; i < a.length; i++) if (Math.abs(a[i]) > Math.abs(a[largest])) largest = i;
    const factor = b[at(largest)] / a[largest];
    if (!Number.isFinite(factor) || factor === 0) return false;
    const off = factorRounding * Math.abs(a[largest]);
    return a.every((x, i) => Math.abs(x - b[at(i)] / factor) <= off);
  };
}
