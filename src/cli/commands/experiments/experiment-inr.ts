// `weightspace experiment inr`: functionals that tell what the images show which networks are, from the networks' weights.

import { join } from "node:path";
import type { SymmetrySpec } from "../../../symmetry/types.ts";
import type { ClassRow } from "../../../experiment/classify.ts";
import type { ExperimentSettings } from "../../../experiment/settings.ts";
import type { PictureGroup } from "../../../report/picture-report.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";
import type { Cli, RegisterCommand } from "../../app/context.ts";
import { counted, textTable } from "../../app/output.ts";
import { addOutputOption, refuseExisting } from "../../app/output-option.ts";
import {
  addTrainingOptions,
  quoted,
  readSettings,
  repeatedTraining,
  type TrainingFlags,
} from "../../experiments/generalization-flags.ts";
import { phasedDataset, phasesOption, phasesText } from "../../experiments/phases-option.ts";
import {
  checkDifferent,
  openPictures,
  type PicturePopulation,
  qualityOf,
} from "../../experiments/picture-populations.ts";

interface InrFlags extends TrainingFlags {
  readonly zoo: readonly string[];
  readonly target: string;
  readonly data?: string;
  readonly phases?: number;
}

/** A row of docs/results/inr-<set>.json. */
type InrRow = Pick<PicturePopulation, "set" | "setting"> & ClassRow;

async function run(flags: InrFlags, cli: Cli): Promise<void> {
  if (flags.results !== undefined) await refuseExisting("experiment", flags.results, flags);
  const chosen = await readSettings(flags);
  if (flags.results !== undefined) await refuseExisting("experiment", flags.results, flags);
  const settings: PicturePopulation[] = [];
  for (const folder of flags.zoo) {
    const { population, ...opened } = await openPictures(folder, flags.target, cli);
    const dataset = await phasedDataset(population.dataset, flags.phases);
    settings.push({ ...opened, population: { ...population, dataset } });
  }
  checkDifferent(settings);
  const { isPartOnly, runStores } = await import("../../machines/run-store.ts");
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
        settings: { ...chosen, ...movesOf(dataset.spec) },
        fingerprint: fingerprint(dataset) + phasesText(flags.phases),
        ...(await runStores(flags, join(out, name), name)),
      },
      runClassification,
    );
    if (outcome === undefined && isPartOnly(flags, cli)) continue;
    if (outcome === undefined) return;
    rows.push(...outcome.rows.map((row) => ({ set, setting, ...row })));
  }
  if (rows.length < settings.length * chosen.models.length) return; // only parts were asked for
  await writeRows(flags, settings, rows, out, cli);
}

/** How test networks are moved beside their order. */
function movesOf({ axes }: SymmetrySpec): Pick<ExperimentSettings, "moves"> {
  const scales = Object.values(axes).map(({ scale }) => scale);
  if (scales.includes("phase")) return { moves: ["phases"] };
  return scales.includes("sign") ? { moves: ["signs"] } : {};
}

async function writeRows(
  flags: InrFlags,
  settings: readonly PicturePopulation[],
  rows: readonly InrRow[],
  out: string,
  cli: Cli,
): Promise<void> {
  const { arithmetic, codeVersion, machine } = await import("../../app/build-info.ts");
  const { resultText } = await import("../../../report/result-file.ts");
  const { classesReport } = await import("../../../report/picture-report.ts");
  const zoos = flags.zoo.map((folder) => `--zoo ${quoted(folder)}`).join(" ");
  const data = flags.data === undefined ? "" : ` --data ${quoted(flags.data)}`;
  const phases = flags.phases === undefined ? "" : ` --phases ${flags.phases}`;
  const qualities = settings.flatMap(qualityOf);
  const draft = {
    title: "What networks that are images show, told from their weights",
    command: `npx weightspace experiment inr ${zoos} --target ${flags.target}${data}${phases} ${repeatedTraining(flags)}`,
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
    ...(qualities.length > 0 && { tables: { pictures: qualities.map((row) => ({ ...row })) } }),
  };
  const files = [join(out, "inr.json"), ...(flags.results === undefined ? [] : [flags.results])];
  for (const path of files) await writeFileAtomic(path, resultText(draft, path));
  const pictures = await picturesOf(settings, flags.data, cli);
  const report = join(out, "report.html");
  const page = classesReport({ command: draft.command, rows, qualities, pictures });
  await writeFileAtomic(report, page);
  cli.output.result({ rows, files, report }, () =>
    [tableOf(rows, flags.seeds), "", `report: ${report}`].join("\n"),
  );
}

