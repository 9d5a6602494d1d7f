// The known name that a mistyped one was probably meant to be.

/** Letters to insert, remove, replace or swap with a neighbour, to get from one text to the other. */
function editDistance(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        last[j] + 1,
        row[j - 1] + 1,
        last[j - 1] + (isSame ? 0 : 1),
        isSwap ? before[j - 2] + 1 : Infinity,
      );
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}

/** Names longer than this are no slips. */
const maxLength = 100;

/**
 * The nearest of some names, when at most a third of the letters differ; undefined when none is that near. Upper and
 * lower case count as the same letter.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  if (name.length > maxLength) return undefined;
  let [best, fewest] = [undefined as string | undefined, Infinity];
  for (const each of known) {
    const distance = editDistance(name.toLowerCase(), each.toLowerCase());
    if (distance >= fewest || distance > Math.max(name.length, each.length) / 3) continue;
    [best, fewest] = [each, distance];
  }
  return best;
}

/** ` (did you mean "unf"?)` where a name is near; else nothing. */
function didYouMean(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? "" : ` (did you mean "${nearest}"?)`;
}

/** `there is no model "umf" (did you mean "unf"?), expected one of unf, nfn-np`: the end of a message about an unknown name. */
export const noSuchName = (kind: string, name: unknown, known: readonly string[]): string =>
  `there is no ${kind} ${JSON.stringify(name) ?? "without a name"}${typeof name === "string" ? didYouMean(name, known) : ""}, expected one of ${known.join(", ")}`;
