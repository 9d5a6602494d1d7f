// `weightspace optimizer train`: meta-training with a bar, in worker threads.

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { HostRecord } from "../../../engine/arrays.ts";
import type { MetaEvent } from "../../../optimizers/meta/meta-train.ts";
import type { MetaBackend } from "../../../optimizers/meta/backend.ts";
import type { MetaSettings } from "../../../optimizers/meta/settings.ts";
import { partsOption, positiveNumber, seedNumber, wholeNumber } from "../../app/arguments.ts";
import type { Cli } from "../../app/context.ts";
import { addOutputOption } from "../../app/output-option.ts";
import { writeFileAtomic } from "../../../node/write-file.ts";

/** Options by the names of the settings they give, and those that are no settings. */
interface TrainFlags extends Partial<MetaSettings> {
  readonly kind: string;
  readonly task: string;
  readonly output: string;
  readonly workers: number;
  readonly minutes?: number;
  readonly data?: string;
  readonly checkpointEvery: number;
  readonly snapshots?: number;
  readonly parts?: string;
  readonly backend?: MetaBackend;
}

/** A parser of `a..b`, or of one number for both. */
function range(text: string): readonly [number, number] {
  const parts = text.split("..").map((part) => positiveNumber(part));
  if (parts.length > 2 || parts[0] > (parts[1] ?? parts[0]))
    throw new InvalidArgumentError("Expected a number, or two as in 100..2000.");
  return [parts[0], parts[1] ?? parts[0]];
}

/** Options that are settings, each by default as the library has it. */
const addSettings = (command: Command): Command =>
  command
    .option("--outer-steps <n>", "steps of theta (default: 2000)", wholeNumber(1))
    .option(
      "--pairs <n>",
      "tasks side by side, each with its antithetic twin (default: 8)",
      wholeNumber(1),
    )
    .addOption(
      new Option("--estimator <name>", "gradient of theta (default: pes)").choices([
        "pes",
        "nres",
        "es",
      ]),
    )
    .addOption(
      new Option("--objective <name>", "losses of an episode that count (default: mean)").choices([
        "mean",
        "last",
      ]),
    )
    .option("--truncation <n>", "inner steps for one step of theta (default: 50)", wholeNumber(1))
    .option("--horizon <a..b>", "inner steps of an episode, log-uniform (default: 2000)", range)
    .option(
      "--noise <x>",
      "standard deviation of the noise on theta (default: 0.01)",
      positiveNumber,
    )
    .option("--rate <x>", "highest rate of the outer AdamW (default: 0.001)", positiveNumber)
    .option("--warmup <n>", "outer steps until that rate (default: 50)", wholeNumber(0))
    .option("--clip <x>", "longest gradient (default: 1)", positiveNumber)
    .option("--rescale <a..b>", "networks in other units, log-uniform (default: none)", range)
    .option("--seed <n>", "fixes everything (default: 0)", seedNumber);

export function addOptimizerTrain(optimizer: Command, cli: Cli): void {
  const command = optimizer
    .command("train")
    .summary("meta-train a learned optimizer")
    .description(
      "Meta-trains a learned optimizer on an inner task. Interrupted or killed, the same command goes on where it was, to the same numbers.",
    )
    .requiredOption("--kind <name>", "the kind of optimizer")
    .requiredOption("--task <name>", "the inner task");
  addSettings(command)
    .option("--workers <n>", "threads", wholeNumber(1), availableParallelism())
    .addOption(
      new Option(
        "--backend <name>",
        "of inner steps: kernels, or the array engine; last digits differ (default: as the run was begun, a new one on kernels where there are some)",
      ).choices(["kernels", "engine"]),
    )
    .option("--minutes <x>", "stop at a checkpoint after so many minutes", positiveNumber)
    .option("--checkpoint-every <n>", "outer steps between checkpoints", wholeNumber(1), 50)
    .option(
      "--snapshots <n>",
      "keep theta at checkpoints whose step is a multiple, as theta-<step>.safetensors",
      wholeNumber(1),
    )
    .option("--data <folder>", "IDX files of images in place of the package's own")
    .option(
      ...partsOption(
        "50 finished outer steps there; a call without the run's folder goes on from them",
      ),
    )
    .addHelpText(
      "after",
      () =>
        `\n${helpLists()}\n\nExample:\n  weightspace optimizer train --kind unf --task fashion-mlp -o runs/unf`,
    );
  cli.beforeHelp(loadLists);
  addOutputOption(command, "the run's folder", { value: "<folder>", required: true }).action(
    (flags: TrainFlags) => train(flags, cli),
  );
}

let lists = { kinds: [] as string[], tasks: [] as string[] };

/** Kinds and tasks with their summaries, from the registries, which help prints. */
async function loadLists(): Promise<void> {
  const { optimizerKind, optimizerKinds } = await import("../../../optimizers/registry.ts");
  const { innerTaskEntry, innerTaskNames } = await import("../../../tasks/inner/registry.ts");
  const line = (name: string, summary: string) => `  ${name.padEnd(18)}${summary}`;
  lists = {
    kinds: optimizerKinds().map((name) => line(name, optimizerKind(name).summary)),
    tasks: innerTaskNames().map((name) => line(name, innerTaskEntry(name).summary)),
  };
}

