// What help texts say about models and their options: read from the registry when help is asked for, so that it lists
// what there is.

import type { Command } from "commander";
import type { Cli } from "../app/context.ts";

/**
 * Adds the models of the registry and their options to the help of a command.
 * @param further loads more names that the command takes, with what each stands for
 */
export function listModels(
  command: Command,
  cli: Cli,
  further: () => Promise<Readonly<Record<string, string>>> = async () => ({}),
): Command {
  let text = "";
  cli.beforeHelp(async () => {
    const { modelEntry, modelNames } = await import("../../models/registry.ts");
    const { optionInfos } = await import("../../models/options.ts");
    const entries = modelNames().map((name) => modelEntry(name));
    const models = entries.map(({ name, summary }) => [name, summary] as const);
    const more = Object.entries(await further());
    /** Models that have an option, by its line. */
    const users = new Map<string, string[]>();
    for (const { name, options } of entries) {
      for (const { name: key, expected, description } of optionInfos(options)) {
        const line = `${key}\n${expected}; ${description}`;
        users.set(line, [...(users.get(line) ?? []), name]);
      }
    }
    const options = [...users].map(([line, names]) => {
      const [key, meaning] = line.split("\n");
      return [key, `${meaning} (${names.join(", ")})`] as const;
    });
    text = [
      "\nModels:",
      ...columns(models),
      ...(more.length > 0 ? ["\nFurther names:", ...columns(more)] : []),
      "\nOptions of models, in the file of --options:",
      ...columns(options),
    ].join("\n");
  });
  return command.addHelpText("after", () => text);
}

/** Lines of two columns. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`);
}
