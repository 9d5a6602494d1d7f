// `weightspace queue`: how far the work of a queue is.

import type { Cli, RegisterCommand } from "../../app/context.ts";
import { textTable } from "../../app/output.ts";
import { timeLeft } from "../../app/progress.ts";
import type { ListStatus } from "../../../node/queue/status.ts";

export const queueCommand: RegisterCommand = (program, cli) => {
  const queue = program
    .command("queue")
    .helpGroup("Populations:")
    .description("Shows the work of a queue.");
  queue
    .command("status")
    .summary("how far the work of a queue is")
    .description("Prints what is done, running and failed of every list of a queue.")
    .requiredOption("--queue <address>", "redis://host:6379, rediss:// or postgres://host/database")
    .addHelpText("after", "\nExample:\n  weightspace queue status --queue redis://host:6379")
    .action(({ queue: address }: { queue: string }) => status(address, cli));
};

async function status(address: string, cli: Cli): Promise<void> {
  const { queueStatus } = await import("../../../node/queue/status.ts");
  const lists = await queueStatus(address);
  cli.output.result({ lists }, () =>
    lists.length === 0 ? "no work in the queue" : lists.map(printed).join("\n\n"),
  );
}

function printed(list: ListStatus): string {
  const { kind, location, done, running, waiting, failed, workers, perMinute, secondsLeft } = list;
  const table = textTable(
    ["done", "running", "waiting", "failed", "workers", "units/min", "time left"],
    [
      [done, running, waiting, failed, workers]
        .map(String)
        .concat([
          perMinute === null ? "" : perMinute.toPrecision(3),
          secondsLeft === null ? "" : timeLeft(secondsLeft),
        ]),
    ],
  );
  const given = list.givenUp.map(({ name, reason }) => `given up: ${name}: ${reason}`);
  return [`${location} (${kind})`, table, ...given].join("\n");
}
