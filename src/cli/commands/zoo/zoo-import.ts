// `weightspace zoo import`: networks that were trained elsewhere and a table of numbers, as a population.

import { basename, join } from "node:path";
import type { Command } from "commander";
import { FormatError, SpecError } from "../../../core/errors.ts";
import type { MetricInfo } from "../../../core/metric-info.ts";
import type { ZooStore } from "../../../core/store.ts";
import type { ClassFolders } from "../../../datasets/published/class-folders.ts";
import type { ImportedNetwork } from "../../../datasets/imported.ts";
import { readBytes } from "../../../node/files.ts";
import type { SymmetrySpec } from "../../../symmetry/types.ts";
import type { WeightDataset } from "../../../train/dataset.ts";
import type { Cli } from "../../app/context.ts";
import { counted } from "../../app/output.ts";
import { addOutputOption } from "../../app/output-option.ts";
import { UsageError } from "../../app/usage-error.ts";
import type { FoundSpec } from "../../../checkpoints/found-spec.ts";
import {
  addSpecOptions,
  type RequestedSpec,
  type SpecFlags,
} from "../../networks/checkpoint-spec.ts";

interface GivenFlags extends Omit<ImportFlags, "table" | "target"> {
  readonly table?: string;
  readonly target?: string;
}

interface ImportFlags extends SpecFlags {
  readonly table: string;
  readonly target: string;
  readonly fileColumn: string;
  readonly runColumn?: string;
  readonly unit: string;
  readonly range?: readonly [number, number];
  readonly lowerIsBetter?: boolean;
  readonly output: string;
}

/** Cells of a table, by column. */
type Row = Readonly<Record<string, unknown>>;

const maxProblems = 5;

/** A parser of two bounds such as 0,1. */
function bounds(text: string): [number, number] {
  const [low, high, ...more] = text.split(",").map((part) => (part === "" ? NaN : Number(part)));
  if (!(low < high) || more.length > 0)
    throw new UsageError(`zoo import: --range expected two bounds such as 0,1, got "${text}"`);
  return [low, high];
}

export function addImport(zoo: Command, cli: Cli): void {
  const command = zoo
    .command("import")
    .summary("make a population of networks trained elsewhere")
    .description(
      "Reads networks of one architecture and a table with a row for each of them, and writes them as a population for train, predict and experiment. Every number column of the table is kept. Files that do not fit are refused by name.",
    )
    .argument(
      "<weights...>",
      "networks, one file each; or one folder of folders <prefix>_<class>s/net<number>.pth, whose networks are images of that class",
    )
    .option("--table <file>", "a table in CSV or Parquet")
    .option("--target <column>", "the column that functionals predict")
    .option("--file-column <column>", "the column that names the file of each row", "file")
    .option("--run-column <column>", "rows of one training run have the same cell here")
    .option("--unit <text>", "of the target", "")
    .option("--range <low,high>", "bounds of the target, as 0,1 for an accuracy", bounds)
    .option("--lower-is-better", "of the target, as for a loss");
  const folder = { value: "<folder>", required: true };
  addOutputOption(addSpecOptions(command), "the population's folder", folder)
    .addHelpText(
      "after",
      "\nExample:\n  weightspace zoo import weights/*.safetensors --table targets.csv --target loss -o zoos/mine",
    )
    .action((files: string[], flags: GivenFlags) => importAny(files, flags, cli));
}

/** A folder of classes, or files with a table. @throws {UsageError} when files come without their table */
async function importAny(files: readonly string[], flags: GivenFlags, cli: Cli): Promise<void> {
  const { table, target } = flags;
  if (table !== undefined && target !== undefined)
    return importNetworks(files, { ...flags, table, target }, cli);
  const { classFoldersIn } = await import("./import-classes.ts");
  const [folder, ...more] = files;
  const classes =
    table === undefined && target === undefined && more.length === 0
      ? await classFoldersIn(folder)
      : undefined;
  if (classes !== undefined) return importClasses(folder, classes, flags, cli);
  throw new UsageError(
    "zoo import: give --table and --target, the table with a row for every network and its column to predict; or one folder with folders <prefix>_<class>s of files net<number>.pth",
  );
}

