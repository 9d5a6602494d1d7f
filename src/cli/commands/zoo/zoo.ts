// `weightspace zoo`: builds, merges and inspects populations of trained networks.

import { availableParallelism } from "node:os";
import { type Command, Option } from "commander";
import { partsOption, seedNumber, wholeNumber } from "../../app/arguments.ts";
import { noSuchName } from "../../../core/nearest-name.ts";
import { maxNetworks } from "../../../zoo/limits.ts";
import type { ZooStore } from "../../../core/store.ts";
import type { Recipe } from "../../../zoo/recipe.ts";
import type { ZooManifest } from "../../../zoo/manifest.ts";
import { populationBackends, type PopulationBackend } from "../../../kernels/backend.ts";
import type { ZooRow } from "../../../zoo/training/run.ts";
import type { Cli, RegisterCommand } from "../../app/context.ts";
import { maxOptionBytes, readJson } from "../../../node/files.ts";
import { counted, textTable } from "../../app/output.ts";
import { addOutputOption } from "../../app/output-option.ts";
import { addImport } from "./zoo-import.ts";
import {
  addMachineOptions,
  type MachineFlags,
  machinesOf,
  openSharedStore,
} from "../../machines/options.ts";
import { UsageError } from "../../app/usage-error.ts";

interface BuildFlags extends MachineFlags {
  readonly recipe: string;
  readonly networks: number;
  readonly seed: number;
  readonly data?: string;
  readonly output: string;
  readonly workers: number;
  readonly shardSize?: number;
  readonly parts?: string;
  readonly skipParts?: boolean;
  readonly backend?: PopulationBackend;
}

const quantile = (sorted: readonly number[], q: number) =>
  sorted[Math.round(q * (sorted.length - 1))];

export const zooCommand: RegisterCommand = (program, cli) => {
  const zoo = program
    .command("zoo")
    .helpGroup("Populations:")
    .description("Builds, merges and inspects populations of trained networks.");
  addBuild(zoo, cli);
  addRecipes(zoo, cli);
  addMerge(zoo, cli);
  addImport(zoo, cli);
  addInfo(zoo, cli);
};

function addBuild(zoo: Command, cli: Cli): void {
  const command = zoo
    .command("build")
    .summary("train a population")
    .description(
      "Trains a population of small networks. Interrupted or killed, the same command goes on where it was.",
    )
    .option("--recipe <name or file>", "a recipe's name, or a recipe as JSON", "digits-mlp")
    .option(
      "--networks <n>",
      "networks to train, each leaving the recipe's number of checkpoints",
      wholeNumber(1, maxNetworks),
      1000,
    )
    .option("--seed <n>", "fixes everything", seedNumber, 0)
    .option(
      "--data <folder>",
      "images of recipes that bring none: train-images-idx3-ubyte and its three neighbours, plain or gzipped; the zoo keeps their digest",
    )
    .option("--workers <n>", "threads", wholeNumber(1), availableParallelism())
    .addOption(backendOption());
  addMachineOptions(command, "shards", "zoo merge joins the parts")
    .option("--shard-size <n>", "networks in one file and one program", wholeNumber(1))
    .option(
      ...partsOption("finished shard there; a shard that is trained again is compared with it"),
    )
    .option(
      "--skip-parts",
      "with --parts: trains no shard that has its file there; the table has its metrics, its weights stay missing",
    )
    .addHelpText(
      "after",
      "\nRecipes: zoo recipes lists them.\n\nExample:\n  weightspace zoo build --networks 2000 -o zoos/digits",
    );
  addOutputOption(command, "the zoo's folder", { value: "<folder>", required: true }).action(
    (flags: BuildFlags) => build(flags, cli),
  );
}

const backendOption = (): Option =>
  new Option(
    "--backend <name>",
    "what trains the networks; the last digits differ (default kernels for sine networks, engine for others; a zoo goes on with its own)",
  ).choices([...populationBackends]);

