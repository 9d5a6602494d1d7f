// Places that scale alike in every way, as one unknown each.

/** The number of its set for every place, from 0 in the order of the places, and how many sets there are. */
export interface CommonSets {
  readonly unknownOf: Int32Array;
  readonly count: number;
}

/**
 * Joins places.
 * @param links - three numbers each: the first place, the first place of the other list, how many in a row
 */
export function commonSets(places: number, links: readonly number[]): CommonSets {
  const parent = new Int32Array(places);
  for (let i = 0; i < places; i++) parent[i] = i;
  for (let at = 0; at < links.length; at += 3) {
    const [first, other, length] = [links[at], links[at + 1], links[at + 2]];
    for (let i = 0; i < length; i++) {
      const a = rootOf(parent, first + i);
      const b = rootOf(parent, other + i);
      if (a < b) parent[b] = a;
      else parent[a] = b;
    }
  }
  const unknownOf = new Int32Array(places);
  let count = 0;
  // The root of a set is its first place.
  for (let i = 0; i < places; i++) {
    const root = rootOf(parent, i);
    unknownOf[i] = root === i ? count++ : unknownOf[root];
  }
  return { unknownOf, count };
}

function rootOf(parent: Int32Array, place: number): number {
  let at = place;
  while (parent[at] !== at) {
    parent[at] = parent[parent[at]];
    at = parent[at];
  }
  return at;
}
