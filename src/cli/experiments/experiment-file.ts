// Experiment results from JSON files, checked before anything is drawn from them.

import { z } from "zod";
import { FormatError } from "../../core/errors.ts";
import type { ExperimentResult } from "../../report/experiment.ts";
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
        tauSpread: number,
        tauInterval: interval.optional(),
        taus: z.array(number).optional(),
        stageTauMean: number.optional(),
        stageTauStd: number.optional(),
        tauMovedMean: number,
        tauMovedSpread: number,
        maxPredictionChange: number,
        agreement: number,
        r2Mean: number,
        r2Spread: number,
        seeds: count,
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
        spread: number,
        interval,
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

const mostProblems = 3;

/**
 * The experiment in a JSON file.
 * @throws {EnvironmentError} when it cannot be read; {FormatError} naming the fields that are wrong.
 */
export async function readExperiment(path: string): Promise<ExperimentResult> {
  const parsed = experiment.safeParse(await readJson(path));
  if (parsed.success) return parsed.data as ExperimentResult;
  const { issues } = parsed.error;
  const shown = issues.slice(0, mostProblems).map((issue) => {
    const where = issue.path.length > 0 ? issue.path.map(String).join(".") : "the file";
    return `${where}: ${issue.message}`;
  });
  const more = issues.length > mostProblems ? `; and ${issues.length - mostProblems} more` : "";
  throw new FormatError(`${path} is not an experiment result: ${shown.join("; ")}${more}`);
}
