// A graph's spec under the names of a checkpoint. Exporters rename and transpose matrices (`onnx::MatMul_235` for
// `q_proj.weight`); where a checkpoint holds the very numbers of the graph, they tell which tensor is which.

import { equalShapes, sizeOf } from "../core/shapes.ts";
import type { Tensor, Weights } from "../core/tensors.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { sealSpec } from "../spec/spec.ts";
import type { SymmetrySpec, TensorSpec } from "../spec/types.ts";

/**
 * The spec with every tensor that the checkpoint lacks renamed to the one of equal numbers, transposed where they are;
 * undefined when some have no such tensor or several.
 */
export async function fitNames(
  spec: SymmetrySpec,
  graphWeights: Weights,
  source: TensorSource,
): Promise<SymmetrySpec | undefined> {
  const lacking = Object.keys(spec.tensors).filter((name) => !source.entries.has(name));
  const free = [...source.entries.keys()].filter((name) => !Object.hasOwn(spec.tensors, name));
  const renamed = new Map<string, { name: string; tensor: TensorSpec }>();
  for (const wanted of lacking) {
    const { shape } = spec.tensors[wanted];
    const found: { name: string; tensor: TensorSpec }[] = [];
    for (const name of free) {
      const entry = source.entries.get(name);
      if (entry === undefined || sizeOf(entry.shape) !== sizeOf(shape)) continue;
      const orientation = compare(graphWeights[wanted], await source.read(name));
      if (orientation === undefined) continue;
      const { axes } = spec.tensors[wanted];
      const tensor = {
        shape: entry.shape,
        axes: orientation === "same" ? axes : axes.toReversed(),
      };
      found.push({ name, tensor });
    }
    if (found.length !== 1) return undefined;
    renamed.set(wanted, found[0]);
  }
  const tensors = Object.entries(spec.tensors).map(([name, tensor]) => {
    const other = renamed.get(name);
    return other === undefined ? ([name, tensor] as const) : ([other.name, other.tensor] as const);
  });
  return sealSpec({ axes: spec.axes, tensors: Object.fromEntries(tensors) });
}

function compare(a: Tensor, b: Tensor): "same" | "transposed" | undefined {
  if (equalShapes(a.shape, b.shape) && a.data.every((x, i) => x === b.data[i])) return "same";
  const [rows, columns] = a.shape;
  if (a.shape.length !== 2 || !equalShapes(a.shape, b.shape.toReversed())) return undefined;
  const equal = a.data.every(
    (x, i) => x === b.data[(i % columns) * rows + Math.floor(i / columns)],
  );
  return equal ? "transposed" : undefined;
}
