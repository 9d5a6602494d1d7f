// Loads plug-ins from files and packages, in the main thread and again in every worker thread.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { EnvironmentError, OptionError } from "../core/errors.ts";
import { applyPlugin, type Plugin } from "../plugins/plugin.ts";
import { readBytes } from "./files.ts";

/** A plug-in as worker threads are told of it. */
export interface PluginFile {
  /** As it was given. */
  readonly path: string;
  readonly file: string;
  readonly digest: string;
}

const files: PluginFile[] = [];

/** The plug-ins of this process, for the threads that it starts. */
export const pluginFiles = (): readonly PluginFile[] => [...files];

/**
 * Loads plug-ins, in order: paths of ES modules from the current folder, or names of installed packages. One that is loaded
 * already is left out.
 * @throws {EnvironmentError} when there is no such file; {OptionError} when it cannot be loaded or applied
 */
export async function loadPlugins(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const file = locate(path);
    const digest = createHash("sha256")
      .update(await readBytes(file))
      .digest("hex");
    if (files.some((known) => known.file === file)) continue;
    await load({ path, file, digest });
  }
}

/**
 * Loads in a worker thread what its parent has loaded.
 * @throws {OptionError} when a file has changed since
 */
export async function loadPluginFiles(plugins: readonly PluginFile[] = []): Promise<void> {
  for (const plugin of plugins) {
    if (files.some(({ file }) => file === plugin.file)) continue;
    const digest = createHash("sha256")
      .update(await readBytes(plugin.file))
      .digest("hex");
    if (digest !== plugin.digest)
      throw new OptionError(
        `loadPlugins: ${plugin.path} was changed while the program ran; run it again`,
      );
    await load(plugin);
  }
}

async function load(plugin: PluginFile): Promise<void> {
  const { path, file, digest } = plugin;
  let module: { default?: Plugin; version?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as typeof module;
  } catch (error) {
    throw new OptionError(
      `loadPlugins: ${path} cannot be loaded as an ES module (${(error as Error).message})`,
      { cause: error },
    );
  }
  const version = typeof module.version === "string" ? module.version : await packageVersion(file);
  await applyPlugin(module.default as Plugin, { path, version, digest });
  files.push(plugin);
}

/** The file of a plug-in: a path from the current folder, or the entry of an installed package. */
function locate(path: string): string {
  if (path.startsWith("file:")) return fileURLToPath(path);
  if (path.startsWith(".") || isAbsolute(path) || /\.[cm]?js$/.test(path)) return resolve(path);
  try {
    return createRequire(join(process.cwd(), "noop.js")).resolve(path);
  } catch (error) {
    throw new EnvironmentError(
      `loadPlugins: there is no package "${path}" here; install it, or give the path of a file, as in ./${path}.js`,
      { cause: error },
    );
  }
}

/** The version in the nearest package.json above a file; null without one. */
async function packageVersion(file: string): Promise<string | null> {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    try {
      const text = new TextDecoder().decode(await readBytes(join(folder, "package.json")));
      const { version } = JSON.parse(text) as { version?: unknown };
      return typeof version === "string" ? version : null;
    } catch {
      if (dirname(folder) === folder) return null;
    }
  }
}
