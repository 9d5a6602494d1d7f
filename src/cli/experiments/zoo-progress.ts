// Building a zoo with a bar; shared by `zoo build` and `demo`.

import { buildZoo, type NodeBuildOptions } from "../../node/build-zoo.ts";
import type { Cli } from "../app/context.ts";

/** Builds what is missing; returns how many networks this call trained. Throws the signal's reason when interrupted. */
export async function buildWithProgress(
  { signal, progress, output }: Cli,
  options: Omit<NodeBuildOptions, "signal">,
): Promise<{ built: number; skipped: number; seconds: number }> {
  let task: ReturnType<typeof progress.task> | undefined;
  let learning: typeof task;
  let outcome = { built: 0, skipped: 0, seconds: 0 };
  for await (const event of buildZoo({ ...options, signal })) {
    if (event.type === "learning") {
      learning ??= progress.task("learning the start", event.rounds, { unit: "rounds" });
      learning.update(event.round);
    } else if (event.type === "start") {
      learning?.finish();
      if (event.done > 0)
        output.note(`${event.done} of ${event.networks} networks are there already`);
      if (event.done < event.networks) {
        task = progress.task("training networks", event.networks, {
          unit: "networks",
          start: event.done,
        });
      }
    } else if (event.type === "warning") output.note(`warning: ${event.message}`);
    else if (event.type === "progress") task?.update(Math.floor(event.done));
    else if (event.type === "done") {
      outcome = { built: event.built, skipped: event.skipped, seconds: event.seconds };
      task?.finish();
    }
  }
  return outcome;
}
