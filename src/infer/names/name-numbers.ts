// Names with numbers in them: `layer{i}.{j}.` is a pattern, and so is `block{i}{a}_`, whose `{a}` is the number j as a letter.

import { filled } from "./template.ts";

/** What stands in the places of a pattern; 0 where it has none. */
export type Numbers = { readonly i: number; readonly j: number };

const letterA = 97;

/** Numbers with which names behind a prefix begin with a pattern, in order; those of names that are all pattern if `isWhole`. */
export function numbersIn(
  names: readonly string[],
  prefix: string,
  pattern: string,
  isWhole = false,
): Numbers[] {
  const source = pattern
    .replaceAll(/[.*+?^$(){}|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/\\\{[ij]\\\}/g, String.raw`(\d+)`)
    .replaceAll(String.raw`\{a\}`, "([a-z])");
  const expression = new RegExp(`^${source}${isWhole ? "$" : ""}`);
  const found = new Map<string, Numbers>();
  for (const name of names) {
    const match = name.startsWith(prefix) ? expression.exec(name.slice(prefix.length)) : null;
    if (match === null) continue;
    const [i = 0, j = 0] = match
      .slice(1)
      .map((text) => (text >= "a" ? text.charCodeAt(0) - letterA : Number(text)));
    if (filled(pattern, { i, j }) === match[0]) found.set(match[0], { i, j });
  }
  return [...found.values()].toSorted((a, b) => a.i - b.i || a.j - b.j);
}

/** Those of these that follow each other from the first ones on, the second number within the first. */
export function following(
  numbers: readonly Numbers[],
  [first = 0, second = 0]: readonly number[] = [],
): Numbers[] {
  const known = new Set(numbers.map(({ i, j }) => `${i} ${j}`));
  const found: Numbers[] = [];
  for (let i = first; known.has(`${i} ${second}`); i++)
    for (let j = second; known.has(`${i} ${j}`); j++) found.push({ i, j });
  return found;
}
