// `weightspace report`: an experiment's JSON file as one HTML page.

import type { Cli, RegisterCommand } from "../../app/context.ts";
import {
  addForceOption,
  addOutputOption,
  type ForceFlag,
  refuseExisting,
} from "../../app/output-option.ts";
import { isSameFile } from "../../../node/files.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";
import { UsageError } from "../../app/usage-error.ts";

interface ReportFlags extends ForceFlag {
  readonly output: string;
}

export const reportCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("report")
    .helpGroup("Results:")
    .summary("write an experiment's results as an HTML page")
    .description("Writes an experiment's results as one HTML page with tables and figures.")
    .argument("<experiment.json>", "results as written by `weightspace demo`")
    .addHelpText(
      "after",
      "\nExample:\n  weightspace report results/experiment.json -o report.html",
    );
  addOutputOption(command, "the page to write", { fallback: "report.html" });
  addForceOption(command).action((source: string, flags: ReportFlags) =>
    report(cli, source, flags),
  );
};

async function report({ output }: Cli, source: string, flags: ReportFlags): Promise<void> {
  const { output: target } = flags;
  if (source === target || (await isSameFile(source, target))) {
    throw new UsageError(`report: the page would replace its source ${source}; choose another -o`);
  }
  await refuseExisting("report", target, flags);
  // Loaded here: the plotting library takes longer to load than other commands take to start.
  const { readExperiment } = await import("../../experiments/experiment-file.ts");
  const { generalizationReport } = await import("../../../report/generalization-report.ts");
  const result = await readExperiment(source);
  const { pluginDifferences } = await import("../../../core/plugins.ts");
  for (const text of pluginDifferences(result.plugins ?? []))
    output.note(`note: ${source} was ${text}`);
  const page = generalizationReport(result);
  await writeFileAtomic(target, page);
  output.result(
    { report: target, bytes: Buffer.byteLength(page), models: result.rows.length },
    () => `wrote ${target}`,
  );
}
