// The distance of two networks as clouds of neurons, which `compare` says beside the verdict "different".

import { equalShapes, sizeOf } from "../../core/shapes.ts";
import { readAll, type TensorSource } from "../../formats/tensor-source.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";

/** Weights up to which the distance is said unasked: it takes a second or so. */
const maxWeights = 1_000_000;

export interface CloudDistance {
  readonly kind: "sw";
  readonly total: number;
  /** Whether only symmetric networks are at distance 0. */
  readonly exact: boolean;
}

/** Undefined for large networks, for those that lack tensors of the spec, and for weights that are not finite. */
export async function cloudDistance(
  spec: SymmetrySpec,
  a: TensorSource,
  b: TensorSource,
): Promise<CloudDistance | undefined> {
  const tensors = Object.entries(spec.tensors);
  const size = tensors.reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0);
  const isThere = ([name, { shape }]: (typeof tensors)[number], source: TensorSource) =>
    equalShapes(source.entries.get(name)?.shape ?? [Number.NaN], shape);
  if (size > maxWeights || !tensors.every((t) => isThere(t, a) && isThere(t, b))) return undefined;
  const names = Object.keys(spec.tensors);
  const [first, second] = [await readAll(names, a.read), await readAll(names, b.read)];
  const isFinite = [first, second].every((weights) =>
    Object.values(weights).every(({ data }) => data.every(Number.isFinite)),
  );
  if (!isFinite) return undefined;
  const { networkDistance } = await import("../../transport/networks/network-distance.ts");
  const { total, exact } = networkDistance(spec, first, second, { nProjections: 50 });
  return { kind: "sw", total, exact };
}

/** One line for people; says what the number may be taken for. */
export const cloudLine = ({ total, exact }: CloudDistance): string =>
  `as clouds of neurons: sliced W2 ${Number(total.toPrecision(3))}${exact ? "" : ", by statistics of deeper layers, no metric"}; weightspace distance says it layer by layer`;
