// `weightspace experiment inr`: functionals that tell what the images show which networks are, from the networks' weights.

import { join } from "node:path";
import type { ClassRow } from "../../../experiment/classify.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";
import type { Cli, RegisterCommand } from "../../app/context.ts";
import { counted, textTable } from "../../app/output.ts";
import { addOutputOption, refuseExisting } from "../../app/output-option.ts";
import { UsageError } from "../../app/usage-error.ts";
import {
  addTrainingOptions,
  quoted,
  readSettings,
  repeatedTraining,
  type TrainingFlags,
} from "../../experiments/generalization-flags.ts";
import type { OpenedPopulation } from "../../experiments/open-population.ts";

interface InrFlags extends TrainingFlags {
  readonly zoo: readonly string[];
  readonly target: string;
}

/** One population of images and how its networks started. */
interface Setting {
  readonly folder: string;
  /** The images: `digits`, `fashion`. */
  readonly set: string;
  readonly setting: "random" | "shared";
  readonly population: OpenedPopulation;
}

/** A row of docs/results/inr-<set>.json. */
type InrRow = Pick<Setting, "set" | "setting"> & ClassRow;

async function openSetting(folder: string, target: string, cli: Cli): Promise<Setting> {
  const { openPopulation, warnOfProblems } = await import("../../experiments/open-population.ts");
  const { openZoo } = await import("../../../zoo/open.ts");
  const { openStore } = await import("../../../node/open-store.ts");
  const population = await openPopulation(folder, { checkpoints: "last", target });
  warnOfProblems(population, cli.output);
  const { recipe } = (await openZoo(await openStore(folder))).manifest;
  return {
    folder,
    set: recipe.task.replace(/^pictures-/, ""),
    setting: recipe.start === "shared" ? "shared" : "random",
    population,
  };
}

/** @throws {UsageError} when two populations would be one line of the table */
function checkDifferent(settings: readonly Setting[]): void {
  const key = ({ set, setting }: Setting) => `${set}-${setting}`;
  const again = settings.find(
    (one, i) => settings.findIndex((other) => key(other) === key(one)) < i,
  );
  if (again !== undefined)
    throw new UsageError(
      `experiment: two populations are ${again.set} with ${again.setting} starts, ${again.folder} among them; give each kind once`,
    );
}

async function run(flags: InrFlags, cli: Cli): Promise<void> {
  if (flags.results !== undefined) await refuseExisting("experiment", flags.results, flags);
  const chosen = await readSettings(flags);
  if (flags.results !== undefined) await refuseExisting("experiment", flags.results, flags);
  const settings: Setting[] = [];
  for (const folder of flags.zoo) settings.push(await openSetting(folder, flags.target, cli));
  checkDifferent(settings);
  const { isPartOnly, runStores } = await import("../../experiments/run-store.ts");
  const { fingerprint } = await import("../../experiments/dataset-digest.ts");
  const { runClassification } = await import("../../../node/run-experiment.ts");
  const { followRuns } = await import("../../app/run-with-progress.ts");
  const out = flags.output ?? join("runs", "inr");
  const rows: InrRow[] = [];
  for (const { set, setting, population } of settings) {
    const name = `${set}-${setting}`;
    const { dataset } = population;
    cli.output.note(`${set}, ${setting} starts: ${counted(dataset.size, "network")}`);
    const outcome = await followRuns(
      cli,
      {
        dataset,
        settings: chosen,
        fingerprint: fingerprint(dataset),
        ...(await runStores(flags, join(out, name), name)),
      },
      runClassification,
    );
    if (outcome === undefined && isPartOnly(flags, cli)) continue;
    if (outcome === undefined) return;
    rows.push(...outcome.rows.map((row) => ({ set, setting, ...row })));
  }
  if (rows.length < settings.length * chosen.models.length) return; // only parts were asked for
  await writeRows(flags, settings, rows, join(out, "inr.json"), cli);
}

async function writeRows(
  flags: InrFlags,
  settings: readonly Setting[],
  rows: readonly InrRow[],
  file: string,
  cli: Cli,
): Promise<void> {
  const { arithmetic, codeVersion, machine } = await import("../../app/build-info.ts");
  const { resultText } = await import("../../../report/result-file.ts");
  const zoos = flags.zoo.map((folder) => `--zoo ${quoted(folder)}`).join(" ");
  const draft = {
    title: "What networks that are images show, told from their weights",
    command: `npx weightspace experiment inr ${zoos} --target ${flags.target} ${repeatedTraining(flags)}`,
    commit: await codeVersion(),
    machine: machine(),
    arithmetic: arithmetic(),
    seed: flags.seed,
    about: {
      networks: Object.fromEntries(
        settings.map(({ set, setting, population }) => [
          `${set}-${setting}`,
          population.dataset.size,
        ]),
      ),
    },
    rows: rows.map(({ agreementMean, secondsMean, ...row }) => ({
      ...row,
      agreement: agreementMean,
      seconds: secondsMean,
    })),
  };
  const files = [file, ...(flags.results === undefined ? [] : [flags.results])];
  for (const path of files) await writeFileAtomic(path, resultText(draft, path));
  cli.output.result({ rows, files }, () => tableOf(rows, flags.seeds));
}

const percent = (share: number): string => (100 * share).toFixed(1);

function tableOf(rows: readonly InrRow[], seeds: number): string {
  const columns = [
    "functional",
    "images",
    "starts",
    "parameters",
    "accuracy %",
    "moved %",
    "agreement",
  ];
  const cells = rows.map((row) => [
    row.model,
    row.set,
    row.setting,
    row.parameters,
    `${percent(row.accuracyMean)} ± ${percent(row.accuracyStd)}`,
    `${percent(row.movedMean)} ± ${percent(row.movedStd)}`,
    row.agreementMean.toFixed(3),
  ]);
  return [
    `Share of test networks whose image is told rightly, mean ± std over ${counted(seeds, "seed")}; moved: after a random`,
    "group element acted on each of them; agreement: how many of them are told the same before and after.",
    "",
    textTable(columns, cells),
  ].join("\n");
}

export const inrCommand: RegisterCommand = (experiment, cli) => {
  const command = experiment
    .command("inr")
    .summary("tell what networks that are images show")
    .description(
      "Trains functionals that tell the class of the image that every network of a population is, from its weights alone. Populations come from the recipes pictures-digits, pictures-fashion and their -shared versions. Interrupted or killed, the same command goes on where it was.",
    )
    .requiredOption(
      "--zoo <folder>",
      "a population of such networks, may repeat: one for each way to start",
      (folder: string, before: readonly string[] | undefined) => [...(before ?? []), folder],
    )
    .option("--target <metric>", "the class to tell", "label");
  addOutputOption(
    addTrainingOptions(command, cli, "unf-hybrid,unf,nfn-np,deep-sets,stat-nn,flat-mlp,probes"),
    "of runs and results; default runs/inr",
    { value: "<folder>" },
  )
    .addHelpText(
      "after",
      "\nExample:\n  weightspace experiment inr --zoo zoos/digits --zoo zoos/digits-shared --seeds 3",
    )
    .action((flags: InrFlags) => run(flags, cli));
};
