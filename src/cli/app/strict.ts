// Strictness of all commands: what is not known is refused before what is missing is asked for, in one line that says what
// there is.

import type { Command, Option } from "commander";
import { visible } from "../../core/visible.ts";

/** Suggestions follow on the line of the error, so that misuse is always one line. */
export const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, " ");

/** What a group of commands adds to the refusal of a word or option that it does not know. */
function commandsOf(group: Command, text: string): string {
  const isUnknown = /^error: unknown (?:command|option) /.test(text);
  if (!isUnknown || group.parent === null || group.commands.length === 0) return "";
  if (text.includes("(Did you mean ")) return "";
  return `; ${group.name()} is followed by one of ${group.commands.map((each) => each.name()).join(", ")}`;
}

/**
 * Every command, nested ones too, throws instead of exiting and refuses what it does not know. Options that are needed are
 * asked for last: a mistyped one must not be told that it is missing.
 */
export function beStrict(command: Command): void {
  command
    .exitOverride()
    .allowExcessArguments(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      outputError: (text, write) =>
        write(`${visible(oneLine(text) + commandsOf(command, text))}\n`),
    });
  const needed = command.options.filter(({ mandatory }) => mandatory);
  for (const option of needed) option.mandatory = false;
  if (needed.length > 0) command.hook("preAction", () => needAll(command, needed));
  for (const child of command.commands) beStrict(child);
}

/** @throws {CommanderError} for the first option that was not given */
function needAll(command: Command, needed: readonly Option[]): void {
  const missing = needed.find(
    (option) => command.getOptionValue(option.attributeName()) === undefined,
  );
  if (missing === undefined) return;
  command.error(`error: required option '${missing.flags}' not specified`, {
    code: "commander.missingMandatoryOptionValue",
  });
}

/**
 * Arguments that ask for the help of a command, however they do it (`help zoo build`, `zoo help build`), as
 * `zoo build --help`. A command that there is not is left alone, so that it is refused by its name.
 */
export function helpArguments(root: Command, args: readonly string[]): string[] {
  const path: string[] = [];
  let [command, asks] = [root, false];
  for (const word of args) {
    if (word.startsWith("-") || command.commands.length === 0) break;
    if (word === "help") {
      asks = true;
      continue;
    }
    path.push(word);
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) return path;
    command = next;
  }
  return asks ? [...path, "--help"] : [...args];
}
