// Files of results, as they lie in docs/results: what was measured, by which command, on which machine. One shape for all
// experiments, checked when it is written and in the tests.

import { z } from "zod";
import { FormatError } from "../core/errors.ts";

/** JSON has no NaN: a number that is undefined, as the standard deviation of one run, is null. */
const plain = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** Options of a model, under the names of its schema. */
const options = z.record(z.string(), z.unknown());

/**
 * One line of a table: plain values by name. `xMean` and `xStd` are over the number of trainings that `seeds` says; only
 * `options` may be an object.
 */
const row = z.record(z.string(), z.unknown()).superRefine((fields, context) => {
  const fail = (message: string, key: string) =>
    context.addIssue({ code: "custom", message, path: [key] });
  for (const [key, value] of Object.entries(fields)) {
    const known = key === "options" ? options.safeParse(value) : plain.safeParse(value);
    if (!known.success) fail("expected a plain number, text, true, false or null", key);
    if (/Spread$|^spread$/.test(key))
      fail("expected the name of a standard deviation: ...Std", key);
    if (key.endsWith("Std") && !Object.hasOwn(fields, key.replace(/Std$/, "Mean")))
      fail("expected the mean beside its standard deviation", key);
    if (!key.endsWith("Mean")) continue;
    if (!Object.hasOwn(fields, key.replace(/Mean$/, "Std")))
      fail("expected a standard deviation beside the mean", key);
    if (!(typeof fields["seeds"] === "number")) fail("expected `seeds` beside a mean", key);
  }
});

/** A file of results. */
export const resultFile = z.strictObject({
  title: z.string().min(1),
  /** The command that makes it again. */
  command: z.string().min(1),
  /** The version of the code; null in files of before it was kept. */
  commit: z.string().min(1).nullable(),
  /** Processor, cores, Node version. */
  machine: z.string().min(1),
  /** How products were rounded: once (fma) or twice; not there in files of before it was kept. */
  arithmetic: z.enum(["fma", "plain"]).optional(),
  /** Fixes everything; the first one where several were used. */
  seed: z.int().nonnegative(),
  rows: z.array(row).min(1),
  /** What the rows are about: a population, settings. */
  about: z.record(z.string(), z.unknown()).optional(),
  /** Further tables by name. */
  tables: z.record(z.string(), z.array(row)).optional(),
});

/** The content of a file of results. */
export type ResultFile = z.infer<typeof resultFile>;

/** What writers give: undefined fields are left out, numbers that are not finite become null. */
export interface ResultDraft extends Omit<ResultFile, "about" | "tables"> {
  readonly about?: Readonly<Record<string, unknown>> | undefined;
  readonly tables?:
    | Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>
    | undefined;
}

/** @throws {FormatError} naming the fields that are wrong */
export function checkResultFile(value: unknown, name: string): ResultFile {
  const parsed = resultFile.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, 3)
    .map(
      ({ path, message }) =>
        `${path.length > 0 ? path.map(String).join(".") : "the file"}: ${message}`,
    );
  throw new FormatError(`${name} is not a file of results: ${problems.join("; ")}`);
}

const fieldLines = (fields: object): string[] =>
  Object.entries(fields).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  );

/**
 * The text of a file of results, one row a line.
 * @throws {FormatError} when the draft is not of the shape of all results
 */
export function resultText(draft: ResultDraft, name = "result"): string {
  const checked = checkResultFile(JSON.parse(JSON.stringify(draft)), name);
  const { rows, tables, about, ...head } = checked;
  const list = (lines: readonly unknown[], indent: string) =>
    `[\n${lines.map((line) => `${indent}  ${JSON.stringify(line)}`).join(",\n")}\n${indent}]`;
  const further = Object.entries(tables ?? {}).map(
    ([table, lines]) =>
      `    ${JSON.stringify(table)}: ${lines.length === 0 ? "[]" : list(lines, "    ")}`,
  );
  const fields = [
    ...fieldLines(head),
    ...(about === undefined
      ? []
      : [
          `  "about": {\n${fieldLines(about)
            .map((line) => `  ${line}`)
            .join(",\n")}\n  }`,
        ]),
    `  "rows": ${list(rows, "  ")}`,
    ...(further.length === 0 ? [] : [`  "tables": {\n${further.join(",\n")}\n  }`]),
  ];
  return `{\n${fields.join(",\n")}\n}\n`;
}
