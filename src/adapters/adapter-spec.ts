// The symmetries of a low-rank adapter: any invertible matrix may stand between B and A of a layer. Nothing else moves, since
// inputs and outputs belong to the base.

import { defineSpec } from "../symmetry/spec.ts";
import type { Axis, SymmetrySpec } from "../symmetry/types.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { pairsOf } from "./adapter.ts";

/**
 * The spec of the factors in a file: a general-linear axis for every rank. Tensors beside them carry no symmetry.
 * @throws {SpecError} when the two factors of a layer do not fit each other
 */
export function adapterSpec({ entries }: Pick<TensorSource, "entries">): SymmetrySpec {
  const axes: Record<string, Omit<Axis, "name">> = {};
  const tensors: Record<string, { shape: readonly number[]; axes: string[] }> = {};
  for (const [stem, { down, up, middle }] of pairsOf(entries)) {
    const shapes = [down, up].map((name) => entries.get(name)!.shape);
    const rank = addAxis(axes, `${stem}.rank`, shapes[0][0]);
    const fixed = (shape: readonly number[]) => shape.map(String);
    tensors[down] = { shape: shapes[0], axes: [`${rank}^-1`, ...fixed(shapes[0].slice(1))] };
    let last = rank;
    if (middle !== undefined) {
      const { shape } = entries.get(middle)!;
      last = addAxis(axes, `${stem}.middle`, shape[0]);
      tensors[middle] = { shape, axes: [`${last}^-1`, rank, ...fixed(shape.slice(2))] };
    }
    const [out, , ...ones] = shapes[1];
    tensors[up] = { shape: shapes[1], axes: [`${out}`, last, ...fixed(ones)] };
  }
  return defineSpec({ axes, tensors });
}

function addAxis(axes: Record<string, Omit<Axis, "name">>, wanted: string, size: number): string {
  const name = wanted.replaceAll(/[^\w.:/[\]-]|^(?=\d)/g, "_");
  axes[name] = { size, group: "general-linear" };
  return name;
}