/** One network of every class of every population: its image where that is known, and what it draws. */
async function picturesOf(
  settings: readonly PicturePopulation[],
  data: string | undefined,
  cli: Cli,
): Promise<PictureGroup[]> {
  const { drawnPictures, oneOfEveryClass, taughtPictures } =
    await import("../../experiments/picture-populations.ts");
  const { originals } = await import("../../../tasks/pictures.ts");
  const { pictureSheet } = await import("../../experiments/picture-sheet.ts");
  const groups: PictureGroup[] = [];
  for (const { set, setting, zoo } of settings) {
    if (zoo === undefined) continue;
    const taught = await taughtPictures(zoo, data);
    if (taught === undefined)
      cli.output.note(
        `note: the images of ${set} are not known without --data; the report shows what networks draw`,
      );
    const shape = taught?.shape ?? [28, 28];
    const networks = oneOfEveryClass(zoo);
    const drawn = await drawnPictures(
      zoo,
      networks.map(({ index }) => index),
      shape,
    );
    const wanted =
      taught &&
      originals(
        taught,
        networks.map(({ run: image }) => image),
      );
    const caption = wanted
      ? "the images, and below them what the networks draw"
      : "what the networks draw";
    const title = `${set}, ${setting} starts`;
    const address = pictureSheet([...(wanted ? [wanted] : []), drawn], shape);
    groups.push({ title, caption, image: { caption: `${title}: ${caption}`, address } });
  }
  return groups;
}

const percent = (mean: number, std: number): string =>
  Number.isFinite(std)
    ? `${(100 * mean).toFixed(1)} ± ${(100 * std).toFixed(1)}`
    : (100 * mean).toFixed(1);

function tableOf(rows: readonly InrRow[], seeds: number): string {
  const columns = [
    "functional",
    "images",
    "starts",
    "parameters",
    "accuracy %",
    "reordered %",
    "and flipped %",
    "agreement",
  ];
  const cells = rows.map((row) => [
    row.model,
    row.set,
    row.setting,
    row.parameters,
    percent(row.accuracyMean, row.accuracyStd),
    percent(row.movedMean, row.movedStd),
    row.signsMean === undefined ? "" : percent(row.signsMean, row.signsStd ?? Number.NaN),
    row.agreementMean.toFixed(3),
  ]);
  return [
    `Share of test networks whose image is told rightly, mean ± std over ${counted(seeds, "seed")}; reordered: with the units`,
    "of each in a random order; and flipped: with random signs, or phases, too; agreement: how many are told the same before and after reordering.",
    "",
    textTable(columns, cells),
  ].join("\n");
}

export const inrCommand: RegisterCommand = (experiment, cli) => {
  const command = experiment
    .command("inr")
    .summary("tell what networks that are images show")
    .description(
      "Trains functionals that tell the class of the image that every network of a population is, from its weights alone. Populations come from the recipes pictures-digits, pictures-digits-28, pictures-fashion, pictures-fashion-mnist and their -shared and -meta versions, or from zoo import. Interrupted or killed, the same command goes on where it was.",
    )
    .requiredOption(
      "--zoo <folder>",
      "a population of such networks, may repeat: one for each way to start",
      (folder: string, before: readonly string[] | undefined) => [...(before ?? []), folder],
    )
    .option("--target <metric>", "the class to tell", "label")
    .option(
      "--data <folder>",
      "images that do not come with the package, for the report to show beside what networks draw",
    )
    .addOption(phasesOption());
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
