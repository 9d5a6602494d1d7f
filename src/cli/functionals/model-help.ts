// What help texts say about models and their options: read from the registry when help is asked for, so that it lists
// what there is.

import type { Command } from "commander";
import type { Cli } from "../app/context.ts";

/**
 * Adds the models of the registry and their options to the help of a command.
 * @param further loads more names that the command takes, with what each stands for
 * @param also loads more sections, as lines
 */
export function listModels(
  command: Command,
  cli: Cli,
  further: () => Promise<Readonly<Record<string, string>>> = async () => ({}),
  also: () => Promise<readonly string[]> = async () => [],
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
      ...(await also()),
      "\nOptions of models, in the file of --options:",
      ...columns(options),
    ].join("\n");
  });
  return command.addHelpText("after", () => text);
}

/** The metrics and the objectives of the registries, as sections of help. */
export async function measureSections(): Promise<string[]> {
  const { metricNamed, metricNames } = await import("../../train/measures/metric-registry.ts");
  const { objectiveNamed, objectiveNames } = await import("../../train/measures/objectives.ts");
  const metrics = metricNames().map((name) => [name, metricNamed(name).summary] as const);
  const objectives = objectiveNames().map((name) => [name, objectiveNamed(name).summary] as const);
  return ["\nMetrics:", ...columns(metrics), "\nObjectives:", ...columns(objectives)];
}

/** Lines of two columns. */
function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`);
}
