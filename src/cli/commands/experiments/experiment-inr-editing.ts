// `weightspace experiment inr-editing`: functionals that change the weights of networks that are images, so that they draw edited images.

import { join } from "node:path";
import { availableParallelism } from "node:os";
import { Option } from "commander";
import type { Edit } from "../../../datasets/image-edits.ts";
import type { EditData, EditRow, editorMaps } from "../../../experiment/editing.ts";
import type { ExperimentSettings } from "../../../experiment/settings.ts";
import type { PictureGroup } from "../../../report/picture-report.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";
import type { Pictures } from "../../../tasks/pictures.ts";
import { partsOption, positiveNumber, seedNumber, wholeNumber } from "../../app/arguments.ts";
import type { Cli, RegisterCommand } from "../../app/context.ts";
import type { ZooStore } from "../../../core/store.ts";
import {
  addMachineOptions,
  joinRuns,
  type MachineFlags,
  storeOption,
} from "../../machines/options.ts";
import { counted, textTable } from "../../app/output.ts";
import { addOutputOption, forceResults, refuseExisting } from "../../app/output-option.ts";
import { UsageError } from "../../app/usage-error.ts";
import { repeatedArithmetic } from "../../app/arithmetic.ts";
import { parseSplit, quoted } from "../../experiments/generalization-flags.ts";
import { openPictures, taughtPictures } from "../../experiments/picture-populations.ts";

interface EditingFlags extends MachineFlags {
  readonly zoo: string;
  readonly data?: string;
  readonly edits: string;
  readonly maps: string;
  readonly outputs: string;
  readonly hidden: string;
  readonly seeds: number;
  readonly seed: number;
  readonly split: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly rate: number;
  readonly output?: string;
  readonly parts?: string;
  readonly store?: string;
  readonly results?: string;
  readonly force?: boolean;
  readonly workers: number;
}

type EditingRow = EditRow & { readonly set: string; readonly edit: string };

/** Names of a list, each one of some. @throws {UsageError} */
function namesIn<Name extends string>(
  option: string,
  text: string,
  known: readonly Name[],
): readonly Name[] {
  const names = [...new Set(text.split(",").map((each) => each.trim()))];
  const isKnown = (name: string): name is Name => (known as readonly string[]).includes(name);
  const wrong = names.find((name) => !isKnown(name));
  if (wrong !== undefined)
    throw new UsageError(
      `experiment: ${option} expected names of ${known.join(", ")}, separated by commas, got "${wrong}"`,
    );
  return names.filter(isKnown);
}

/** Whole numbers of a list. @throws {UsageError} */
function numbersIn(option: string, text: string, most: number): number[] {
  const numbers = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (numbers.every((value) => Number.isInteger(value) && value >= 1 && value <= most))
    return numbers;
  throw new UsageError(
    `experiment: ${option} expected whole numbers from 1 to ${most}, separated by commas, got "${text}"`,
  );
}

/** What the flags ask for, checked. */
interface Wanted {
  readonly edits: readonly Edit[];
  readonly maps: readonly (typeof editorMaps)[number][];
  readonly outputs: readonly number[];
  readonly hidden: readonly number[];
  readonly settings: Omit<ExperimentSettings, "models">;
}

async function readWanted(flags: EditingFlags): Promise<Wanted> {
  const { imageEdits } = await import("../../../datasets/image-edits.ts");
  const { editorMaps: maps } = await import("../../../experiment/editing.ts");
  const { seeds, seed, epochs, batchSize, rate } = flags;
  return {
    edits: namesIn("--edits", flags.edits, Object.keys(imageEdits) as Edit[]),
    maps: namesIn("--maps", flags.maps, maps),
    outputs: [...new Set(numbersIn("--outputs", flags.outputs, 64))],
    hidden: numbersIn("--hidden", flags.hidden, 4096),
    settings: {
      seeds,
      seed,
      split: parseSplit(flags.split),
      budget: { epochs, batchSize, rate, clipNorm: 1, schedule: "cosine" },
    },
  };
}

