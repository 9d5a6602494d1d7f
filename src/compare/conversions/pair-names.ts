// Which tensors of two files are meant by their names: equal ones, those that wrappers and versions of libraries changed, and
// those behind a prefix that one file has more.

import { plainNames } from "../../infer/names/stored-names.ts";

export interface NamePairs {
  /** Name in the first file, by the name in the second. */
  readonly pairs: ReadonlyMap<string, string>;
  /** What stands before names of the first file and of the second, where that is all the difference. */
  readonly prefixes: readonly {
    readonly from: string;
    readonly to: string;
    readonly names: readonly string[];
  }[];
}

/** Whether two tensors may be one; by their names in the first and the second file. */
export type Fits = (from: string, to: string) => boolean;

/** Samples of names by which a prefix is looked for. */
const samples = 8;

/** Pairs names of two files. Only pairs that fit are made where names differ. */
export function pairNames(a: readonly string[], b: readonly string[], fits: Fits): NamePairs {
  const pairs = new Map<string, string>();
  const namesOfA = new Set(a);
  for (const name of b) if (namesOfA.has(name)) pairs.set(name, name);
  pairPlain(a, b, pairs);
  for (let found = true; found;) found = pairBehindPrefix(a, b, pairs, fits);
  const prefixes = new Map<string, { from: string; to: string; names: string[] }>();
  for (const [to, from] of pairs) {
    const behind = to.endsWith(from) ? from : from.endsWith(to) ? to : undefined;
    if (behind === undefined || to === from) continue;
    const [before, after] = [from, to].map((name) => name.slice(0, -behind.length));
    const key = `${before}\n${after}`;
    const known = prefixes.get(key) ?? { from: before, to: after, names: [] };
    known.names.push(to);
    prefixes.set(key, known);
  }
  return { pairs, prefixes: [...prefixes.values()] };
}

const leftOf = (names: readonly string[], taken: ReadonlySet<string>): string[] =>
  names.filter((name) => !taken.has(name));

/** Names that are equal without what wrappers add, and in today's words. */
function pairPlain(a: readonly string[], b: readonly string[], pairs: Map<string, string>): void {
  const leftA = leftOf(a, new Set(pairs.values()));
  const leftB = leftOf(b, new Set(pairs.keys()));
  if (leftA.length === 0 || leftB.length === 0) return;
  const { plain: plainA } = plainNames(a);
  const { plain: plainB } = plainNames(b);
  const byPlain = new Map(leftA.map((name) => [plainA.get(name), name]));
  for (const name of leftB) {
    const from = byPlain.get(plainB.get(name));
    if (from !== undefined) pairs.set(name, from);
  }
}

/** Pairs the names that one more prefix explains: that of most names. Returns whether there was one. */
function pairBehindPrefix(
  a: readonly string[],
  b: readonly string[],
  pairs: Map<string, string>,
  fits: Fits,
): boolean {
  const leftA = leftOf(a, new Set(pairs.values()));
  const leftB = leftOf(b, new Set(pairs.keys()));
  if (leftA.length === 0 || leftB.length === 0) return false;
  let best: [to: string, from: string][] = [];
  for (const [before, after] of candidates(leftA, leftB)) {
    const behind = new Set(leftA);
    const found = leftB.flatMap((to): [string, string][] => {
      if (!to.startsWith(after)) return [];
      const from = before + to.slice(after.length);
      return behind.has(from) && fits(from, to) ? [[to, from]] : [];
    });
    if (found.length > best.length) best = found;
  }
  const maxLength = Math.min(leftA.length, leftB.length);
  if (best.length < 2 || best.length * 4 < maxLength) return false;
  for (const [to, from] of best) pairs.set(to, from);
  return true;
}

/** Prefixes that a few names of one file have before names of the other. */
function candidates(a: readonly string[], b: readonly string[]): [before: string, after: string][] {
  const found = new Map<string, [string, string]>();
  const some = (names: readonly string[]) =>
    names.filter((_, i) => i % Math.max(1, Math.floor(names.length / samples)) === 0);
  for (const to of some(b))
    for (const from of a)
      if (from.endsWith(`.${to}`)) {
        const before = from.slice(0, -to.length);
        found.set(`${before}\n`, [before, ""]);
      }
  for (const from of some(a))
    for (const to of b)
      if (to.endsWith(`.${from}`)) {
        const after = to.slice(0, -from.length);
        found.set(`\n${after}`, ["", after]);
      }
  return [...found.values()];
}
