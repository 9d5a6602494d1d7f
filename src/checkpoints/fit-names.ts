// Where a checkpoint holds the tensors of a graph. Exporters rename and transpose matrices (`onnx::MatMul_235` for
// `q_proj.weight`); where a checkpoint holds the very numbers of the graph, they tell which tensor is which.

import { equalShapes, sizeOf } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { orientationOf, sameEverywhere } from "../infer/passes/tables.ts";
import { formatAxisExpression } from "../symmetry/expression.ts";
import { sealSpec } from "../symmetry/spec.ts";
import type { SymmetrySpec, TensorSpec } from "../symmetry/types.ts";

/** A tensor of a checkpoint that stands for one of a graph. */
export interface TensorPlace {
  readonly name: string;
  /** Whether the graph holds the matrix the other way round. */
  readonly transposed: boolean;
}

/** Places by the names of the graph. */
export type TensorPlaces = ReadonlyMap<string, TensorPlace>;

/** Tensors that both have by name and shape. */
export function placesByName(
  spec: Pick<SymmetrySpec, "tensors">,
  source: TensorSource,
): TensorPlaces {
  return new Map(
    Object.entries(spec.tensors).flatMap(([name, { shape }]) => {
      const entry = source.entries.get(name);
      const isThere = entry !== undefined && equalShapes(entry.shape, shape);
      return isThere ? [[name, { name, transposed: false }] as const] : [];
    }),
  );
}

/**
 * The same, and those that a checkpoint holds under another name with the very numbers. A tensor is left out when no
 * tensor or several are equal to it, when another one has claimed its equal, when all its entries are one number (which
 * says nothing), and when its matrix is symmetric, so that nobody can say which way round it lies.
 */
export async function placesByNumbers(
  spec: Pick<SymmetrySpec, "tensors">,
  numbers: (name: string) => Tensor,
  source: TensorSource,
): Promise<TensorPlaces> {
  const named = placesByName(spec, source);
  const free = [...source.entries].filter(([name]) => !named.has(name));
  const found = new Map<string, TensorPlace>();
  for (const wanted of Object.keys(spec.tensors).filter((name) => !named.has(name))) {
    const numbersOfTensor = numbers(wanted);
    const places: TensorPlace[] = [];
    for (const [name, { shape }] of sameEverywhere(numbersOfTensor) ? [] : free) {
      if (sizeOf(shape) !== numbersOfTensor.data.length) continue;
      const orientation = orientationOf(numbersOfTensor, await source.read(name));
      if (orientation === undefined) continue;
      const isTold = orientation !== "either" || isSymmetric(spec.tensors[wanted]);
      if (isTold) places.push({ name, transposed: orientation === "transposed" });
      else places.push({ name, transposed: true }, { name, transposed: false });
    }
    if (places.length === 1) found.set(wanted, places[0]);
  }
  const claims = new Map<string, number>();
  for (const { name } of found.values()) claims.set(name, (claims.get(name) ?? 0) + 1);
  return new Map([...named, ...[...found].filter(([, { name }]) => claims.get(name) === 1)]);
}

/** Whether the axes of a matrix read the same in both orders. */
function isSymmetric({ axes }: TensorSpec): boolean {
  const [rows, columns] = axes.map(formatAxisExpression);
  return axes.length === 2 && rows === columns;
}

/** A graph's spec under the names of its checkpoints; tensors without a place are left out. */
export function specInPlaces(spec: SymmetrySpec, places: TensorPlaces): SymmetrySpec {
  const tensors = Object.entries(spec.tensors).flatMap(([wanted, { shape, axes, ...rest }]) => {
    const place = places.get(wanted);
    if (place === undefined) return [];
    const tensor = place.transposed
      ? { ...rest, shape: shape.toReversed(), axes: axes.toReversed() }
      : { ...rest, shape, axes };
    return [[place.name, tensor] as const];
  });
  return sealSpec({ axes: spec.axes, tensors: Object.fromEntries(tensors) });
}
