// `weightspace experiment inr-retrieval`: functionals that learn without labels which networks show the same kind of thing.

import { join } from "node:path";
import type { RetrievalOutcome, RetrievalRow } from "../../../experiment/retrieval.ts";
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
import {
  checkDifferent,
  drawWeights,
  openPictures,
  type PicturePopulation,
} from "../../experiments/picture-populations.ts";

interface RetrievalFlags extends TrainingFlags {
  readonly zoo: readonly string[];
}

/** Pixels along each side of the drawings that are made coarse. */
const side = 28;

type Row = RetrievalRow & Pick<PicturePopulation, "set" | "setting">;
type Baselines = Readonly<Record<string, RetrievalOutcome["baselines"]>>;

async function run(flags: RetrievalFlags, cli: Cli): Promise<void> {
  if (flags.results !== undefined) await refuseExisting("experiment", flags.results, flags);
  const settings = await readSettings(flags);
  const populations: PicturePopulation[] = [];
  for (const folder of flags.zoo) populations.push(await openPictures(folder, "label", cli));
  checkDifferent(populations);
  const { isPartOnly, runStores } = await import("../../machines/run-store.ts");
  const { fingerprint } = await import("../../experiments/dataset-digest.ts");
  const { retrievalData } = await import("../../../experiment/retrieval.ts");
  const { runRetrieval } = await import("../../../node/run-experiment.ts");
  const { followRuns } = await import("../../app/run-with-progress.ts");
  const out = flags.output ?? join("runs", "inr-retrieval");
  const rows: Row[] = [];
  const baselines: Record<string, RetrievalOutcome["baselines"]> = {};
  for (const { folder, set, setting, population, zoo } of populations) {
    if (zoo === undefined)
      throw new UsageError(
        `experiment: ${folder} is an imported population, whose networks are not drawn here; give a zoo of the pictures tasks`,
      );
    const name = `${set}-${setting}`;
    const { targets, size } = population.dataset;
    const classes = targets.length / size;
    const labels = Array.from({ length: size }, (_, i) =>
      targets.subarray(i * classes, (i + 1) * classes).indexOf(1),
    );
    const drawings = await drawWeights(population.dataset, [side, side]);
    const dataset = retrievalData(population.dataset, drawings, [side, side]);
    cli.output.note(`${set}, ${setting} starts: ${counted(size, "network")}`);
    const outcome = await followRuns(
      cli,
      {
        dataset,
        settings,
        fingerprint: fingerprint(dataset),
        ...(await runStores(flags, join(out, name), name)),
      },
      (options) => runRetrieval({ ...options, labels }),
    );
    if (outcome === undefined && isPartOnly(flags, cli)) continue;
    if (outcome === undefined) return;
    rows.push(...outcome.rows.map((row) => ({ set, setting, ...row })));
    baselines[name] = outcome.baselines;
  }
  if (Object.keys(baselines).length < populations.length) return; // only parts were asked for
  await writeResults(flags, rows, baselines, out, cli);
}

async function writeResults(
  flags: RetrievalFlags,
  rows: readonly Row[],
  baselines: Baselines,
  out: string,
  cli: Cli,
): Promise<void> {
  const { arithmetic, codeVersion, machine } = await import("../../app/build-info.ts");
  const { resultText } = await import("../../../report/result-file.ts");
  const zoos = flags.zoo.map((folder) => `--zoo ${quoted(folder)}`).join(" ");
  const draft = {
    title: "Finding networks that show the same, learnt without labels",
    command: `npx weightspace experiment inr-retrieval ${zoos} ${repeatedTraining(flags)}`,
    commit: await codeVersion(),
    machine: machine(),
    arithmetic: arithmetic(),
    seed: flags.seed,
    about: { baselines },
    rows: rows.map((row) => ({ ...row })),
  };
  const files = [
    join(out, "inr-retrieval.json"),
    ...(flags.results === undefined ? [] : [flags.results]),
  ];
  for (const path of files) await writeFileAtomic(path, resultText(draft, path));
  cli.output.result({ rows, baselines, files }, () => tableOf(rows, baselines, flags.seeds));
}

const percent = (mean: number, std = Number.NaN): string =>
  Number.isFinite(std)
    ? `${(100 * mean).toFixed(1)} ± ${(100 * std).toFixed(1)}`
    : (100 * mean).toFixed(1);

function tableOf(rows: readonly Row[], baselines: Baselines, seeds: number): string {
  const lines = rows.map((row) => [
    row.model,
    row.set,
    row.setting,
    percent(row.precisionMean, row.precisionStd),
    percent(row.movedMean, row.movedStd),
  ]);
  const others = Object.entries(baselines).flatMap(([name, { weights, drawings, chance }]) => {
    const at = name.lastIndexOf("-");
    const place = [name.slice(0, at), name.slice(at + 1)];
    return [
      ["(coarse drawings)", ...place, percent(drawings), ""],
      ["(weights)", ...place, percent(weights), ""],
      ["(chance)", ...place, percent(chance), ""],
    ];
  });
  return [
    `Share of the five nearest test networks that show the same class, mean ± std over ${counted(seeds, "seed")}; reordered: with the`,
    "units of the network that is looked up in a random order. No functional saw a label.",
    "",
    textTable(
      ["functional", "images", "starts", "same class %", "reordered %"],
      [...lines, ...others],
    ),
  ].join("\n");
}

export const inrRetrievalCommand: RegisterCommand = (experiment, cli) => {
  const command = experiment
    .command("inr-retrieval")
    .summary("find networks that show the same, without labels")
    .description(
      "Trains functionals that tell from the weights what a network draws, coarsely, and looks for the nearest test networks by what they tell. Labels are used at the end only, to count how many show the same class. Interrupted or killed, the same command goes on where it was.",
    )
    .requiredOption(
      "--zoo <folder>",
      "a population of networks that are images, may repeat: one for each way to start",
      (folder: string, before: readonly string[] | undefined) => [...(before ?? []), folder],
    );
  addOutputOption(
    addTrainingOptions(command, cli, "unf-hybrid,unf,nfn-np,deep-sets,stat-nn,flat-mlp"),
    "of runs and results; default runs/inr-retrieval",
    { value: "<folder>" },
  )
    .addHelpText(
      "after",
      "\nExample:\n  weightspace experiment inr-retrieval --zoo zoos/digits --seeds 3",
    )
    .action((flags: RetrievalFlags) => run(flags, cli));
};
