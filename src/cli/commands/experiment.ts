// `weightspace experiment generalization`: functionals that predict accuracy from weights, compared on a population.

import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import { Option } from "commander";
import type { Contestant } from "../../experiment/settings.ts";
import { condition, positiveNumber, seedNumber, wholeNumber } from "../arguments.ts";
import type { RegisterCommand } from "../context.ts";
import { mostOptionBytes, readJson } from "../files.ts";
import { allowDamagedOption, warnOfProblems } from "../open-population.ts";
import { counted } from "../output.ts";
import { UsageError } from "../usage-error.ts";
import { writeFileAtomic } from "../write-file.ts";

interface ExperimentFlags {
  readonly zoo: string;
  readonly checkpoints: "last" | "all";
  readonly where?: Readonly<Record<string, string>>;
  readonly spec?: string;
  readonly models: string;
  readonly options?: string;
  readonly seeds: number;
  readonly seed: number;
  readonly split: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly schedule: "cosine" | "constant";
  readonly patience?: number;
  readonly tune?: number;
  readonly tuneEpochs?: number;
  readonly name?: string;
  readonly out?: string;
  readonly results?: string;
  readonly workers: number;
  readonly allowDamaged?: boolean;
}

const defaultModels = "unf,nfn,deep-sets,stat-nn,linear,mlp";

/** Three fractions from `0.7,0.1,0.2`. */
function parseSplit(text: string): [number, number, number] {
  const parts = text.split(",").map(Number);
  const total = parts.reduce((sum, part) => sum + part, 0);
  if (parts.length !== 3 || !parts.every((part) => part > 0) || total > 1 + 1e-9) {
    throw new UsageError(
      `experiment: --split expected three fractions for training, validation and test that add to at most 1, got "${text}"`,
    );
  }
  return parts as [number, number, number];
}

async function modelOptions(
  path: string | undefined,
): Promise<Record<string, Record<string, unknown>>> {
  const value = path === undefined ? {} : await readJson(path, { bytes: mostOptionBytes });
  const isRecord = (each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each);
  if (!isRecord(value) || !Object.values(value as object).every(isRecord)) {
    throw new UsageError(
      `experiment: ${path} expected options by model, as in {"unf": {"channels": [1, 16, 16]}}`,
    );
  }
  return value as Record<string, Record<string, unknown>>;
}

function settingsOf(flags: ExperimentFlags, models: readonly Contestant[]) {
  const { epochs, batchSize, rate, schedule, patience, tune, tuneEpochs, seeds, seed } = flags;
  if (tuneEpochs !== undefined && tune === undefined) {
    throw new UsageError("experiment: --tune-epochs needs --tune");
  }
  return {
    models,
    seeds,
    seed,
    split: parseSplit(flags.split),
    budget: { epochs, batchSize, rate, clipNorm: 1, schedule, patience },
    tuning: tune === undefined ? undefined : { configurations: tune, epochs: tuneEpochs ?? epochs },
  };
}