const helpLists = (): string => ["Kinds:", ...lists.kinds, "", "Tasks:", ...lists.tasks].join("\n");

const settingNames = [
  "outerSteps",
  "pairs",
  "estimator",
  "objective",
  "truncation",
  "horizon",
  "noise",
  "rate",
  "warmup",
  "clip",
  "rescale",
  "seed",
] as const satisfies readonly (keyof MetaSettings)[];

/** The settings that the flags give; the others stay as they are by default. */
function chosenSettings(
  flags: TrainFlags,
  defaults: Omit<MetaSettings, "kind" | "task">,
): MetaSettings {
  const given = settingNames.filter((name) => flags[name] !== undefined);
  return {
    ...defaults,
    ...Object.fromEntries(given.map((name) => [name, flags[name]])),
    kind: flags.kind,
    task: flags.task,
  };
}

async function train(flags: TrainFlags, cli: Cli): Promise<void> {
  const { metaTrain } = await import("../../../optimizers/meta/meta-train.ts");
  const { checkSettings, defaultSettings } = await import("../../../optimizers/meta/settings.ts");
  const { optimizerKind } = await import("../../../optimizers/registry.ts");
  const { tensorList, writeTheta } = await import("../../../optimizers/theta-file.ts");
  const { folderStore } = await import("../../../node/folder-store.ts");
  const { openStore } = await import("../../../node/open-store.ts");
  const { openInnerTask } = await import("../../../node/open-inner-task.ts");
  const { startEngine } = await import("../../../node/threads/start-engine.ts");
  const { unrollThreads } = await import("../../../node/threads/unroll-threads.ts");
  const { chooseBackend } = await import("../../../optimizers/meta/backend.ts");
  const given = chosenSettings(flags, defaultSettings);
  checkSettings(given);
  const { features, specBound } = optimizerKind(given.kind);
  await startEngine();
  const source = { task: flags.task, ...(flags.data !== undefined && { data: flags.data }) };
  const task = await openInnerTask(source);
  const store = folderStore(flags.output);
  const parts = flags.parts === undefined ? undefined : await openStore(flags.parts);
  const settings = await chooseBackend(given, { task, store, parts, backend: flags.backend });
  const events = metaTrain({
    settings,
    task,
    pool: unrollThreads(flags.workers, source),
    store,
    checkpointEvery: flags.checkpointEvery,
    signal: cli.signal,
    ...(parts !== undefined && { parts }),
    ...(flags.minutes !== undefined && { seconds: 60 * flags.minutes }),
  });
  const tensors = specBound ? tensorList(task.spec) : null;
  const writeAt = async (name: string, theta: HostRecord, training: Record<string, unknown>) => {
    const path = join(flags.output, name);
    const file = { kind: settings.kind, features, tensors, training, theta };
    await writeFileAtomic(path, await writeTheta(file));
    return path;
  };
  const keepSnapshot = async ({ step, theta }: { step: number; theta: HostRecord }) => {
    if (flags.snapshots === undefined || step % flags.snapshots !== 0) return;
    await writeAt(`theta-${step}.safetensors`, theta, { settings, outerSteps: step });
  };
  const done = await showEvents(cli, events, keepSnapshot);
  if (done === undefined) return;
  const last = done.history.at(-1);
  const training = { settings, outerSteps: done.step, history: done.history };
  const path = await writeAt("theta.safetensors", done.theta, training);
  const { complete, step } = done;
  cli.output.result({ theta: path, complete, outerSteps: step, loss: last?.loss ?? null }, () =>
    complete
      ? `${path}: ${step} outer steps, mean inner loss ${last?.loss.toFixed(4)} at the end`
      : `${path}: ${step} of ${settings.outerSteps} outer steps; run the same command again to go on`,
  );
}

type Done = Extract<MetaEvent, { type: "done" }>;

/** Shows a run as it goes; the last event, or undefined when it was interrupted. */
async function showEvents(
  { progress, output }: Cli,
  events: AsyncIterable<MetaEvent>,
  onCheckpoint: (event: Extract<MetaEvent, { type: "checkpoint" }>) => Promise<void>,
): Promise<Done | undefined> {
  let bar: ReturnType<typeof progress.task> | undefined;
  for await (const event of events) {
    if (event.type === "checkpoint") await onCheckpoint(event);
    else if (event.type === "warning") output.note(`warning: ${event.message}`);
    else if (event.type === "start")
      bar = progress.task("meta-training", event.outerSteps, {
        unit: "outer steps",
        start: event.step,
      });
    else if (event.type === "step") {
      const rate = `${Math.round(event.innerStepsPerSecond)} inner steps/s`;
      const resets = event.diverged > 0 ? `, ${event.diverged} reset` : "";
      bar?.update(event.step, `loss ${event.loss.toFixed(4)}, ${rate}${resets}`);
    } else if (event.type === "done") {
      if (event.complete) bar?.finish();
      return event;
    }
  }
  return undefined;
}