/** Networks in folders that are named after their classes. */
async function importClasses(
  folder: string,
  found: ClassFolders,
  flags: GivenFlags,
  cli: Cli,
): Promise<void> {
  const { classesOf, sineSpecOf } = await import("./import-classes.ts");
  const { readRequested } = await import("../../networks/checkpoint-spec.ts");
  const { writeImported } = await import("../../../datasets/imported.ts");
  const store = await emptyStore(flags.output);
  const files = found.files.map(({ path }) => join(folder, path));
  const requested = await readRequested(flags);
  const isAsked = flags.spec !== undefined || flags.model !== undefined;
  const spec = isAsked
    ? (await specFor(files[0], requested, cli)).spec
    : await sineSpecOf(files[0]);
  const tensors = await readNetworks(files, spec);
  await writeImported(store, { ...classesOf(found), spec, tensors });
  const { classes } = found;
  cli.output.result({ zoo: flags.output, networks: files.length, target: "label", classes }, () =>
    [
      `${flags.output}: ${counted(files.length, "network")}, target label: ${classes.length} classes (${classes.join(", ")})`,
      isAsked
        ? "spec: as given"
        : "taken for sine networks, whose hidden units may change their sign; --spec says otherwise",
    ].join("\n"),
  );
}

/** The store of a folder for a new population. @throws {UsageError} when it holds something */
async function emptyStore(output: string): Promise<ZooStore> {
  const { importedName } = await import("../../../datasets/imported.ts");
  const { folderStore } = await import("../../../node/folder-store.ts");
  const store = folderStore(output);
  const present = await store.list();
  if (present.length > 0)
    throw new UsageError(
      `zoo import: ${output} holds ${present.includes(importedName) ? "a population" : "other files"} already; choose another -o`,
    );
  return store;
}

async function importNetworks(
  files: readonly string[],
  flags: ImportFlags,
  cli: Cli,
): Promise<void> {
  const { readRequested } = await import("../../networks/checkpoint-spec.ts");
  const { writeImported } = await import("../../../datasets/imported.ts");
  const store = await emptyStore(flags.output);
  const { networks, metrics, unused } = await readTable(files, flags);
  const requested = await readRequested(flags);
  const found = await specFor(files[0], requested, cli);
  const tensors = await readNetworks(files, found.spec);
  const { spec, origin } = found;
  const { target } = flags;
  const population = { metrics, target, networks, spec, tensors };
  await writeImported(store, population);
  if (unused > 0)
    cli.output.note(
      `note: ${counted(unused, "row")} of ${flags.table} name files that were not given`,
    );
  cli.output.result(
    {
      zoo: flags.output,
      networks: files.length,
      target,
      metrics,
      spec: origin,
      unusedRows: unused,
    },
    () => `${flags.output}: ${counted(files.length, "network")}, target ${target}; spec: ${origin}`,
  );
}

/** The spec that was asked for, or that of the first network; warnings are told. */
async function specFor(file: string, requested: RequestedSpec, cli: Cli): Promise<FoundSpec> {
  const { findSpec, openCheckpoint } = await import("../../networks/checkpoint-spec.ts");
  const { needSpec } = await import("../../networks/need-spec.ts");
  const first = await openCheckpoint(file, requested);
  const found = needSpec(
    "zoo import",
    await findSpec(first, requested).finally(() => first.source.close()),
  );
  for (const warning of found.warnings) cli.output.note(`warning: ${warning}`);
  return found;
}

/** The tensors of all networks, one after the other. @throws {FormatError} naming the files that do not fit the spec */
async function readNetworks(
  files: readonly string[],
  spec: SymmetrySpec,
): Promise<WeightDataset["tensors"]> {
  const { weightsDataset } = await import("../../experiments/weight-files.ts");
  const problems: string[] = [];
  const parts: WeightDataset[] = [];
  for (const file of files) {
    try {
      parts.push(await weightsDataset([file], spec));
    } catch (error) {
      if (!(error instanceof SpecError) && !(error instanceof FormatError)) throw error;
      problems.push(error.message.startsWith(file) ? error.message : `${file}: ${error.message}`);
    }
  }
  if (problems.length > 0) throw unfit(problems, files.length);
  const tensors = Object.entries(spec.tensors).map(([name, { shape }]) => {
    const size = parts[0].tensors[name].data.length;
    const data = new Float32Array(files.length * size);
    for (const [i, part] of parts.entries()) data.set(part.tensors[name].data, i * size);
    return [name, { shape, data }] as const;
  });
  return Object.fromEntries(tensors);
}

/** @returns an error that names the files that do not fit */
function unfit(problems: readonly string[], files: number): FormatError {
  const shown = problems.slice(0, maxProblems).map((problem) => `  - ${problem}`);
  if (problems.length > maxProblems) shown.push(`  - and ${problems.length - maxProblems} more`);
  return new FormatError(
    `zoo import: ${problems.length} of ${counted(files, "file")} cannot be imported; leave them out, or give the spec they fit with --spec or --model\n${shown.join("\n")}`,
  );
}

