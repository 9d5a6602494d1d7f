// `weightspace report`: an experiment's JSON file as one HTML page.

import type { RegisterCommand } from "../app/context.ts";
import { isSameFile } from "../../node/files.ts";
import { writeFileAtomic } from "../../node/write-file.ts";
import { UsageError } from "../app/usage-error.ts";

export const reportCommand: RegisterCommand = (program, { output }) => {
  program
    .command("report")
    .helpGroup("Results:")
    .summary("write an experiment's results as an HTML page")
    .description("Writes an experiment's results as one HTML page with tables and figures.")
    .argument("<experiment.json>", "results as written by `weightspace demo`")
    .option("-o, --output <file>", "the page to write", "report.html")
    .addHelpText("after", "\nExample:\n  weightspace report results/experiment.json -o report.html")
    .action(async (source: string, { output: target }: { output: string }) => {
      if (source === target || (await isSameFile(source, target))) {
        throw new UsageError(
          `report: the page would replace its source ${source}; choose another -o`,
        );
      }
      // Loaded here: the plotting library takes longer to load than other commands take to start.
      const { readExperiment } = await import("../experiments/experiment-file.ts");
      const { generalizationReport } = await import("../../report/generalization-report.ts");
      const result = await readExperiment(source);
      const { pluginDifferences } = await import("../../core/plugins.ts");
      for (const text of pluginDifferences(result.plugins ?? []))
        output.note(`note: ${source} was ${text}`);
      const page = generalizationReport(result);
      await writeFileAtomic(target, page);
      output.result(
        { report: target, bytes: Buffer.byteLength(page), models: result.rows.length },
        () => `wrote ${target}`,
      );
    });
};
