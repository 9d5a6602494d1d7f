// More than two checkpoints: how each compares with each, and which of them belong together.

import { clustersOf, nearDifference, type PairOutcome } from "../../compare/clusters.ts";
import type { Verdict } from "../../compare/comparison.ts";
import { relativeDifference } from "../../compare/layer-differences.ts";
import { visibleName } from "../../core/visible.ts";
import { openCheckpoint, type RequestedSpec } from "../networks/checkpoint-spec.ts";
import type { Cli } from "../app/context.ts";
import { textTable } from "../app/output.ts";
import { compareFiles } from "./compare-files.ts";

export interface ManyOutcome {
  readonly files: readonly string[];
  readonly pairs: readonly (PairOutcome & {
    readonly verdict: Verdict;
    readonly conversions: number;
  })[];
  /** Positions of files. */
  readonly clusters: ReturnType<typeof clustersOf>;
}

/** Compares every file with every other; two are open at a time. @throws as `compareFiles`, naming the file */
export async function compareMany(
  cli: Cli,
  files: readonly string[],
  requested: RequestedSpec,
  { align, strict }: { readonly align: boolean; readonly strict: boolean },
): Promise<ManyOutcome> {
  const pairs: ManyOutcome["pairs"][number][] = [];
  for (const [i, first] of files.entries()) {
    if (i === files.length - 1) break;
    const a = await openCheckpoint(first, requested);
    try {
      for (let j = i + 1; j < files.length; j++) {
        cli.signal.throwIfAborted();
        const b = await openCheckpoint(files[j], requested);
        const compared = compareFiles(cli, { a, b, requested, align });
        const { comparison, conversions } = await compared.finally(() => b.source.close());
        const isConverted = strict && conversions.length > 0;
        const difference = relativeDifference(comparison);
        pairs.push({
          a: i,
          b: j,
          verdict: isConverted ? "different" : comparison.verdict,
          conversions: conversions.length,
          ...(difference !== undefined && { difference }),
        });
      }
    } finally {
      await a.source.close();
    }
  }
  return { files, pairs, clusters: clustersOf(files.length, pairs) };
}

const signs: Readonly<Record<Verdict, string>> = {
  identical: "=",
  symmetric: "~",
  reordered: "reordered",
  different: "-",
};

const short = (value: number) => Number(value.toPrecision(2)).toString();

/** Differences by row and column; 0 for a file with itself. */
export function differenceMatrix({ files, pairs }: ManyOutcome): (number | undefined)[][] {
  const matrix = files.map((_, i): (number | undefined)[] =>
    files.map((__, j) => (i === j ? 0 : undefined)),
  );
  for (const { a, b, difference } of pairs) {
    matrix[a][b] = difference;
    matrix[b][a] = difference;
  }
  return matrix;
}

/** Sentences about the groups. */
export function groupLines({ files, clusters }: ManyOutcome): string[] {
  const list = (group: readonly number[]) =>
    group.map((i) => `${i + 1} ${visibleName(files[i])}`).join(", ");
  return [
    ...clusters.equal.map((group) => `one network: ${list(group)}`),
    ...clusters.near.map((group) => `near (at most ${nearDifference} apart): ${list(group)}`),
    ...(clusters.near.length === 0 ? ["no two files are near"] : []),
  ];
}

/** What `compare` prints for many files. */
export function manyText(outcome: ManyOutcome): string {
  const { files, pairs } = outcome;
  const cell = (i: number, j: number): string => {
    const pair = pairs.find(({ a, b }) => (a === i && b === j) || (a === j && b === i));
    if (pair === undefined) return i === j ? "" : "-";
    const { verdict, difference, conversions } = pair;
    const text =
      verdict === "different" && difference !== undefined ? short(difference) : signs[verdict];
    return conversions > 0 ? `${text} *` : text;
  };
  const rows = files.map((file, i) => [
    `${i + 1} ${visibleName(file)}`,
    ...files.map((_, j) => cell(i, j)),
  ]);
  return [
    textTable(["", ...files.map((_, i) => `${i + 1}`)], rows),
    "= identical, ~ symmetric, else ‖a - b‖ / ‖a‖ (root mean square over tensors, after alignment; unrelated networks: about 1.4), - nothing in common, * after conversions",
    groupLines(outcome).join("\n"),
  ].join("\n\n");
}
