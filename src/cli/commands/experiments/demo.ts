// `weightspace demo`: the main job on embedded data. Trains a population of digit classifiers, then functionals that
// predict each network's accuracy from its weights, and shows both tables: as trained, and after neurons were reordered.

import { availableParallelism } from "node:os";
import { machine } from "../../app/build-info.ts";
import { join } from "node:path";
import { positiveNumber, seedNumber, wholeNumber } from "../../app/arguments.ts";
import { didYouMean } from "../../../core/nearest-name.ts";
import { mostNetworks } from "../../../zoo/limits.ts";
import type { RegisterCommand } from "../../app/context.ts";
import { addOutputOption } from "../../app/output-option.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";
import { counted, textTable } from "../../app/output.ts";
import { UsageError } from "../../app/usage-error.ts";

interface DemoFlags {
  readonly output: string;
  readonly networks: number;
  readonly seeds: number;
  readonly seed: number;
  readonly epochs: number;
  readonly rate: number;
  readonly models: string;
  readonly workers: number;
}

const defaultModels = "unf,unf-hybrid,nfn-np,deep-sets,stat-nn,linear,flat-mlp";

/** `0.7112 ± 0.0101`, without a spread for a single run. */
const withSpread = (mean: number, spread: number) =>
  mean.toFixed(4) + (Number.isNaN(spread) ? "" : ` ± ${spread.toFixed(4)}`);

export const demoCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("demo")
    .helpGroup("Start here:")
    .summary("the whole road on real data, in minutes")
    .description(
      "Trains a population of small digit classifiers, reads their weights, and trains functionals that predict each network's test accuracy. Interrupted, the same command goes on where it was.",
    );
  addOutputOption(command, "folder of the population, checkpoints, results and report", {
    value: "<folder>",
    fallback: "runs/demo",
  })
    .option("--networks <n>", "networks in the population", wholeNumber(20, mostNetworks), 1000)
    .option("--models <list>", "names of `train --help`, separated by commas", defaultModels)
    .option("--seeds <n>", "training runs per functional", wholeNumber(1), 3)
    .option("--epochs <n>", "passes over the training networks", wholeNumber(1), 20)
    .option("--rate <x>", "peak learning rate of every functional", positiveNumber, 3e-3)
    .option("--seed <n>", "fixes everything", seedNumber, 0)
    .option("--workers <n>", "threads", wholeNumber(1), availableParallelism())
    .action(async (flags: DemoFlags) => {
      const { modelNames } = await import("../../../models/registry.ts");
      const names = flags.models.split(",").map((name) => name.trim());
      const unknown = names.find((name) => !modelNames().includes(name));
      if (unknown !== undefined) {
        throw new UsageError(
          `demo: unknown model "${unknown}"${didYouMean(unknown, modelNames())}; choose from ${modelNames().join(", ")}`,
        );
      }
      const { digitsRecipe } = await import("../../../zoo/recipe.ts");
      const { openZoo } = await import("../../../zoo/open.ts");
      const { folderStore } = await import("../../../node/folder-store.ts");
      const { buildWithProgress } = await import("../../experiments/zoo-progress.ts");
      const { zooDataset } = await import("../../../zoo/zoo-dataset.ts");
      const { checkSettings } = await import("../../../experiment/settings.ts");
      const { runExperiment } = await import("../../../node/run-experiment.ts");
      const { generalizationReport } = await import("../../../report/generalization-report.ts");
      const { networks, seed, workers, epochs, rate, seeds } = flags;

      const settings = {
        models: [...new Set(names)].map((name) => ({ name, options: {} })),
        seeds,
        seed,
        split: [0.6, 0.15, 0.25] as const,
        budget: { epochs, batchSize: 32, rate, clipNorm: 1 },
      };
      const store = folderStore(join(flags.output, "runs"));
      await checkSettings(store, settings, { networks }); // before the population grows
      const zooStore = folderStore(join(flags.output, "zoo"));
      await buildWithProgress(cli, {
        recipe: digitsRecipe,
        networks,
        seed,
        workers,
        store: zooStore,
      });
      const dataset = await zooDataset(await openZoo(zooStore));
      const epochsInAll = settings.models.length * seeds * epochs;
      let task: ReturnType<typeof cli.progress.task> | undefined;
      for await (const event of runExperiment({
        dataset,
        settings,
        networks,
        store,
        workers,
        signal: cli.signal,
      })) {
        if (event.type === "warning") cli.output.note(`warning: ${event.message}`);
        else if (event.type === "start") {
          const { finished, runs } = event;
          if (finished > 0)
            cli.output.note(`${finished} of ${runs} training runs are there already`);
          if (finished < runs) {
            task = cli.progress.task("training functionals", epochsInAll, {
              unit: "epochs",
              start: (epochsInAll * finished) / runs,
            });
          }
        } else if (event.type === "progress")
          task?.update(Math.floor(epochsInAll * event.share), event.note);
        else if (event.type === "done") {
          task?.finish();
          const { rows, scatter, curves, sizes } = event.outcome;
          const command = `npx weightspace demo --networks ${networks} --models ${names.join(",")} --seeds ${seeds} --epochs ${epochs} --rate ${rate} --seed ${seed}`;
          const result = {
            title: "Predicting accuracy from weights",
            command,
            machine: machine(),
            seed,
            population: {
              networks: dataset.size,
              accuracies: Array.from(dataset.targets),
              description: "64-32-10 ReLU networks on 8x8 digits",
              ...sizes,
            },
            rows,
            scatter,
            curves,
          };
          const experiment = join(flags.output, "experiment.json");
          const report = join(flags.output, "report.html");
          await writeFileAtomic(experiment, JSON.stringify(result));
          await writeFileAtomic(report, generalizationReport(result));
          cli.output.result({ ...result, scatter: undefined, files: { experiment, report } }, () =>
            [
              `Kendall's tau between predicted and true test accuracy of ${sizes.test} held-out networks, mean ± spread over ${counted(seeds, "seed")},`,
              `as trained and after a random reordering of every network's hidden neurons (the same functions):`,
              "",
              textTable(
                [
                  "functional",
                  "parameters",
                  "tau",
                  "tau reordered",
                  "agreement",
                  "largest change",
                  "R²",
                  "seconds",
                ],
                rows.map((row) => [
                  row.model,
                  row.parameters,
                  withSpread(row.tauMean, row.tauSpread),
                  withSpread(row.tauMovedMean, row.tauMovedSpread),
                  row.agreement.toFixed(4),
                  row.maxPredictionChange.toExponential(1),
                  row.r2Mean.toFixed(3),
                  row.seconds.toFixed(1),
                ]),
              ),
              "",
              "agreement: tau between a functional's own predictions before and after the reordering",
              `report: ${report}`,
            ].join("\n"),
          );
        }
      }
    });
};