async function build(
  { recipe, networks, seed, output, workers, shardSize, parts, skipParts, ...flags }: BuildFlags,
  cli: Cli,
): Promise<void> {
  const { part: shard, handOut } = await machinesOf(flags);
  if (skipParts === true && parts === undefined)
    throw new UsageError("zoo build: --skip-parts needs --parts, the folder of the files to skip");
  const { parseRecipe } = await import("../../../zoo/recipe.ts");
  const { recipeNamed, recipeNames } = await import("../../../zoo/recipes.ts");
  const store = await openSharedStore(output, flags);
  const out = store.location;
  const { openStore } = await import("../../../node/open-store.ts");
  const { buildWithProgress } = await import("../../experiments/zoo-progress.ts");
  const isFile = /[./\\]/.test(recipe);
  if (!isFile && !recipeNames().includes(recipe))
    throw new UsageError(
      `zoo build: ${noSuchName("recipe", recipe, recipeNames())}, or a JSON file`,
    );
  const chosen = isFile
    ? parseRecipe(await readJson(recipe, { bytes: maxOptionBytes }))
    : recipeNamed(recipe);
  const data = await givenData(chosen, flags);
  const result = await buildWithProgress(cli, {
    recipe: chosen,
    ...(data && { data }),
    networks,
    seed,
    workers,
    store,
    ...(handOut && { handOut }),
    ...(shard !== undefined && { part: shard }),
    ...(shardSize !== undefined && { shardSize }),
    ...(flags.backend !== undefined && { backend: flags.backend }),
    ...(parts !== undefined && { parts: await openStore(parts), skipParts: skipParts === true }),
  });
  const rate = result.built / Math.max(result.seconds, 1e-9);
  const what =
    shard === undefined
      ? counted(networks, "network")
      : `part ${shard.part} of ${shard.of} of ${counted(networks, "network")}`;
  const skipped =
    result.skipped === 0
      ? ""
      : `; ${result.skipped} from parts, with metrics only: the same command without --skip-parts trains their weights`;
  cli.output.result({ zoo: out, networks, ...result, networksPerSecond: rate }, () =>
    result.built + result.skipped === 0
      ? `${out} already holds its ${what}`
      : `${out}: ${what}, ${result.built} trained in ${result.seconds.toFixed(1)} s (${formatRate(rate)} networks/s)${skipped}`,
  );
}

/** The data of a task that does not come with its own. @throws {UsageError} when they are missing, or given to another task */
async function givenData(
  { name, task }: Recipe,
  { data }: Pick<BuildFlags, "data">,
): Promise<Uint8Array | undefined> {
  const { taskEntry } = await import("../../../tasks/registry.ts");
  const { givenData: wanted } = taskEntry(task);
  if (wanted === undefined && data === undefined) return undefined;
  if (wanted === undefined)
    throw new UsageError(
      `zoo build: networks of the recipe "${name}" learn data of the package; leave --data out`,
    );
  if (data === undefined)
    throw new UsageError(`zoo build: the recipe "${name}" needs --data, ${wanted}`);
  const { readImageFolder } = await import("../../../node/image-folder.ts");
  return readImageFolder(data);
}

function addRecipes(zoo: Command, cli: Cli): void {
  zoo
    .command("recipes")
    .summary("the recipes there are")
    .description("Lists the recipes of the package and of plug-ins; with --json, whole.")
    .action(() => listRecipes(cli));
}

async function listRecipes(cli: Cli): Promise<void> {
  const { allRecipes } = await import("../../../zoo/recipes.ts");
  const recipes = Object.fromEntries(allRecipes().map((recipe) => [recipe.name, recipe]));
  const { isTask, taskEntry } = await import("../../../tasks/registry.ts");
  const { checkpointsOf } = await import("../../../zoo/recipe.ts");
  cli.output.result({ recipes }, () =>
    textTable(
      ["recipe", "networks", "checkpoints", "steps"],
      Object.values(recipes).map((recipe) => [
        recipe.name,
        isTask(recipe.task) ? taskEntry(recipe.task).summary : recipe.task,
        String(checkpointsOf(recipe)),
        recipe.steps.range.join(" to "),
      ]),
    ),
  );
}

function addMerge(zoo: Command, cli: Cli): void {
  const command = zoo
    .command("merge")
    .summary("join parts of a population")
    .description(
      "Joins the folders that `zoo build --shard i/n` wrote. Damaged shards are named and left out; zoo build on the result trains what is missing.",
    )
    .argument("<parts...>", "folders of the parts")
    .addHelpText("after", "\nExample:\n  weightspace zoo merge part1 part2 part3 -o zoos/gru");
  addOutputOption(command, "the zoo's folder", { value: "<folder>", required: true }).action(
    (parts: string[], { output }: { output: string }) => merge(parts, output, cli),
  );
}

async function merge(parts: readonly string[], out: string, cli: Cli): Promise<void> {
  const { mergeZoos } = await import("../../../zoo/merge.ts");
  const { openStore } = await import("../../../node/open-store.ts");
  const { manifest, present, missing, problems } = await mergeZoos(
    await Promise.all(parts.map((part) => openStore(part))),
    await openStore(out),
  );
  for (const { message } of problems) cli.output.note(`warning: ${message}`);
  const value = {
    zoo: out,
    networks: manifest.networks,
    present,
    missing: missing.map(({ name }) => name),
    problems: problems.map(({ message }) => message),
  };
  cli.output.result(value, () =>
    missing.length === 0
      ? `${out}: all ${counted(present, "network")}`
      : `${out}: ${present} of ${counted(manifest.networks, "network")}; ${counted(missing.length, "shard")} missing, build the zoo to train ${missing.length === 1 ? "it" : "them"}`,
  );
}

function addInfo(zoo: Command, cli: Cli): void {
  zoo
    .command("info")
    .summary("what a population holds")
    .description(
      "Prints what a population holds: recipe, spec, quantiles of accuracies, damaged shards.",
    )
    .argument("<folder>", "the zoo's folder")
    .action((folder: string) => printInfo(folder, cli));
}

