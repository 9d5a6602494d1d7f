// `weightspace zoo differ a b`: whether two populations of networks are the same, by permutation tests.

import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { InvalidArgumentError } from "commander";
import { FormatError } from "../../../core/errors.ts";
import type {
  ComparePopulationsOptions,
  Population,
  PopulationComparison,
  PopulationStatistic,
  PopulationTest,
} from "../../../transport/networks/compare-populations.ts";
import { partsOption, positiveNumber, seedNumber, wholeNumber } from "../../app/arguments.ts";
import type { Cli, RegisterCommand } from "../../app/context.ts";
import { readJson } from "../../../node/files.ts";
import { addOutputOption } from "../../app/output-option.ts";
import { textTable } from "../../app/output.ts";
import { UsageError } from "../../app/usage-error.ts";
import type { PlainSettings } from "../../../work/kept-settings.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";

interface DifferFlags {
  readonly statistic?: PopulationStatistic[];
  readonly permutations: number;
  readonly components: number;
  readonly seed: number;
  readonly level?: number;
  readonly output?: string;
  readonly parts?: string;
}

const names = ["sw1", "db-tsw", "energy", "mmd", "cloud-mmd"] as const;
const keptFormat = "weightspace/population-tests@1";

/** A parser of levels: below 1. */
function levelNumber(text: string): number {
  const level = positiveNumber(text);
  if (level >= 1) throw new InvalidArgumentError("Expected a number between 0 and 1, such as .05.");
  return level;
}

function statisticName(
  text: string,
  earlier: readonly PopulationStatistic[] = [],
): PopulationStatistic[] {
  const found = names.find((name) => name === text);
  if (found === undefined) throw new InvalidArgumentError(`Expected one of ${names.join(", ")}.`);
  return [...new Set([...earlier, found])];
}

/** The networks of a zoo with finite weights, the last checkpoint of every run, and a digest of all of them. */
async function readPopulation(folder: string): Promise<Population & { readonly digest: string }> {
  const { openZoo } = await import("../../../zoo/open.ts");
  const { openStore } = await import("../../../node/open-store.ts");
  const { zooDataset } = await import("../../../zoo/zoo-dataset.ts");
  const { spec, size, tensors } = await zooDataset(await openZoo(await openStore(folder)));
  const hash = createHash("sha256");
  for (const [name, { data }] of Object.entries(tensors))
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const networks = Array.from({ length: size }, (_, i) =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, { shape, data }]) => {
        const each = data.length / size;
        return [name, { shape, data: data.subarray(i * each, (i + 1) * each) }];
      }),
    ),
  );
  return { spec, networks, digest: hash.digest("hex") };
}

/** Results that a file keeps; none when it does not exist or is of other options. */
async function knownTests(path: string, key: string): Promise<readonly PopulationTest[]> {
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  if (!exists) return [];
  const kept = (await readJson(path)) as { format?: unknown; key?: unknown; tests?: unknown };
  if (kept === null || typeof kept !== "object" || kept.format !== keptFormat)
    throw new FormatError(
      `zoo differ: ${path} is not a file of results (${keptFormat}); give -o another name`,
    );
  if (kept.key !== key)
    throw new UsageError(
      `zoo differ: ${path} holds the tests of other populations or settings; give -o another name`,
    );
  const { z } = await import("zod");
  const share = z.number().positive().max(1);
  const permutations = z.int().positive();
  const test = z.object({
    statistic: z.enum(names),
    value: z.number(),
    pValue: share,
    permutations,
  });
  const tests = z.array(test).safeParse(kept.tests);
  if (tests.success) return tests.data;
  const [{ path: at, message }] = tests.error.issues;
  throw new FormatError(
    `zoo differ: ${path} is damaged (${["tests", ...at].map(String).join(".")}: ${message}); give -o another name`,
  );
}

function differText(
  { sizes, tests, pValue }: PopulationComparison,
  level: number | undefined,
): string {
  const rows = tests.map(({ statistic, value, pValue: p }) => [
    statistic,
    value.toPrecision(4),
    p.toPrecision(3),
  ]);
  const judged =
    level === undefined
      ? ""
      : pValue < level
        ? `, below ${level}: the populations differ`
        : `, not below ${level}: no difference was found`;
  const of = tests.length === 1 ? "" : `, ${tests.length} times the smallest`;
  return [
    textTable(["statistic", "value", "p-value"], rows),
    `p-value ${pValue.toPrecision(3)}${of}, ${sizes[0]} and ${sizes[1]} networks${judged}`,
  ].join("\n\n");
}

/** Relabellings of a part: minutes, for populations of thousands of networks. */
const blockSize = 10_000;

