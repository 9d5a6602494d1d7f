// The option `--plugin` of every command, and what is loaded for it before the command runs.

import { loadedPlugins } from "../../core/plugins.ts";
import type { Command } from "commander";

/** The option; it may repeat. */
export const pluginOption = [
  "--plugin <module>",
  "load an ES module that registers tasks, models, layers, operations, families, formats, recipes, metrics or objectives; may repeat",
  (path: string, earlier: readonly string[] = []): string[] => [...earlier, path],
] as const;

/** Loads the plug-ins that were given, in order. */
export async function loadGivenPlugins(program: Command): Promise<void> {
  await loadAll(program.opts<{ plugin?: readonly string[] }>().plugin);
}

/** Loads the plug-ins that arguments name, for help, which is printed before arguments are read. */
export async function loadNamedPlugins(args: readonly string[]): Promise<void> {
  const [flag] = pluginOption[0].split(" ");
  const end = args.indexOf("--");
  const options = end === -1 ? args : args.slice(0, end);
  await loadAll(
    options.flatMap((arg, i) => {
      if (arg.startsWith(`${flag}=`)) return [arg.slice(flag.length + 1)];
      return arg === flag && i + 1 < options.length ? [options[i + 1]] : [];
    }),
  );
}

async function loadAll(paths: readonly string[] = []): Promise<void> {
  if (paths.length === 0) return;
  const { loadPlugins } = await import("../../node/load-plugins.ts");
  await loadPlugins(paths);
}

/** The options that load the plug-ins of this process again, for commands that repeat a result. */
export const repeatedPlugins = (): string =>
  loadedPlugins()
    .map(({ path }) => `--plugin ${path}`)
    .join(" ");