/** Rows of a CSV or Parquet file. @throws {FormatError} */
async function readRows(path: string): Promise<readonly Row[]> {
  const bytes = await readBytes(path);
  if (new TextDecoder().decode(bytes.subarray(0, 4)) !== "PAR1") {
    const { parseCsv } = await import("../../../datasets/published/csv.ts");
    const text = new TextDecoder().decode(bytes).replace(/^\uFEFF/, "");
    return parseCsv(text, path).map(({ cells }) => cells);
  }
  const { parquetReadObjects } = await import("hyparquet");
  try {
    return await parquetReadObjects({ file: bytes.slice().buffer });
  } catch (error) {
    throw new FormatError(
      `zoo import: ${path} is not a Parquet table that is read (${(error as Error).message}); write it as CSV`,
      { cause: error },
    );
  }
}

const isNumber = (cell: unknown): boolean =>
  typeof cell === "number" ||
  typeof cell === "bigint" ||
  (typeof cell === "string" && cell.trim() !== "" && !Number.isNaN(Number(cell)));

/** An empty cell, or one that says that there is no number. */
const isMissing = (cell: unknown): boolean =>
  cell === null ||
  cell === undefined ||
  (typeof cell === "string" && /^\s*(nan|na|null)?\s*$/i.test(cell));

/** The row of every file, and the columns of numbers. @throws {FormatError} {UsageError} naming files and columns */
async function readTable(
  files: readonly string[],
  flags: ImportFlags,
): Promise<{ networks: ImportedNetwork[]; metrics: MetricInfo[]; unused: number }> {
  const { table, target, fileColumn, runColumn, unit, range, lowerIsBetter } = flags;
  const rows = await readRows(table);
  const columns = Object.keys(rows[0] ?? {});
  for (const [option, column] of [
    ["--target", target],
    ["--file-column", fileColumn],
    ["--run-column", runColumn],
  ])
    if (column !== undefined && !columns.includes(column))
      throw new UsageError(
        `zoo import: ${table} has no column "${column}" (${option}); expected one of ${columns.join(", ") || "its columns, but it is empty"}`,
      );
  const numeric = numberColumns(rows, flags);
  const byName = grouped(rows, (row) => basename(String(row[fileColumn])));
  const problems: string[] = [];
  const networks = files.flatMap((file): ImportedNetwork[] => {
    const candidates = byName.get(basename(file)) ?? [];
    const exact = candidates.filter((row) => String(row[fileColumn]) === file);
    const fitting = exact.length > 0 ? exact : candidates;
    if (fitting.length !== 1) {
      problems.push(
        `${file}: ${table} has ${fitting.length === 0 ? "no row" : `${fitting.length} rows`} for it`,
      );
      return [];
    }
    const [row] = fitting;
    const numbers = numeric.map(
      (column) => [column, isNumber(row[column]) ? Number(row[column]) : null] as const,
    );
    return [
      {
        name: file,
        ...(runColumn !== undefined && { run: String(row[runColumn]) }),
        numbers: Object.fromEntries(numbers),
      },
    ];
  });
  if (problems.length > 0) throw unfit(problems, files.length);
  checkRange(networks, target, range);
  const metrics = numeric.map((name): MetricInfo =>
    name === target
      ? {
          name,
          unit,
          summary: name,
          better: lowerIsBetter ? "lower" : "higher",
          ...(range && { range }),
        }
      : { name, unit: "", summary: name, better: "higher" },
  );
  return { networks, metrics, unused: rows.length - files.length };
}

/** The columns that hold numbers, the target among them. @throws {FormatError} when that one holds something else */
function numberColumns(
  rows: readonly Row[],
  { table, target, fileColumn, runColumn }: ImportFlags,
): string[] {
  const numeric = Object.keys(rows[0]).filter(
    (column) =>
      column !== fileColumn &&
      column !== runColumn &&
      rows.every((row) => isNumber(row[column]) || isMissing(row[column])) &&
      rows.some((row) => isNumber(row[column])),
  );
  if (numeric.includes(target)) return numeric;
  const wrong = rows.find((row) => !isNumber(row[target]) && !isMissing(row[target]));
  throw new FormatError(
    `zoo import: column "${target}" of ${table} expected numbers, got ${JSON.stringify(wrong?.[target] ?? "none")}`,
  );
}

/** @throws {FormatError} naming the first file whose target is out of its bounds */
function checkRange(
  networks: readonly ImportedNetwork[],
  target: string,
  range: readonly [number, number] | undefined,
): void {
  if (range === undefined) return;
  const outside = networks.find(({ numbers }) => {
    const value = numbers[target];
    return value !== null && !(value >= range[0] && value <= range[1]);
  });
  if (outside !== undefined)
    throw new FormatError(
      `zoo import: ${target} of ${outside.name} is ${outside.numbers[target]}, expected a number from ${range[0]} to ${range[1]} (--range)`,
    );
}

function grouped(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row)) ?? [];
    group.push(row);
    groups.set(keyOf(row), group);
  }
  return groups;
}
