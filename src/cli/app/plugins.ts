// The option `--plugin` of every command, and what is loaded for it before the command runs.

import { loadedPlugins } from "../../core/plugins.ts";
import type { Command } from "commander";

/** The option; it may repeat. */
export const pluginOption = [
  "--plugin <module>",
  "load an ES module that registers tasks, models, layers, operations, families, formats, recipes or metrics; may repeat",
  (path: string, earlier: readonly string[] = []): string[] => [...earlier, path],
] as const;

/** Loads the plug-ins that were given, in order. */
export async function loadGivenPlugins(program: Command): Promise<void> {
  const { plugin = [] } = program.opts<{ plugin?: readonly string[] }>();
  if (plugin.length === 0) return;
  const { loadPlugins } = await import("../../node/load-plugins.ts");
  await loadPlugins(plugin);
}

/** The options that load the plug-ins of this process again, for commands that repeat a result. */
export const repeatedPlugins = (): string =>
  loadedPlugins()
    .map(({ path }) => `--plugin ${path}`)
    .join(" ");
