// `weightspace optimizer evaluate` and `demo`: learned and hand-made optimizers side by side, with a report.

import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Command } from "commander";
import { noSuchName } from "../../../core/nearest-name.ts";
import { readBytes } from "../../../node/files.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";
import type { NamedOptimizer } from "../../../optimizers/evaluate/evaluation-list.ts";
import type { EvaluationUnit } from "../../../optimizers/evaluate/evaluate.ts";
import type { OptimizerResult } from "../../../optimizers/evaluate/rows.ts";
import { partsOption, seedNumber, wholeNumber } from "../../app/arguments.ts";
import { codeVersion, machine } from "../../app/build-info.ts";
import type { Cli } from "../../app/context.ts";
import { addMachineOptions, type MachineFlags } from "../../machines/options.ts";
import { textTable } from "../../app/output.ts";
import {
  addForceOption,
  addOutputOption,
  checkPageName,
  refuseExisting,
} from "../../app/output-option.ts";
import { UsageError } from "../../app/usage-error.ts";

/** What is compared, where, and for how long. */
interface EvaluateFlags extends MachineFlags {
  readonly task?: string;
  readonly against: string;
  readonly tune?: string;
  readonly seeds: number;
  readonly steps: number;
  readonly points: number;
  readonly seed: number;
  readonly data?: string;
  readonly report?: string;
  readonly parts?: string;
  readonly store?: string;
  readonly output: string;
  readonly force?: boolean;
}

export function addOptimizerEvaluate(optimizer: Command, cli: Cli): void {
  const command = optimizer
    .command("evaluate")
    .summary("measure optimizers beside tuned Adam")
    .description(
      "Trains networks with learned optimizers (files of theta, run folders) and with hand-made ones, each tuned over 20 rates, and tells how many steps each needs until Adam's best test loss. Interrupted, the same command goes on where it was.",
    )
    .argument(
      "[theta...]",
      "files of theta, folders of runs, or names that come with the package; NAME=FILE names one",
    )
    .option("--against <names>", "hand-made optimizers, with commas", "adam,adamw,sgdm")
    .option(
      "--tune <names>",
      "learned optimizers whose steps have one of 20 lengths, chosen as rates are, with commas",
    )
    .option("--task <name>", "the inner task (default: that of the first theta)")
    .option("--seeds <n>", "runs of each", wholeNumber(1, 1000), 5)
    .option("--steps <n>", "steps of a run", wholeNumber(1), 2000)
    .option("--points <n>", "test losses of a run", wholeNumber(1), 40)
    .option("--seed <n>", "fixes everything", seedNumber, 0)
    .option("--data <folder>", "IDX files of images in place of the package's own")
    .option("--report <file.html>", "a report with curves")
    .option(...partsOption("finished optimizer there, and skip what is finished there"))
    .option(
      "--store <place>",
      "where finished optimizers are kept, a folder or s3://bucket/prefix; default beside the figures",
    );
  addMachineOptions(
    command,
    "optimizers",
    "with the same --store or --parts, the same command without it joins them",
  );
  const written = addOutputOption(command, "figures as JSON, beside them what is finished", {
    value: "<file.json>",
    fallback: "runs/optimizers/figures.json",
  });
  addForceOption(written).action((thetas: string[], flags: EvaluateFlags) =>
    runEvaluate(thetas, flags, cli),
  );
}

/** `optimizer evaluate`: its figures are single files, unlike the folder of the demo. */
async function runEvaluate(
  thetas: readonly string[],
  flags: EvaluateFlags,
  cli: Cli,
): Promise<void> {
  for (const path of [flags.output, flags.report])
    if (path !== undefined) await refuseExisting("optimizer evaluate", path, flags);
  if (flags.report !== undefined) checkPageName("optimizer evaluate", flags.report);
  await evaluate(thetas, flags, cli);
}

/** A theta by name, file, or folder of a run. */
async function openEntry(text: string): Promise<{ optimizer: NamedOptimizer; task?: string }> {
  const { handMadeNames } = await import("../../../optimizers/evaluate/entries.ts");
  const { openTheta } = await import("../../../optimizers/load-optimizer.ts");
  const { shippedTheta } = await import("../../../optimizers/shipped.ts");
  const [, given, place] = /^(?:([\w.-]+)=)?(.*)$/s.exec(text) ?? [];
  const path = place ?? text;
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() === true;
  const shipped = shippedTheta(path);
  const bytes = shipped ?? (await readBytes(isFolder ? join(path, "theta.safetensors") : path));
  const file = await openTheta(bytes);
  const { settings } = file.training as { settings?: { task?: string } };
  const plain = shipped === undefined ? file.kind : basename(path);
  const name = given ?? (handMadeNames().includes(plain) ? `meta-${plain}` : plain);
  return {
    optimizer: { name, theta: bytes },
    ...(settings?.task !== undefined && { task: settings.task }),
  };
}

/** Names that commas separate. */
const namesIn = (text: string): string[] =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

/** Marks optimizers whose steps are tuned. @throws {UsageError} for a name that none of them has */
function tuneSome<Entry extends { readonly optimizer: NamedOptimizer }>(
  entries: readonly Entry[],
  names = "",
): Entry[] {
  const tuned = new Set(namesIn(names));
  const known = entries.map(({ optimizer }) => optimizer.name);
  for (const name of tuned)
    if (!known.includes(name))
      throw new UsageError(
        `optimizer evaluate: --tune: ${noSuchName("learned optimizer", name, known)}`,
      );
  return entries.map((entry) =>
    tuned.has(entry.optimizer.name)
      ? { ...entry, optimizer: { ...entry.optimizer, tuned: true } }
      : entry,
  );
}

