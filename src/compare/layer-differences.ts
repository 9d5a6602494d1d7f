// Where two files differ, layer by layer, and how far apart they are as a whole.

import type { Comparison } from "./comparison.ts";

/** How far two networks are apart in one layer. */
export interface LayerDifference {
  /** What the names of its tensors have in common: up to their last number, else the module. */
  readonly layer: string;
  /** Tensors of both files, and those of them whose numbers differ. */
  readonly tensors: number;
  readonly differing: number;
  /** Root mean square, over its tensors, of the norm of the difference over the norm of the first. */
  readonly relative: number;
  /** The same after the best alignment found, where there is one. */
  readonly aligned?: number;
}

/** The layer of a tensor. */
export function layerOf(tensor: string): string {
  const words = tensor.split(".");
  const last = words.findLastIndex((word) => /^\d+$/.test(word));
  return words.slice(0, last === -1 ? Math.max(1, words.length - 1) : last + 1).join(".");
}

type Compared = Pick<Comparison, "structure" | "tensors" | "alignment" | "verdict" | "adapters">;

const rootMeanSquare = (values: readonly number[]): number =>
  Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / Math.max(1, values.length));

/** Every layer with a difference, in the order of the first file. */
export function layerDifferences({ structure, tensors, alignment }: Compared): LayerDifference[] {
  const relativeOf = new Map(tensors.map(({ tensor, relative }) => [tensor, relative]));
  const after = new Map(alignment?.remaining.map(({ tensor, relative }) => [tensor, relative]));
  const layers = new Map<string, string[]>();
  for (const name of structure.common) {
    const layer = layerOf(name);
    layers.set(layer, [...(layers.get(layer) ?? []), name]);
  }
  return [...layers].flatMap(([layer, names]): LayerDifference[] => {
    const differing = names.filter((name) => relativeOf.has(name)).length;
    if (differing === 0) return [];
    const relative = rootMeanSquare(names.map((name) => relativeOf.get(name) ?? 0));
    const aligned =
      alignment === undefined
        ? {}
        : { aligned: rootMeanSquare(names.map((name) => after.get(name) ?? 0)) };
    return [{ layer, tensors: names.length, differing, relative, ...aligned }];
  });
}

/**
 * How far apart two files are: the root mean square over the tensors of both of ‖a - b‖ / ‖a‖, after alignment where that is
 * nearer. 0 for identical and symmetric networks, about 1.4 for unrelated ones; undefined where no tensor is in both.
 */
export function relativeDifference({
  structure,
  tensors,
  alignment,
  verdict,
  adapters,
}: Compared): number | undefined {
  if (verdict === "identical" || verdict === "symmetric") return 0;
  if (adapters !== undefined) return adapters.layers.length === 0 ? undefined : adapters.relative;
  const { common } = structure;
  if (common.length === 0) return undefined;
  const over = (list: readonly { readonly relative: number }[]) =>
    Math.sqrt(list.reduce((sum, { relative }) => sum + relative ** 2, 0) / common.length);
  const plain = over(tensors);
  return alignment === undefined ? plain : Math.min(plain, over(alignment.remaining));
}