/** How the target of a zoo is distributed over its networks: quantiles, counts in ten equal intervals, both as tables. */
function valuesOf(
  { metrics, target }: Pick<ZooManifest, "metrics" | "target">,
  rows: readonly Pick<ZooRow, "metrics">[],
) {
  const { unit = "", summary = target, range } = metrics.find(({ name }) => name === target) ?? {};
  const values = rows
    .map((row) => row.metrics[target])
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  const quantiles =
    values.length === 0 ? [] : [0, 0.25, 0.5, 0.75, 1].map((q) => quantile(values, q));
  const [low, high] = range ?? [values[0] ?? 0, values.at(-1) ?? 1];
  const histogram = Array.from({ length: 10 }, () => 0);
  for (const value of values)
    histogram[Math.max(0, Math.min(9, Math.floor((10 * (value - low)) / (high - low || 1))))]++;
  const title = unit === "" ? summary : `${summary} (${unit})`;
  const bounds = histogram.map((_, i) => Number((low + (i * (high - low)) / 10).toPrecision(3)));
  const tables = [
    textTable(
      [title, "min", "25 %", "median", "75 %", "max"],
      [["", ...quantiles.map((q) => q.toFixed(3))]],
    ),
    textTable(
      ["from", ...bounds.map((bound) => (range ? bound.toFixed(1) : String(bound)))],
      [["networks", ...histogram.map(String)]],
    ),
  ];
  return { quantiles, histogram, tables };
}

/** What an imported population holds. */
async function printImported(store: ZooStore, cli: Cli): Promise<void> {
  const { readImported } = await import("../../../datasets/imported.ts");
  const { specToJSON } = await import("../../../symmetry/json.ts");
  const { printSpec } = await import("../../../symmetry/print.ts");
  const { networks, metrics, target, spec } = await readImported(store);
  const rows = networks.map(({ numbers }) => ({ metrics: { [target]: numbers[target] ?? NaN } }));
  const { quantiles, histogram, tables } = valuesOf({ metrics, target }, rows);
  const value = {
    networks: networks.length,
    metrics,
    target,
    [`${target}Quantiles`]: quantiles,
    [`${target}Histogram`]: histogram,
    spec: specToJSON(spec),
  };
  cli.output.result(value, () =>
    [
      `${store.location}: ${counted(networks.length, "imported network")}`,
      ...tables,
      printSpec(spec),
    ].join("\n\n"),
  );
}

/** What a manifest says of where its networks come from, as far as it says anything. */
const originIn = ({ arithmetic, data, start }: ZooManifest) => ({
  ...(arithmetic !== undefined && { arithmetic }),
  ...(data !== undefined && { data }),
  ...(start !== undefined && { start }),
});

async function printInfo(folder: string, cli: Cli): Promise<void> {
  const { openZoo } = await import("../../../zoo/open.ts");
  const { backendOf } = await import("../../../zoo/manifest.ts");
  const { openStore } = await import("../../../node/open-store.ts");
  const { specToJSON } = await import("../../../symmetry/json.ts");
  const { printSpec } = await import("../../../symmetry/print.ts");
  const { checkpointsOf } = await import("../../../zoo/recipe.ts");
  const { importedName } = await import("../../../datasets/imported.ts");
  const { describePlugin } = await import("../../../core/plugins.ts");
  const store = await openStore(folder);
  if ((await store.list()).includes(importedName)) return printImported(store, cli);
  const { manifest, rows, problems, digest } = await openZoo(store);
  const finite = rows.filter((row) => row.finite);
  const { recipe, seed, networks, spec, target, metrics, plugins } = manifest;
  const { quantiles, histogram, tables } = valuesOf(manifest, finite);
  const checkpoints = checkpointsOf(recipe);
  const value = {
    networks,
    checkpoints,
    readable: rows.length,
    finite: finite.length,
    seed,
    digest,
    ...originIn(manifest),
    backend: backendOf(manifest),
    recipe,
    metrics,
    target,
    [`${target}Quantiles`]: quantiles,
    [`${target}Histogram`]: histogram,
    ...(plugins.length > 0 && { plugins }),
    problems: problems.map(({ message }) => message),
    spec: specToJSON(spec),
  };
  const each = checkpoints === 1 ? "" : `, ${checkpoints} checkpoints each`;
  cli.output.result(value, () =>
    [
      `${folder}: ${rows.length / checkpoints} of ${networks} networks${each}, ${finite.length} with finite weights, seed ${seed}`,
      ...tables,
      `digest: ${digest}`,
      ...(manifest.data === undefined ? [] : [`given data: ${manifest.data}`]),
      ...plugins.map((plugin) => `plug-in: ${describePlugin(plugin)}`),
      printSpec(spec),
      ...problems.map(({ message }) => `warning: ${message}`),
    ].join("\n\n"),
  );
  if (problems.length > 0) {
    const [are, them] = problems.length === 1 ? ["is", "it"] : ["are", "them"];
    cli.output.note(
      `${counted(problems.length, "shard")} ${are} damaged; build again to train ${them} anew`,
    );
  }
}

/** Networks a second, with digits where they are few. */
const formatRate = (rate: number) => (rate >= 10 ? rate.toFixed(0) : rate.toPrecision(2));