/** Blocks of relabellings in the folder of `--parts`. */
async function keptBlocks(
  settings: PlainSettings,
  parts: string | undefined,
  cli: Cli,
): Promise<ComparePopulationsOptions["blocksOf"]> {
  if (parts === undefined) return undefined;
  const { z } = await import("zod");
  const { keptUnits } = await import("../../experiments/kept-units.ts");
  const schema = z.object({
    from: z.int(),
    to: z.int(),
    value: z.number(),
    asLarge: z.int().nonnegative(),
  });
  const fromJson = (value: unknown) => schema.safeParse(value).data;
  const kept = await keptUnits({ caller: "zoo differ", settings, fromJson, parts }, cli);
  return (statistic) => {
    const unit = (from: number, to: number) => ({ name: `${statistic} ${from} ${to - 1}` });
    return {
      size: blockSize,
      read: (from, to) => kept.read(unit(from, to)),
      keep: async (block) => void (await kept.keep(unit(block.from, block.to), block)),
    };
  };
}

/** Says where so few relabellings cannot bring the p-value below the level. */
function noteLevel(cli: Cli, level: number | undefined, permutations: number, tests: number): void {
  const least = tests / (permutations + 1);
  if (level === undefined || least < level) return;
  const enough = Math.floor(tests / level);
  const of = tests === 1 ? "" : ` and ${tests} statistics`;
  cli.output.note(
    `warning: with ${permutations} relabellings${of} the p-value is at least ${Number(Math.min(1, least).toPrecision(3))}, never below ${level}; give --permutations ${enough} or more`,
  );
}

/** Runs the tests that are not kept yet and prints all of them. */
async function differ(
  cli: Cli,
  [a, b]: readonly [string, string],
  flags: DifferFlags,
): Promise<void> {
  const { comparePopulations } = await import("../../../transport/networks/compare-populations.ts");
  const [first, second] = [await readPopulation(a), await readPopulation(b)];
  const { permutations, components, seed, level, output: out } = flags;
  const statistics = flags.statistic ?? names;
  noteLevel(cli, level, permutations, statistics.length);
  const key = JSON.stringify([first.digest, second.digest, permutations, components, seed]);
  const known = out === undefined ? [] : await knownTests(out, key);
  const tests = [...known];
  const total = statistics.length * permutations;
  const task = cli.progress.task("relabelling", total, { unit: "labellings" });
  let before = known.filter(({ statistic }) => statistics.includes(statistic)).length;
  if (out === undefined && flags.parts === undefined)
    cli.hintResume("the same command begins anew; -o keeps results, and --parts their blocks");
  const blocksOf = await keptBlocks(
    { a: first.digest, b: second.digest, permutations, components, seed },
    flags.parts,
    cli,
  );
  const result = await comparePopulations(first, second, {
    statistics,
    permutations,
    components,
    seed,
    known,
    ...(blocksOf && { blocksOf }),
    signal: cli.signal,
    onPermutation: (done) => task.update(before * permutations + done),
    onResult: async (test) => {
      before++;
      tests.push(test);
      if (out === undefined) return;
      await writeFileAtomic(
        out,
        `${JSON.stringify({ format: keptFormat, key, tests }, null, 2)}\n`,
      );
    },
  });
  task.finish();
  cli.output.result({ ...result, a, b, permutations, components, seed }, () =>
    differText(result, level),
  );
  if (level !== undefined && result.pValue < level) cli.exitWith(10);
}

/** A command of `zoo`, which must be registered before. */
export const zooDifferCommand: RegisterCommand = (program, cli) => {
  const zoo = program.commands.find((command) => command.name() === "zoo");
  if (zoo === undefined) return;
  const command = zoo
    .command("differ")
    .summary("whether two populations are the same")
    .description(
      "Tests by random relabelling whether two populations of networks of one architecture differ: on features that symmetries do not change (sliced W1, Db-TSW, energy distance, MMD) and on clouds of neurons (MMD with a kernel of sliced W2). One checkpoint of every run counts, the last.",
    )
    .argument("<a>", "a zoo's folder")
    .argument("<b>", "the folder of another zoo")
    .option(
      "--statistic <name>",
      `one of ${names.join(", ")}; may repeat (default: all)`,
      statisticName,
    )
    .option("--permutations <n>", "random relabellings", wholeNumber(19, 1_000_000), 999)
    .option("--components <n>", "principal components of the features", wholeNumber(1, 100), 3)
    .option("--seed <n>", "fixes everything", seedNumber, 0)
    .option(
      ...partsOption(
        "finished block of 10,000 relabellings there, and skip what is finished there",
      ),
    )
    .option("--level <p>", "exit with 10 when the p-value is below", levelNumber);
  addOutputOption(command, "keeps each result as it ends; the same command goes on from there")
    .addHelpText(
      "after",
      "\nExit code: 0, or 10 with --level when the p-value is below it.\n\nExample:\n  weightspace zoo differ zoos/a zoos/b --level .05",
    )
    .action((a: string, b: string, flags: DifferFlags) => differ(cli, [a, b], flags));
};
