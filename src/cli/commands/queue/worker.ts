// `weightspace worker`: does the units of a queue until it is stopped.

import { availableParallelism } from "node:os";
import type { Command } from "commander";
import { wholeNumber } from "../../app/arguments.ts";
import { requestedArithmetic } from "../../app/arithmetic.ts";
import type { Cli, RegisterCommand } from "../../app/context.ts";
import { counted, print } from "../../app/output.ts";

interface WorkerFlags {
  readonly queue: string;
  readonly workers: number;
  readonly within?: string[];
  readonly data?: string[];
  readonly idle?: number;
  readonly lock: number;
}

export const workerCommand: RegisterCommand = (program, cli) => {
  program
    .command("worker")
    .helpGroup("Populations:")
    .summary("do the work of a queue")
    .description(
      "Takes units of work from a queue (shards of populations, training runs of experiments, optimizers to be measured), does them, and puts results into the store of the work. Any number of workers may run on any machines; one that is killed loses nothing.",
    )
    .requiredOption("--queue <address>", "redis://host:6379, rediss:// or postgres://host/database")
    .option(
      "--workers <n>",
      "units at a time, a thread each",
      wholeNumber(1),
      availableParallelism(),
    )
    .option(
      "--within <places...>",
      "folders and s3:// prefixes that results may go to, and no others; default this folder and s3:// (anywhere the keys open)",
    )
    .option(
      "--data <folders...>",
      "images of recipes that bring none, as zoo build takes them; work on others is refused",
    )
    .option("--idle <seconds>", "ends after so many seconds without work", wholeNumber(1))
    .option(
      "--lock <seconds>",
      "after which the units of a worker that is not heard of go to others",
      wholeNumber(3, 3600),
      60,
    )
    .addHelpText(
      "after",
      "\nKeys of an s3:// store: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL_S3.\n\nExample:\n  weightspace worker --queue redis://host:6379",
    )
    .action((flags: WorkerFlags, command: Command) =>
      work(flags, cli, command.optsWithGlobals<{ json?: boolean }>().json === true),
    );
};

async function work(flags: WorkerFlags, cli: Cli, isJson: boolean): Promise<void> {
  const { runWorker } = await import("../../../node/queue/worker.ts");
  const { readImageFolder } = await import("../../../node/image-folder.ts");
  const tell = (event: object, text: string): void =>
    isJson
      ? print("stderr", JSON.stringify({ time: new Date().toISOString(), ...event }))
      : cli.output.note(text);
  cli.hintResume("its units go to other workers");
  let [units, failed, refused] = [0, 0, 0];
  for await (const event of runWorker({
    queue: flags.queue,
    workers: flags.workers,
    within: flags.within,
    data: await Promise.all((flags.data ?? []).map(readImageFolder)),
    idle: flags.idle,
    lock: flags.lock,
    arithmetic: requestedArithmetic(),
    signal: cli.signal,
  })) {
    if (event.type === "ready") tell(event, `waiting for work at ${event.queue}`);
    else if (event.type === "list")
      tell(event, `working on ${event.location} (${counted(event.units, "unit")} in all)`);
    else if (event.type === "unit") {
      units++;
      tell(event, `${event.name} in ${event.seconds.toFixed(1)} s`);
    } else if (event.type === "failed") {
      failed++;
      tell(event, `warning: ${event.name} failed: ${event.message}`);
    } else if (event.type === "refused") {
      refused++;
      tell(event, `warning: refused: ${event.message}`);
    } else tell(event, `warning: ${event.message}`);
  }
  cli.output.result({ units, failed, refused }, () => `${counted(units, "unit")} done`);
}
