// `-o, --output` and `--force`, which every command that writes takes in one way.

import { stat } from "node:fs/promises";
import { type Command, Option } from "commander";
import { dash } from "./standard-streams.ts";
import { UsageError } from "./usage-error.ts";

export interface OutputOption {
  /** What stands for the value in the help. @default "<file>" */
  readonly value?: string;
  /** Whether the command needs it. @default false */
  readonly required?: boolean;
  /** Where the command writes when it is not given. */
  readonly fallback?: string;
}

/** Adds `-o, --output`; `--out`, its earlier spelling, still works and is not shown. */
export function addOutputOption(
  command: Command,
  description: string,
  { value = "<file>", required = false, fallback }: OutputOption = {},
): Command {
  const option = new Option(`-o, --output ${value}`, description).makeOptionMandatory(required);
  if (fallback !== undefined) option.default(fallback);
  return addAlias(command.addOption(option), `--out ${value}`, "output");
}

/** Adds an earlier spelling of the option whose value goes by the name `of`; the help does not show it. */
export function addAlias(command: Command, spelling: string, of: string): Command {
  const option = new Option(spelling).hideHelp();
  return command
    .addOption(option)
    .on(`option:${option.name()}`, (value: string) =>
      command.setOptionValueWithSource(of, value, "cli"),
    );
}

/** What `--force` of commands says that write folders, which resume, and files of results beside them. */
export const forceResults = "replace a file of results that exists";

export interface ForceFlag {
  readonly force?: boolean | undefined;
}

/** Adds `--force`, without which no existing file is replaced. */
export const addForceOption = (command: Command): Command =>
  command.option("--force", "replace files that exist");

/**
 * Looks, before any work, whether a file to be written is there already; `-` never is.
 * @throws {UsageError} when it is, and `--force` was not given
 */
export async function refuseExisting(
  command: string,
  path: string,
  { force }: ForceFlag,
): Promise<void> {
  if (force === true || path === dash) return;
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isDirectory()) return; // writing refuses a folder, whatever was given
  throw new UsageError(
    `${command}: ${path} exists; give --force to replace it, or choose another name`,
  );
}

/** Refuses a page under a name that says it is something else. @throws {UsageError} unless it ends in .html or .htm */
export function checkPageName(command: string, path: string): void {
  if (!/\.html?$/i.test(path))
    throw new UsageError(`${command}: --report must end in .html, got ${path}`);
}
