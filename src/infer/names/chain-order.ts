// The order of layers in a plain chain, told by numbers in their names alone: `fc1, fc2`, `net.0, net.2`. Names that do
// not differ by one number only have no order that could be relied on.

import type { Desk } from "./template.ts";

export interface ChainLayer {
  readonly name: string;
  readonly shape: readonly number[];
  /** Name of the batch normalisation that belongs to the layer. */
  readonly norm: string | null;
}

interface Numbered {
  readonly before: string;
  readonly number: number;
}

/** The last number of a name and what stands before it; nothing may stand behind it. */
function numbered(name: string): Numbered | null {
  const match = /^(.*?)(\d+)$/.exec(name);
  return match === null ? null : { before: match[1], number: Number(match[2]) };
}

/** Layers with weights of these ranks in the order of their numbers; a problem when there is no such order. */
export function chainOrder(desk: Desk, isRank: (rank: number) => boolean): ChainLayer[] {
  const norms = desk.names
    .filter((name) => name.endsWith(".running_mean"))
    .map((name) => name.slice(0, -".running_mean".length));
  const layers = desk.names
    .filter((name) => name.endsWith(".weight") && isRank(desk.peek(name)?.length ?? 0))
    .map((name) => name.slice(0, -".weight".length));
  const places = layers.map(numbered);
  if (layers.length === 1 && places[0] === null) return [layer(desk, layers[0], null)];
  const prefixes = new Set(places.map((place) => place?.before));
  const unordered =
    places.includes(null) ||
    prefixes.size > 1 ||
    new Set(places.map((p) => p?.number)).size < layers.length;
  if (unordered) {
    desk.problem(
      `the layers ${layers.map((name) => `"${name}"`).join(", ")} have no order: their names must differ by one number at the end`,
    );
    return [];
  }
  return layers
    .map((name, i) => ({ name, place: places[i] as Numbered }))
    .toSorted((a, b) => a.place.number - b.place.number)
    .map(({ name, place }) => layer(desk, name, normOf(name, place, norms, layers)));
}

const layer = (desk: Desk, name: string, norm: string | null): ChainLayer => ({
  name,
  shape: desk.peek(`${name}.weight`) ?? [],
  norm,
});

/** `conv2` has `bn2` or `norm2`; `net.3` has the next module of the same list, `net.4`. */
function normOf(
  name: string,
  { before, number }: Numbered,
  norms: readonly string[],
  layers: readonly string[],
): string | null {
  const own = norms.find((norm) => {
    const place = numbered(norm);
    if (place === null || layers.includes(norm)) return false;
    if (place.before === before) return place.number === number + 1;
    const root = (text: string) => text.slice(0, text.lastIndexOf(".") + 1);
    return place.number === number && root(norm) === root(name) && /(bn|norm)$/.test(place.before);
  });
  return own ?? null;
}
