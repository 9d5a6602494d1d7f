// The order of layers in a plain chain, told by numbers in their names alone: `fc1, fc2`, `net.0, net.2`, `net.0.linear`,
// `net.1.linear`. Names that have no such number have no order that could be relied on.

import type { SpecBuilder } from "./template.ts";

export interface ChainLayer {
  readonly name: string;
  readonly shape: readonly number[];
  /** Name of the batch normalisation that belongs to the layer. */
  readonly norm: string | null;
  /** Its tensors have the names and the layout of Keras: a kernel [..., in, out]. @default false */
  readonly isKeras?: boolean;
}

interface Numbered {
  readonly before: string;
  readonly number: number;
  /** What stands behind the number: `.linear` of `net.0.linear`. */
  readonly after: string;
}

/** Every number of a name with what stands around it. */
const numbersIn = (name: string): Numbered[] =>
  [...name.matchAll(/\d+/g)].map((match) => ({
    before: name.slice(0, match.index),
    number: Number(match[0]),
    after: name.slice(match.index + match[0].length),
  }));

/** The first number by which all names can be put in order, with the same text before it; undefined without one. */
export function numberedAlike(names: readonly string[]): Numbered[] | undefined {
  const all = names.map(numbersIn);
  for (const { before } of all[0] ?? []) {
    const places = all.map((ofLayer) => ofLayer.find((place) => place.before === before));
    const found = places.filter((place) => place !== undefined);
    const isOrder = new Set(found.map(({ number }) => number)).size === names.length;
    if (isOrder) return found;
  }
  return undefined;
}

/** Layers with weights of these ranks in the order of their numbers; a problem when there is no such order. */
export function numberedLayers(
  builder: SpecBuilder,
  isRank: (rank: number) => boolean,
): ChainLayer[] {
  const norms = builder.names
    .filter((name) => name.endsWith(".running_mean"))
    .map((name) => name.slice(0, -".running_mean".length));
  const layers = builder.names
    .filter((name) => name.endsWith(".weight") && isRank(builder.peek(name)?.length ?? 0))
    .map((name) => name.slice(0, -".weight".length));
  const places = numberedAlike(layers);
  if (layers.length === 1 && places === undefined) return [layer(builder, layers[0], null)];
  if (layers.length === 0) return [];
  if (places === undefined) {
    builder.problem(
      `the layers ${layers.map((name) => `"${name}"`).join(", ")} have no order: their names must differ by one number, with the same text before it`,
    );
    return [];
  }
  return layers
    .map((name, i) => ({ name, place: places[i] }))
    .toSorted((a, b) => a.place.number - b.place.number)
    .map(({ name, place }) => layer(builder, name, normOf(name, place, norms, layers)));
}

const layer = (builder: SpecBuilder, name: string, norm: string | null): ChainLayer => ({
  name,
  shape: builder.peek(`${name}.weight`) ?? [],
  norm,
});

/** `conv2` has `bn2` or `norm2`, `net.2.conv` has `net.2.bn`; `net.3` has the next module of the same list, `net.4`. */
function normOf(
  name: string,
  { before, number, after }: Numbered,
  norms: readonly string[],
  layers: readonly string[],
): string | null {
  const root = (text: string) => text.slice(0, text.lastIndexOf(".") + 1);
  const isNorm = (text: string) => /(bn|norm)\d*$/.test(text);
  const found = norms.find((norm) => {
    if (layers.includes(norm)) return false;
    const inList = numbersIn(norm).find((place) => place.before === before);
    if (inList !== undefined && inList.after === after && after === "")
      return inList.number === number + 1;
    if (inList !== undefined) return inList.number === number && isNorm(norm);
    const place = numbersIn(norm).at(-1);
    if (place === undefined || place.after !== "") return false;
    return place.number === number && root(norm) === root(name) && isNorm(place.before);
  });
  return found ?? null;
}
