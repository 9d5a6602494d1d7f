// The paths of a command with the dictionary that `--key` names.

import { isThere, partPath } from "../../node/open-weights.ts";
import { UsageError } from "../app/usage-error.ts";

/**
 * The paths of a command with its `--key`, which is for every file that has no key of its own after `#`.
 * @throws {UsageError} when a path with the key is a file's own name
 */
export async function withKey<Paths extends readonly string[]>(
  paths: Paths,
  key: string | undefined,
): Promise<{ -readonly [I in keyof Paths]: string }> {
  const keyed = async (path: string): Promise<string> => {
    if (key === undefined || (await partPath(path)).key !== undefined) return path;
    if (await isThere(`${path}#${key}`))
      throw new UsageError(
        `--key ${key}: ${path}#${key} is also the name of a file; rename one of the two`,
      );
    return `${path}#${key}`;
  };
  return (await Promise.all(paths.map(keyed))) as { -readonly [I in keyof Paths]: string };
}