/** The command that repeats an experiment, with every option that has a say in the numbers. */
function commandOf(flags: ExperimentFlags): string {
  const quoted = (text: string) => (/^[\w./,-]+$/.test(text) ? text : `'${text}'`);
  const { zoo, models, options, seeds, seed, split, epochs, batchSize, rate } = flags;
  const { schedule, patience, tune, tuneEpochs, checkpoints, where = {}, spec } = flags;
  const { allowDamaged } = flags;
  return [
    `npx weightspace experiment generalization --zoo ${quoted(zoo)} --checkpoints ${checkpoints}`,
    ...Object.entries(where).map(([column, value]) => `--where ${quoted(`${column}=${value}`)}`),
    spec === undefined ? "" : `--spec ${quoted(spec)}`,
    allowDamaged === true ? "--allow-damaged" : "",
    `--models ${quoted(models)}`,
    options === undefined ? "" : `--options ${quoted(options)}`,
    `--seeds ${seeds} --seed ${seed} --split ${split}`,
    `--epochs ${epochs} --batch-size ${batchSize} --rate ${rate} --schedule ${schedule}`,
    patience === undefined ? "" : `--patience ${patience}`,
    tune === undefined ? "" : `--tune ${tune} --tune-epochs ${tuneEpochs ?? epochs}`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

export const experimentCommand: RegisterCommand = (program, cli) => {
  const experiment = program
    .command("experiment")
    .helpGroup("Results:")
    .description("Runs experiments on populations of trained networks.");
  experiment
    .command("generalization")
    .summary("predict accuracy from weights, model against model")
    .description(
      "Trains functionals that predict each network's test accuracy from its weights alone, and compares them on held-out networks, as they are and after a random group element acted on each. Interrupted or killed, the same command goes on where it was.",
    )
    .requiredOption("--zoo <folder>", "the population to learn from")
    .addOption(
      new Option("--checkpoints <which>", "of every run of the population")
        .choices(["last", "all"])
        .default("last"),
    )
    .option(
      "--where <column=value>",
      "only such networks of a published population, may repeat",
      condition,
    )
    .option(...allowDamagedOption)
    .option("--spec <file>", "symmetries of a published population's networks as JSON")
    .option(
      "--models <list>",
      "unf, unf-hybrid, unf-shared, nfn-np, nfn-hnp, nfn (both), deep-sets, stat-nn, linear, flat-mlp or mlp, separated by commas",
      defaultModels,
    )
    .option(
      "--options <file>",
      'options by model as JSON: {"unf": {"channels": [1, 16, 16]}}; {"wide": {"model": "unf", ...}} makes a variant for --models wide',
    )
    .option("--seeds <n>", "training runs per model", wholeNumber(1), 5)
    .option("--seed <n>", "fixes split, group elements and every run", seedNumber, 0)
    .option("--split <a,b,c>", "shares of the runs for training, validation, test", "0.7,0.1,0.2")
    .option("--epochs <n>", "passes over the training networks", wholeNumber(1), 30)
    .option("--batch-size <n>", "networks per step", wholeNumber(1), 16)
    .option("--rate <x>", "peak learning rate", positiveNumber, 3e-3)
    .addOption(
      new Option("--schedule <name>", "of the learning rate")
        .choices(["cosine", "constant"])
        .default("cosine"),
    )
    .option("--patience <n>", "epochs without a better validation tau", wholeNumber(1))
    .option("--tune <k>", "configurations to try for every model", wholeNumber(1, 9))
    .option("--tune-epochs <n>", "passes of each of them; default as --epochs", wholeNumber(1))
    .option("--name <text>", "of the population; default the folder's name")
    .option("-o, --out <folder>", "of runs, results and report; default runs/generalization-<name>")
    .option("--results <file>", "also write the tables alone, as committed to docs/results")
    .option("--workers <n>", "threads", wholeNumber(1), availableParallelism())
    .addHelpText(
      "after",
      "\nExample:\n  weightspace experiment generalization --zoo zoos/gru --models unf,stat-nn --seeds 5",
    )
    .action(async (flags: ExperimentFlags) => {
      const { chooseModels, contestantNames } = await import("../../experiment/choose-models.ts");
      const names = flags.models.split(",").map((each) => each.trim());
      const options = await modelOptions(flags.options);
      const unknown = names.find(
        (each) => !contestantNames.includes(each) && !Object.hasOwn(options, each),
      );
      if (unknown !== undefined) {
        throw new UsageError(
          `experiment: unknown model "${unknown}"; choose from ${contestantNames.join(", ")}`,
        );
      }
      const settings = settingsOf(flags, chooseModels(names, options));
      const { seeds, seed } = flags;
      const { openPopulation } = await import("../open-population.ts");
      const { folderStore } = await import("../fs-store.ts");
      const { fingerprint } = await import("../fingerprint.ts");
      const { runWithProgress } = await import("../run-with-progress.ts");
      const { compactResult, experimentTables } = await import("../experiment-output.ts");
      const { codeVersion, machine } = await import("../provenance.ts");
      const { generalizationReport } = await import("../../report/generalization-report.ts");

      const population = await openPopulation(flags.zoo, flags);
      warnOfProblems(population, cli.output);
      const { dataset, description, counts } = population;
      const name = flags.name ?? basename(resolve(flags.zoo));
      const out = flags.out ?? join("runs", `generalization-${name}`);
      const outcome = await runWithProgress(cli, {
        dataset,
        settings,
        fingerprint: fingerprint(dataset),
        store: folderStore(join(out, "runs")),
        workers: flags.workers,
      });
      if (outcome === undefined) return;
      const { sizes, ...results } = outcome;
      const runs = dataset.groups === undefined ? dataset.size : new Set(dataset.groups).size;
      const result = {
        title: `Predicting accuracy from weights: ${name}`,
        command: commandOf(flags),
        commit: await codeVersion(),
        machine: machine(),
        seed,
        population: {
          name,
          networks: dataset.size,
          runs,
          accuracies: Array.from(dataset.targets),
          description,
          ...(Object.values(counts).some((count) => count > 0) && { leftOut: counts }),
          ...sizes,
        },
        ...results,
      };
      const files = {
        experiment: join(out, "experiment.json"),
        report: join(out, "report.html"),
        ...(flags.results !== undefined && { results: flags.results }),
      };
      const compact = compactResult(result, settings);
      await writeFileAtomic(files.experiment, JSON.stringify(result));
      await writeFileAtomic(files.report, generalizationReport(result));
      if (flags.results !== undefined) {
        await writeFileAtomic(flags.results, `${JSON.stringify(compact, null, 2)}\n`);
      }
      cli.output.result({ ...compact, files }, () =>
        [
          `Kendall's tau between predicted and true accuracy of ${counted(sizes.test, "held-out network")}, mean ± spread over ${counted(seeds, "seed")},`,
          "with the 95 % interval over test networks; reordered: after a random group element acted on each of them.",
          "",
          experimentTables(result),
          "",
          `report: ${files.report}`,
        ].join("\n"),
      );
    });
};
