// `weightspace experiment learning-curve`: what more training networks bring, on the same test networks.

import { basename, join, resolve } from "node:path";
import { wholeNumber } from "../../app/arguments.ts";
import { addOutputOption, refuseExisting } from "../../app/output-option.ts";
import type { Cli, RegisterCommand } from "../../app/context.ts";
import type { SizedOutcome } from "../../../experiment/data/training-size.ts";
import type { TrainingSizeResult } from "../../../report/training-size.ts";
import { withStd } from "../../experiments/experiment-output.ts";
import {
  addGeneralizationOptions,
  type GeneralizationFlags,
  parseShares,
  readSettings,
  repeatedOptions,
} from "../../experiments/generalization-flags.ts";
import { counted, textTable } from "../../app/output.ts";
import { namedTarget, type OpenedPopulation } from "../../experiments/open-population.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";

interface LearningCurveFlags extends GeneralizationFlags {
  readonly shares: string;
  readonly splits: number;
}

/** One experiment for every split and share; undefined when it was interrupted. */
async function trainAll(
  flags: LearningCurveFlags,
  population: OpenedPopulation,
  out: string,
  cli: Cli,
): Promise<SizedOutcome[] | undefined> {
  const { isPartOnly, runStores } = await import("../../machines/run-store.ts");
  const { fingerprint } = await import("../../experiments/dataset-digest.ts");
  const { runWithProgress } = await import("../../app/run-with-progress.ts");
  const { entriesFor } = await import("../../experiments/task-networks.ts");
  const { dataset } = population;
  const asked = await readSettings(flags);
  const settings = { ...asked, models: entriesFor(asked.models, population) };
  const digest = fingerprint(dataset);
  const outcomes: SizedOutcome[] = [];
  for (let split = 0; split < flags.splits; split++) {
    for (const share of parseShares(flags.shares)) {
      cli.output.note(`split ${split + 1} of ${flags.splits}, share ${share} of the training runs`);
      const name = `split-${split}-share-${share}`;
      const outcome = await runWithProgress(cli, {
        dataset,
        settings: { ...settings, seed: flags.seed + split, trainShare: share },
        fingerprint: digest,
        ...(await runStores(flags, join(out, "runs", name), name)),
      });
      if (outcome === undefined && isPartOnly(flags, cli)) continue;
      if (outcome === undefined) return undefined;
      outcomes.push({ share, outcome });
    }
  }
  return outcomes.length === flags.splits * parseShares(flags.shares).length ? outcomes : undefined;
}

/** A line for every model and size. */
const curveTable = ({ rows }: TrainingSizeResult): string =>
  textTable(
    ["functional", "share", "training networks", "tau", "tau in a stage"],
    rows.map(({ model, share, networks, tauMean, tauStd, stageTauMean }) => [
      model,
      share,
      networks,
      withStd(tauMean, tauStd),
      stageTauMean === undefined ? "–" : stageTauMean.toFixed(4),
    ]),
  );

async function run(flags: LearningCurveFlags, cli: Cli): Promise<void> {
  const settings = await readSettings(flags); // refused before a population is read
  const shares = parseShares(flags.shares);
  if (flags.results !== undefined) await refuseExisting("experiment", flags.results, flags);
  const { openPopulation, warnOfProblems } = await import("../../experiments/open-population.ts");
  const { arithmetic, codeVersion, machine } = await import("../../app/build-info.ts");
  const { collectTrainingSizes } = await import("../../../experiment/data/training-size.ts");
  const { resultText } = await import("../../../report/result-file.ts");
  const { trainingSizeDraft } = await import("../../../report/result-drafts.ts");
  const { trainingSizeReport } = await import("../../../report/training-size-report.ts");
  const population = await openPopulation(flags.zoo, flags);
  warnOfProblems(population, cli.output);
  const { dataset, description } = population;
  const name = flags.name ?? basename(resolve(flags.zoo));
  const out = flags.output ?? join("runs", `learning-curve-${name}`);
  const outcomes = await trainAll(flags, population, out, cli);
  if (outcomes === undefined) return;
  const { seeds, splits, seed } = flags;
  const { validation, test } = outcomes[0].outcome.sizes;
  const runs = dataset.groups === undefined ? dataset.size : new Set(dataset.groups).size;
  const target = namedTarget(dataset);
  const models = settings.models.map((model) => model.name);
  const result: TrainingSizeResult = {
    title: `Learning curves over training sizes${target === undefined ? "" : ` for ${target.summary}`}: ${name}`,
    command: `npx weightspace experiment learning-curve ${repeatedOptions(flags)} --shares ${shares.join(",")} --splits ${splits}`,
    commit: await codeVersion(),
    machine: machine(),
    arithmetic: arithmetic(),
    seed,
    splits,
    seeds,
    population: {
      name,
      networks: dataset.size,
      runs,
      description,
      ...(target && { target }),
      validation,
      test,
    },
    rows: collectTrainingSizes(models, outcomes),
  };
  const files = {
    results: flags.results ?? join(out, "learning-curve.json"),
    report: join(out, "report.html"),
  };
  await writeFileAtomic(files.results, resultText(trainingSizeDraft(result), files.results));
  await writeFileAtomic(files.report, trainingSizeReport(result));
  const { rows, ...others } = result;
  cli.output.result({ rows, ...others, files }, () =>
    [
      `Kendall's tau between predicted and true ${target?.summary ?? "accuracy"} of ${counted(test, "held-out network")}, mean ± std over ${counted(splits, "split")} and ${counted(seeds, "seed")} of each:`,
      "",
      curveTable(result),
      "",
      `report: ${files.report}`,
    ].join("\n"),
  );
}

export const learningCurveCommand: RegisterCommand = (experiment, cli) => {
  const command = experiment
    .command("learning-curve")
    .summary("tau by number of training networks")
    .description(
      "Trains functionals on several shares of the training runs, over several splits, and judges all shares of a split on the same held-out networks. Interrupted or killed, the same command goes on where it was.",
    );
  addOutputOption(
    addGeneralizationOptions(command, cli),
    "of runs, results and report; default runs/learning-curve-<name>",
    { value: "<folder>" },
  )
    .option("--shares <list>", "shares of the training runs", "0.125,0.25,0.5,1")
    .option(
      "--splits <n>",
      "splits of the population, of seeds that follow --seed",
      wholeNumber(1, 1000),
      2,
    )
    .addHelpText(
      "after",
      "\nExample:\n  weightspace experiment learning-curve --zoo zoos/gru --checkpoints all --models unf,stat-nn --seeds 2",
    )
    .action((flags: LearningCurveFlags) => run(flags, cli));
};