/** Options of the demo that are not flags of its own. */
const demoTask = "fashion-mlp";
const demoOthers = ["adam", "sgdm", "schedule-free", "muon", "adamw"] as const;
const demoCount = 5;

export function addOptimizerDemo(optimizer: Command, cli: Cli): void {
  const command = optimizer
    .command("demo")
    .summary("five optimizers on one real network, curves in a report")
    .description(
      "Trains 64-32-10 networks on FashionMNIST with five optimizers, hand-made ones tuned over 20 rates, and draws their curves. Interrupted, the same command goes on where it was.",
    )
    .option("--steps <n>", "steps of a run", wholeNumber(1), 1000)
    .option("--seed <n>", "fixes everything", seedNumber, 0);
  addOutputOption(command, "folder of the report", {
    value: "<folder>",
    fallback: "runs/optimizer-demo",
  }).action(async ({ steps, seed, output }: { steps: number; seed: number; output: string }) => {
    const { shippedNames } = await import("../../../optimizers/shipped.ts");
    const learned = [...shippedNames()];
    const others = demoOthers.slice(0, Math.max(1, demoCount - learned.length));
    const [file, report] = ["optimizers.json", "report.html"].map((name) => join(output, name));
    const flags = { against: others.join(","), seeds: 2, steps, points: 20, seed };
    await evaluate(learned, { ...flags, task: demoTask, output: file, report }, cli);
  });
}

async function evaluate(thetas: readonly string[], flags: EvaluateFlags, cli: Cli): Promise<void> {
  const { startEngine } = await import("../../../node/threads/start-engine.ts");
  const handMade = ["adam", ...namesIn(flags.against).filter((name) => name !== "adam")];
  const opened = tuneSome(await Promise.all(thetas.map(openEntry)), flags.tune);
  const task = flags.task ?? opened[0]?.task;
  if (task === undefined)
    throw new UsageError(
      "optimizer evaluate: no task is known, expected --task or a theta that names one",
    );
  await startEngine();
  const { steps: wanted, points, seeds, seed, data } = flags;
  const every = Math.max(1, Math.floor(wanted / points));
  const steps = every * points;
  const optimizers = [...handMade.map((name) => ({ name })), ...opened.map((one) => one.optimizer)];
  const evaluation = { task, data, optimizers, seeds, steps, every, seed };
  const { measureAll } = await import("./measure-all.ts");
  const units = await measureAll(evaluation, flags, cli);
  if (units !== undefined) await tell({ ...flags, task, steps }, every, units, cli);
}

async function tell(
  flags: EvaluateFlags & { readonly task: string },
  every: number,
  units: readonly EvaluationUnit[],
  cli: Cli,
): Promise<void> {
  const { optimizerCurves, optimizerRows } = await import("../../../optimizers/evaluate/rows.ts");
  const { triedRates } = await import("../../../optimizers/evaluate/entries.ts");
  const { innerTaskEntry } = await import("../../../tasks/inner/registry.ts");
  const { optimizerDraft } = await import("../../../report/result-drafts.ts");
  const { resultText } = await import("../../../report/result-file.ts");
  const { optimizerReport } = await import("../../../report/optimizer-report.ts");
  const rows = optimizerRows(flags.task, units);
  const result: OptimizerResult = {
    title: `Optimizers on ${flags.task}`,
    task: flags.task,
    summary: innerTaskEntry(flags.task).summary,
    steps: flags.steps,
    every,
    seed: flags.seed,
    seeds: flags.seeds,
    triedRates,
    command: `npx weightspace ${process.argv.slice(2).join(" ")}`,
    commit: await codeVersion(),
    machine: machine(),
    rows,
    curves: optimizerCurves(units),
    tried: Object.fromEntries(units.map(({ optimizer, tried }) => [optimizer, tried])),
  };
  await writeFileAtomic(flags.output, resultText(optimizerDraft(result), flags.output));
  if (flags.report !== undefined) await writeFileAtomic(flags.report, optimizerReport(result));
  const number = (value: number | null, digits: number) => value?.toFixed(digits) ?? "–";
  cli.output.result({ rows, figures: flags.output, report: flags.report ?? null }, () =>
    [
      textTable(
        [
          "optimizer",
          "rate",
          "steps to Adam's best",
          "speed-up",
          "in seconds",
          "final test loss",
          "ms a step",
        ],
        rows.map((row) => [
          row.optimizer,
          row.rate === null ? "not tuned" : String(Number(row.rate.toPrecision(3))),
          row.stepsToAdamMean === null
            ? `${row.reached} of ${row.seeds} seeds`
            : `${number(row.stepsToAdamMean, 0)} ± ${number(row.stepsToAdamStd, 0)}`,
          number(row.speedup, 2),
          number(row.speedupInSeconds, 2),
          `${number(row.finalLossMean, 4)} ± ${number(row.finalLossStd, 4)}`,
          (1000 * row.secondsPerStep).toFixed(2),
        ]),
      ),
      `wrote ${[flags.output, flags.report].filter((path) => path !== undefined).join(" and ")}`,
    ].join("\n\n"),
  );
}
