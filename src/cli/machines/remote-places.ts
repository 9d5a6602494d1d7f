// Which arguments of commands may be places behind the S3 API: all others are files and folders of this machine, and say so before
// any work, where else a folder called `s3:` would be made.

import type { Command } from "commander";
import { isRemote } from "../../node/open-store.ts";
import { UsageError } from "../app/usage-error.ts";

/** Options that are stores in every command. */
const stores: ReadonlySet<string> = new Set(["zoo", "store", "parts", "within"]);

/** Commands whose output is a store. */
const outputs: ReadonlySet<string> = new Set(["zoo build", "zoo merge"]);

/** Commands whose arguments are stores. */
const takers: ReadonlySet<string> = new Set(["zoo info", "zoo merge", "zoo differ"]);

/** The name of a command with those above it, without the program's. */
const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

const remoteIn = (value: unknown): string | undefined =>
  [value].flat().find((each): each is string => typeof each === "string" && isRemote(each));

/** What takes the results of commands that write files and folders of this machine. */
const remedy = (command: Command): string =>
  command.options.some(({ long }) => long === "--store")
    ? "give a place here; what the work leaves goes to --store s3://bucket/prefix"
    : "give a place here, and copy it";

/** @throws {UsageError} for a place behind the S3 API where a command takes files or folders of this machine */
export function checkPlaces(command: Command): void {
  const path = pathOf(command);
  const place = takers.has(path) ? undefined : remoteIn(command.args);
  if (place !== undefined)
    throw new UsageError(
      `${path}: ${place} is a place behind the S3 API, and files are read from this machine or from https:// addresses; copy it here`,
    );
  for (const option of command.options) {
    const name = option.attributeName();
    const value = remoteIn(command.getOptionValue(name));
    const isStore = stores.has(name) || (name === "output" && outputs.has(path));
    if (value === undefined || isStore) continue;
    throw new UsageError(
      `${path}: ${option.long ?? option.flags} takes files and folders of this machine, got ${value}; ${remedy(command)}`,
    );
  }
}
