// Experiment results from JSON files, checked before anything is drawn from them: those with single predictions, files of
// results, and what version 0.1 wrote.

import { z } from "zod";
import { FormatError } from "../../core/errors.ts";
import type { ExperimentResult } from "../../report/experiment.ts";
import { type ResultFile, resultFile } from "../../report/result-file.ts";
import { readJson } from "../../node/files.ts";

/** JSON has no NaN; an undefined number is written as null. */
const number = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const count = z.int().nonnegative();
const interval = z.tuple([number, number]);
const modelOptions = z.record(z.string(), z.unknown());

const experiment = z.object({
  title: z.string(),
  command: z.string(),
  commit: z.string().optional(),
  machine: z.string(),
  seed: z.int(),
  together: z.array(z.string()).optional(),
  plugins: z
    .array(z.object({ path: z.string(), version: z.string().nullable(), digest: z.string() }))
    .optional(),
  population: z.object({
    target: z.object({ name: z.string(), unit: z.string(), summary: z.string() }).optional(),
    name: z.string().optional(),
    networks: count,
    runs: count.optional(),
    accuracies: z.array(z.number()).default([]),
    description: z.string().optional(),
    train: count.optional(),
    validation: count.optional(),
    test: count.optional(),
  }),
  rows: z
    .array(
      z.object({
        model: z.string(),
        parameters: count,
        seconds: number,
        tauMean: number,
        tauStd: number,
        tauInterval: interval.optional(),
        taus: z.array(number).optional(),
        stageTauMean: number.optional(),
        stageTauStd: number.optional(),
        tauMovedMean: number,
        tauMovedStd: number,
        maxPredictionChange: number,
        agreement: number,
        r2Mean: number,
        r2Std: number,
        seeds: count,
        diverged: count.optional(),
        unread: count.optional(),
        machine: z.string().optional(),
        rate: z.number().optional(),
        options: modelOptions.optional(),
      }),
    )
    .min(1),
  oneNumber: z
    .array(
      z.object({
        number: z.string(),
        direction: z.enum(["higher", "lower"]),
        tau: number,
        tauInterval: interval,
        stageTau: number.optional(),
      }),
    )
    .optional(),
  comparisons: z
    .array(
      z.object({
        model: z.string(),
        other: z.string(),
        difference: number,
        std: number,
        interval,
        p: number.optional(),
        adjustedP: number.optional(),
        wins: count,
        seeds: count,
      }),
    )
    .optional(),
  tuning: z
    .array(
      z.object({
        model: z.string(),
        rate: z.number(),
        options: modelOptions,
        parameters: count,
        validTau: number,
        validLoss: number,
        bestEpoch: count,
        seconds: number,
        chosen: z.boolean(),
        passes: count.optional(),
        weightDecay: z.number().optional(),
        diverged: z.string().optional(),
      }),
    )
    .optional(),
  // Absent from results that are committed without single predictions.
  scatter: z
    .array(z.object({ model: z.string(), predicted: number, actual: number, moved: number }))
    .default([]),
  curves: z
    .array(
      z.object({
        model: z.string(),
        seed: z.int(),
        epochs: z.array(z.object({ epoch: count, trainLoss: number, validTau: number })),
      }),
    )
    .default([]),
});

/** Names of standard deviations in version 0.1. */
const olderNames = new Map([
  ["tauSpread", "tauStd"],
  ["tauMovedSpread", "tauMovedStd"],
  ["r2Spread", "r2Std"],
  ["spread", "std"],
]);

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Rows under today's names; what is no list of rows stays as it is, for the schema to refuse. */
function withTodaysNames(rows: unknown): unknown {
  if (!Array.isArray(rows)) return rows;
  return rows.map((row: unknown) =>
    isFields(row)
      ? Object.fromEntries(
          Object.entries(row).map(([key, value]) => [olderNames.get(key) ?? key, value]),
        )
      : row,
  );
}

/** The two columns of an interval as a pair, under its name. */
function pairOf(row: Fields, name: string, pair: string): Fields {
  const { [`${name}Low`]: low, [`${name}High`]: high, ...rest } = row;
  return low === undefined ? row : { ...rest, [pair]: [low, high] };
}

/** A file of results as an experiment has it. */
function fromResultFile({ title, command, commit, machine, seed, ...file }: ResultFile): Fields {
  const { runs = [], oneNumber, comparisons, tuning } = file.tables ?? {};
  const tausOf = (model: unknown) =>
    runs.flatMap((run) => (run["model"] === model ? [run["tau"]] : []));
  return {
    title,
    command,
    machine,
    seed,
    together: file.about?.["together"],
    plugins: file.about?.["plugins"],
    ...(commit !== null && { commit }),
    population: file.about?.["population"],
    rows: file.rows.map((row) => {
      const taus = tausOf(row["model"]);
      const named = pairOf(row, "interval", "tauInterval"); // called tauLow and tauHigh before
      return { ...pairOf(named, "tau", "tauInterval"), ...(taus.length > 0 && { taus }) };
    }),
    oneNumber: oneNumber?.map((row) => pairOf(row, "tau", "tauInterval")),
    comparisons: comparisons?.map((row) => {
      const { differenceMean: difference, differenceStd: std, ...rest } = row;
      return pairOf({ ...rest, difference, std }, "difference", "interval");
    }),
    tuning,
  };
}

/** Whatever was written, in the shape that is checked. */
function inTodaysShape(value: unknown): unknown {
  if (!isFields(value)) return value;
  const file = resultFile.safeParse(value);
  if (file.success && file.data.about !== undefined) return fromResultFile(file.data);
  const { rows, comparisons } = value;
  return {
    ...value,
    rows: withTodaysNames(rows),
    ...(comparisons !== undefined && { comparisons: withTodaysNames(comparisons) }),
  };
}

const maxProblems = 3;

/**
 * The experiment in a JSON file.
 * @throws {EnvironmentError} when it cannot be read; {FormatError} naming the fields that are wrong.
 */
export async function readExperiment(path: string): Promise<ExperimentResult> {
  const parsed = experiment.safeParse(inTodaysShape(await readJson(path)));
  if (parsed.success) return parsed.data as ExperimentResult;
  const { issues } = parsed.error;
  const shown = issues.slice(0, maxProblems).map((issue) => {
    const where = issue.path.length > 0 ? issue.path.map(String).join(".") : "the file";
    return `${where}: ${issue.message}`;
  });
  const more = issues.length > maxProblems ? `; and ${issues.length - maxProblems} more` : "";
  throw new FormatError(`${path} is not an experiment result: ${shown.join("; ")}${more}`);
}