async function run(flags: EditingFlags, cli: Cli): Promise<void> {
  if (flags.results !== undefined) await refuseExisting("experiment", flags.results, flags);
  const { editData, editorEntry } = await import("../../../experiment/editing.ts");
  const wanted = await readWanted(flags);
  const opened = await openPictures(flags.zoo, "label", cli);
  const { zoo, population, set, setting } = opened;
  const images = zoo && (await taughtPictures(zoo, flags.data));
  if (zoo === undefined || images === undefined)
    throw new UsageError(
      `experiment: the images that the networks of ${flags.zoo} were taught are not known; give a zoo of the pictures tasks, and --data where it was built with it`,
    );
  const { isPartOnly, runStores } = await import("../../machines/run-store.ts");
  const { fingerprint } = await import("../../experiments/dataset-digest.ts");
  const { runEditing } = await import("../../../node/run-experiment.ts");
  const { followRuns } = await import("../../app/run-with-progress.ts");
  const out = flags.output ?? join("runs", "inr-editing");
  const rows: EditingRow[] = [];
  const unedited: Record<string, number> = {};
  const pictures: PictureGroup[] = [];
  const positions = population.dataset.groups ?? [];
  for (const edit of wanted.edits) {
    const data = editData(population.dataset, images, positions, edit);
    const models = wanted.maps.flatMap((map) =>
      wanted.outputs.map((outputs) =>
        editorEntry({ map, outputs, hidden: wanted.hidden }, data, wanted.settings, images.shape),
      ),
    );
    const name = `${set}-${setting}-${edit}`;
    cli.output.note(`${edit}: ${counted(data.edited.size, "network")}`);
    const stores = await runStores(flags, join(out, name), name);
    const outcome = await followRuns(
      cli,
      {
        dataset: data.edited,
        settings: { ...wanted.settings, models },
        fingerprint: fingerprint(data.edited),
        ...stores,
      },
      (options) => runEditing({ ...options, unedited: data.unedited }),
    );
    if (outcome === undefined && isPartOnly(flags, cli)) continue;
    if (outcome === undefined) return;
    rows.push(...outcome.rows.map((row) => ({ set, edit, ...row })));
    unedited[edit] = outcome.unedited;
    const names = models.map((model) => model.name);
    pictures.push(await editedPictures(stores.store, names, edit, data, images, wanted));
  }
  if (pictures.length < wanted.edits.length) return; // only parts were asked for
  await writeResults(flags, { rows, unedited, pictures, setting }, out, cli);
}

/** Test networks shown in reports. */
const shown = 12;

/** Some test images, what networks draw of them, what editors of the first seed make of them, and what was asked for. */
async function editedPictures(
  store: ZooStore,
  names: readonly string[],
  edit: string,
  { edited, unedited }: EditData,
  { shape }: Pictures,
  { settings: { split, seed } }: Wanted,
): Promise<PictureGroup> {
  const { splitDataset, subset } = await import("../../../train/dataset.ts");
  const { deriveSeed } = await import("../../../core/random.ts");
  const { loadFunctional } = await import("../../functionals/functional-file.ts");
  const { pictureSheet } = await import("../../experiments/picture-sheet.ts");
  const { drawWeights } = await import("../../experiments/picture-populations.ts");
  const few = (dataset: EditData["edited"]) => {
    const [, , test] = splitDataset(dataset, split, deriveSeed(seed, "split"));
    return subset(
      test,
      Array.from({ length: Math.min(shown, test.size) }, (_, i) => i),
    );
  };
  const [wanted, plain] = [few(edited), few(unedited)];
  const pixels = wanted.targets.length / wanted.size;
  const rowOf = (values: Float32Array) =>
    Array.from({ length: wanted.size }, (_, i) =>
      values.slice(i * pixels, (i + 1) * pixels).map((value) => 2 * value - 1),
    );
  const rows = [rowOf(plain.targets), await drawWeights(plain, shape)];
  const labels = ["the images", "what the networks draw"];
  for (const name of names) {
    const file = `${name}-0.safetensors`;
    const bytes = await store.read(file);
    if (bytes === undefined) continue; // runs that came from parts have no checkpoint
    const functional = await loadFunctional(bytes, file);
    rows.push(rowOf(await functional.predict(wanted)));
    functional.dispose();
    labels.push(name);
  }
  rows.push(rowOf(wanted.targets));
  labels.push("the edited images that were asked for");
  const caption = `from above: ${labels.join(", ")}`;
  const address = pictureSheet(rows, shape);
  return { title: edit, caption, image: { caption: `${edit}: ${caption}`, address } };
}

interface Results {
  readonly rows: readonly EditingRow[];
  readonly unedited: Readonly<Record<string, number>>;
  readonly pictures: readonly PictureGroup[];
  readonly setting: string;
}

