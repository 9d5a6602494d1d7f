// The layers of a plain chain under the names of Keras: `dense/kernel`, `dense_1/kernel`, `conv2d/kernel`, normalisations as
// `batch_normalization/gamma`. The first layer of a kind has no number.

import { numberedAlike } from "./numbered-layers.ts";
import type { ChainLayer } from "./numbered-layers.ts";
import type { SpecBuilder } from "./template.ts";

const kernel = "/kernel";
const mean = "/moving_mean";

/** Whether names are those of Keras. */
export const isKerasNames = (names: readonly string[]): boolean =>
  names.some((name) => name.endsWith(kernel));

/** The last part of a path with a number: 0 where it has none, as Keras names the first layer of a kind. */
const numbered = (name: string): string => (/_\d+$/.test(name) ? name : `${name}_0`);

/** Layers by the number of their names; undefined when these tell no order. */
function inOrder(names: readonly string[]): readonly string[] | undefined {
  if (names.length < 2) return names;
  const places = numberedAlike(names.map(numbered)) ?? numberedAlike(names);
  if (places === undefined) return undefined;
  return names
    .map((name, i) => ({ name, number: places[i].number }))
    .toSorted((a, b) => a.number - b.number)
    .map(({ name }) => name);
}

/**
 * Layers with kernels of these ranks in the order of their numbers; a problem when there is no such order. Normalisations
 * are those of the layers, one each in their order, or there are none.
 */
export function kerasLayers(
  builder: SpecBuilder,
  isRank: (rank: number) => boolean,
  withNorms: boolean,
): ChainLayer[] {
  const ending = (text: string) =>
    builder.names.filter((name) => name.endsWith(text)).map((name) => name.slice(0, -text.length));
  const rank = (name: string) => builder.peek(name + kernel)?.length ?? 0;
  const found = ending(kernel).filter((name) => isRank(rank(name)));
  const norms = withNorms ? ending(mean) : [];
  const layers = inOrder(found);
  const normed = inOrder(norms);
  if (layers === undefined || normed === undefined) {
    const unordered = layers === undefined ? found : norms;
    builder.problem(
      `the layers ${unordered.map((name) => `"${name}"`).join(", ")} have no order: their names must differ by one number, with the same text before it`,
    );
    return [];
  }
  if (normed.length > 0 && normed.length !== layers.length)
    builder.problem(
      `${normed.length} normalisations for ${layers.length} layers: names do not tell which layer each belongs to`,
    );
  return layers.map((name, i) => ({
    name,
    // [out, in, ...] of a kernel [..., in, out]
    shape: (builder.peek(name + kernel) ?? []).toReversed(),
    norm: normed[i] ?? null,
    isKeras: true,
  }));
}
