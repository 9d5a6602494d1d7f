// Which plug-ins this process has loaded, as files that were made with them record it.

/** A plug-in, by the path it was given as, its version and what its file held. */
export interface PluginRecord {
  readonly path: string;
  /** What the module exports as `version`, else the version of its package; null when there is none. */
  readonly version: string | null;
  /** SHA-256 of its file, in hexadecimal; files that it imports are not covered. */
  readonly digest: string;
}

const loaded: PluginRecord[] = [];

/** The plug-ins of this process, in the order in which they were loaded. */
export const loadedPlugins = (): readonly PluginRecord[] => [...loaded];

/** The digests of the plug-ins of this process: work that goes on must go on with the same. */
export const pluginDigests = (): readonly string[] => loaded.map(({ digest }) => digest);

/** Notes that a plug-in has been applied. */
export function notePlugin(record: PluginRecord): void {
  loaded.push(record);
}

/** `./mine.js (version 1.2.0, digest 0123456789ab)`. */
export function describePlugin({ path, version, digest }: PluginRecord): string {
  const parts = [
    ...(version === null ? [] : [`version ${version}`]),
    `digest ${digest.slice(0, 12)}`,
  ];
  return `${path} (${parts.join(", ")})`;
}

/**
 * What differs between the plug-ins a file records and those that are loaded, one sentence each: one that is not loaded, or
 * one whose file has changed.
 */
export function pluginDifferences(recorded: readonly PluginRecord[]): string[] {
  return recorded.flatMap((record) => {
    if (loaded.some(({ digest }) => digest === record.digest)) return [];
    const other = loaded.find(({ path }) => path === record.path);
    return other === undefined
      ? [
          `made with the plug-in ${describePlugin(record)}, which is not loaded; give --plugin ${record.path}`,
        ]
      : [`made with the plug-in ${describePlugin(record)}, but ${describePlugin(other)} is loaded`];
  });
}

/** An end for messages about a name that is not known: which plug-ins might bring it. */
export function pluginHint(recorded: readonly PluginRecord[] = []): string {
  const differences = pluginDifferences(recorded);
  return differences.length === 0 ? "" : `; it was ${differences.join("; ")}`;
}