async function writeResults(
  flags: EditingFlags,
  { rows, unedited, pictures, setting }: Results,
  out: string,
  cli: Cli,
): Promise<void> {
  const { arithmetic, codeVersion, machine } = await import("../../app/build-info.ts");
  const { resultText } = await import("../../../report/result-file.ts");
  const { editingReport } = await import("../../../report/picture-report.ts");
  const { zoo, data, seeds, seed, split, epochs, batchSize, rate } = flags;
  const draft = {
    title: "Editing networks that are images in weight space",
    command: [
      `npx weightspace experiment inr-editing --zoo ${quoted(zoo)}`,
      data === undefined ? "" : `--data ${quoted(data)}`,
      `--edits ${flags.edits} --maps ${flags.maps} --outputs ${flags.outputs} --hidden ${flags.hidden}`,
      `--seeds ${seeds} --seed ${seed} --split ${split} --epochs ${epochs} --batch-size ${batchSize} --rate ${rate}`,
      repeatedArithmetic(),
    ]
      .filter((part) => part !== "")
      .join(" "),
    commit: await codeVersion(),
    machine: machine(),
    arithmetic: arithmetic(),
    seed,
    about: { starts: setting, unedited },
    rows: rows.map(({ secondsMean, ...row }) => ({ ...row, seconds: secondsMean })),
  };
  const files = [
    join(out, "inr-editing.json"),
    ...(flags.results === undefined ? [] : [flags.results]),
  ];
  for (const path of files) await writeFileAtomic(path, resultText(draft, path));
  const report = join(out, "report.html");
  const page = editingReport({ command: draft.command, rows, unedited, pictures });
  await writeFileAtomic(report, page);
  cli.output.result({ rows, unedited, files, report }, () =>
    [tableOf(rows, unedited, seeds), "", `report: ${report}`].join("\n"),
  );
}

function tableOf(
  rows: readonly EditingRow[],
  unedited: Readonly<Record<string, number>>,
  seeds: number,
): string {
  const number = (value: number) => value.toPrecision(3);
  const cells = rows.map((row) => [
    row.model,
    row.outputs,
    row.edit,
    row.parameters,
    Number.isFinite(row.mseStd)
      ? `${number(row.mseMean)} ± ${number(row.mseStd)}`
      : number(row.mseMean),
    number(row.movedMean),
  ]);
  const before = Object.entries(unedited).map(([edit, value]) => `${edit} ${number(value)}`);
  return [
    `Mean squared error of test images, brightness from 0 to 1, mean ± std over ${counted(seeds, "seed")}; reordered: with the units of`,
    `each network in a random order. Images that are not edited at all: ${before.join(", ")}.`,
    "",
    textTable(["map", "outputs", "edit", "parameters", "error", "reordered"], cells),
  ].join("\n");
}

export const inrEditingCommand: RegisterCommand = (experiment, cli) => {
  const command = experiment
    .command("inr-editing")
    .summary("edit networks that are images")
    .description(
      "Trains functionals that change the weights of networks that are images, so that they draw thicker or brighter images. With several outputs, as many changed networks are drawn and averaged; their maps are narrower, so that parameters do not grow. Interrupted or killed, the same command goes on where it was.",
    )
    .requiredOption("--zoo <folder>", "a population of such networks")
    .option("--data <folder>", "its images, where they do not come with the package")
    .option("--edits <list>", "dilate, contrast", "dilate,contrast")
    .option("--maps <list>", "nfn-np, nfn-hnp, unf", "nfn-np,nfn-hnp,unf")
    .option("--outputs <list>", "changed networks for each network", "1,8")
    .option("--hidden <list>", "widths of the map's hidden layers, with one output", "16,16")
    .option("--seeds <n>", "training runs per map", wholeNumber(1), 3)
    .option("--seed <n>", "fixes split, group elements and every run", seedNumber, 0)
    .option(
      "--split <a,b,c>",
      "shares of the networks for training, validation, test",
      "0.8,0.1,0.1",
    )
    .option("--epochs <n>", "passes over the training networks", wholeNumber(1), 20)
    .option("--batch-size <n>", "networks per step", wholeNumber(1), 16)
    .option("--rate <x>", "peak learning rate", positiveNumber, 3e-3)
    .option(...partsOption("finished run there, and skip what is finished there"))
    .option("--results <file>", "also write the tables alone, as committed to docs/results")
    .addOption(new Option("--force", forceResults))
    .option("--workers <n>", "threads", wholeNumber(1), availableParallelism())
    .option(...storeOption);
  addMachineOptions(command, "runs", joinRuns);
  addOutputOption(command, "of runs and results; default runs/inr-editing", { value: "<folder>" })
    .addHelpText(
      "after",
      "\nExample:\n  weightspace experiment inr-editing --zoo zoos/pictures --outputs 1,8",
    )
    .action((flags: EditingFlags) => run(flags, cli));
};
