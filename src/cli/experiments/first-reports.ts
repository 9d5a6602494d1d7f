// The report of an experiment while it goes on: written when the first functional has all its runs, and again after each
// further one.

import type { ExperimentOutcome } from "../../experiment/run-experiment.ts";
import type { ExperimentResult, UnfinishedCount } from "../../report/experiment.ts";
import { generalizationReport } from "../../report/generalization-report.ts";
import { writeFileAtomic } from "../../node/write-file.ts";
import type { Cli } from "../app/context.ts";

/** What writes the report of the functionals that are finished to a file, and says so the first time. */
export function firstReports(
  report: string,
  { output }: Cli,
  resultOf: (outcome: ExperimentOutcome) => Promise<ExperimentResult>,
): (outcome: ExperimentOutcome, unfinished: UnfinishedCount) => Promise<void> {
  let isTold = false;
  return async (outcome, unfinished) => {
    const result = await resultOf(outcome);
    await writeFileAtomic(report, generalizationReport({ ...result, unfinished }));
    const { finished, models } = unfinished;
    if (!isTold) output.note(`first results, of ${finished} of ${models} functionals: ${report}`);
    isTold = true;
  };
}
