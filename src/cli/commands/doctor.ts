// `weightspace doctor`: what is installed and works on this machine, what is missing and how to get it.

import type { Cli, RegisterCommand } from "../app/context.ts";
import type { Check } from "../doctor/checks.ts";

export const doctorCommand: RegisterCommand = (program, cli) => {
  program
    .command("doctor")
    .helpGroup("Start here:")
    .summary("what works on this machine, and what is missing")
    .description(
      "Tries what the commands need: Node, threads, the array engine, onnxruntime-web, the disk. Says how to get what is missing.",
    )
    .addHelpText(
      "after",
      "\nExit code: 0 when everything that is needed works, 1 when not. What is only missing is done without.\n\nExample:\n  weightspace doctor --json",
    )
    .action(() => doctor(cli));
};

async function doctor(cli: Cli): Promise<void> {
  const { runChecks } = await import("../doctor/checks.ts");
  const checks = await runChecks();
  const ok = checks.every(({ state }) => state !== "failed");
  cli.output.result({ ok, checks }, () => checks.map(lineOf).join("\n"));
  if (!ok) cli.exitWith(1);
}

const words: Readonly<Record<Check["state"], string>> = {
  ok: "ok:",
  missing: "missing:",
  failed: "error:",
};

const lineOf = ({ name, state, found, remedy }: Check): string =>
  `${words[state]} ${name}: ${found}${remedy === undefined ? "" : `; ${remedy}`}`;
