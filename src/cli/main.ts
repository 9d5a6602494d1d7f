// The command line: reads arguments, runs one command, turns what happens into an exit code and at most one error line.

import { Command, CommanderError } from "commander";
import { arithmeticOption, chooseArithmetic } from "./app/arithmetic.ts";
import { interruption } from "./app/abort.ts";
import { commands } from "./commands/index.ts";
import { isOurError } from "../core/errors.ts";
import { fileError } from "../node/file-error.ts";
import { packageVersion } from "../node/package-version.ts";
import { loadGivenPlugins, loadNamedPlugins, pluginOption } from "./app/plugins.ts";
import { messageOf, print } from "./app/output.ts";
import { beStrict, helpArguments, oneLine } from "./app/strict.ts";
import { context, type RegisterCommand } from "./app/context.ts";
import { checkPlaces } from "./machines/remote-places.ts";

const exitCodes = { ok: 0, failure: 1, misuse: 2 } as const;

const examples = `
Examples:
  weightspace demo                                  the main job, with a report at the end
  weightspace symmetries model.onnx --verify        a model's symmetries, proved on the file
  weightspace compare a.onnx b.onnx                 whether two files hold the same network
  weightspace zoo build --networks 500 -o zoos/a    a population of trained networks
  weightspace train --zoo zoos/a -o unf.safetensors a functional that reads their weights

Exit codes: 0 done, 1 failed, 2 misused, 130 interrupted by Ctrl-C.`;

/** Prints what went wrong and gives the exit code. */
function explain(error: unknown, debug: boolean): number {
  const thrown = error instanceof Error ? error : new Error(String(error));
  if (debug) print("stderr", thrown.stack ?? thrown.message);
  else if (isOurError(thrown)) print("stderr", `error: ${messageOf(thrown)}`);
  else
    print(
      "stderr",
      `error: ${oneLine(thrown.message)} (unexpected; run again with --debug for the details)`,
    );
  return (thrown as { code?: unknown }).code === "WEIGHTSPACE_USAGE"
    ? exitCodes.misuse
    : exitCodes.failure;
}

function program(): Command {
  return new Command("weightspace")
    .description("Finds the symmetries of trained networks and learns from their weights.")
    .version(packageVersion())
    .option("--json", "print results as JSON, nothing else")
    .option("--debug", "print the whole stack of an error, with the functions it comes from")
    .option(...pluginOption)
    .addOption(arithmeticOption())
    .addHelpText("after", examples);
}

/** Ends the process when nobody reads what it prints, or when that cannot be written; locks are given back on exit. */
function watchStreams(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.ok); // the reader of the pipe has seen enough
    print("stderr", `error: ${fileError("write", "standard output", error).message}`);
    process.exit(exitCodes.failure);
  });
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.failure); // the work is not done, unlike above
  }); // a log on a full disk is no reason to stop
}

/** Commands whose work has no safe place to stop at, because nothing of it is kept: Ctrl-C ends them at once. */
const endAtOnce = new Set([
  "symmetries",
  "describe",
  "embed",
  "compare",
  "convert",
  "distance",
  "align",
  "merge",
  "canonical",
  "fingerprint",
  "rank",
  "sketch",
  "predict",
  "report",
  "doctor",
]);

/** Words that ask for help. */
const helpWords = new Set(["help", "-h", "--help"]);

/** Runs the command line and resolves to its exit code; a second Ctrl-C and a closed pipe end the process itself. */
export async function main(
  args: string[],
  registered: readonly RegisterCommand[] = commands,
): Promise<number> {
  watchStreams();
  const root = program();
  const interrupt = interruption(() => {
    cli.progress.stop();
    cli.output.note("stopping at a safe place; Ctrl-C again stops at once");
  });
  const cli = context(root, interrupt.signal);
  for (const register of registered) register(root, cli);
  beStrict(root);
  root.hook("preAction", (_, command) => {
    if (command.parent !== root || !endAtOnce.has(command.name())) interrupt.listen();
  });
  root.hook("preAction", (_, command) => checkPlaces(command));
  root.hook("preAction", (_, command) => chooseArithmetic(root, command));
  root.hook("preAction", () => loadGivenPlugins(root));
  const run = async (): Promise<number> => {
    if (args.some((arg) => helpWords.has(arg))) {
      await loadNamedPlugins(args);
      await cli.loadHelp();
    }
    if (args.length === 0) root.outputHelp();
    else await root.parseAsync(helpArguments(root, args), { from: "user" });
    return cli.exitCode();
  };
  const failed = (error: unknown): number => {
    cli.progress.stop();
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.misuse;
    }
    const interrupted = interrupt.exitCode() !== undefined;
    if (interrupted && (error as Error).name === "AbortError") return exitCodes.ok;
    return explain(error, root.opts<{ debug?: boolean }>().debug === true);
  };
  const code = await run().catch(failed);
  cli.progress.stop();
  interrupt.dispose();
  const interruptedCode = interrupt.exitCode();
  if (code !== exitCodes.ok || interruptedCode === undefined) return code;
  cli.output.note(`interrupted; ${cli.resumeHint()}`);
  return interruptedCode;
}
