// Where a worker may read and write: in the folders and under the prefixes that it was started with, and nowhere else.

import { realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { OptionError } from "../../core/errors.ts";
import { visibleName } from "../../core/visible.ts";
import { isRemote } from "../open-store.ts";

/** Every place behind the S3 API. */
export const anyRemote = "s3://";

/** Where a worker may write unless it is told otherwise: its own folder, and every place that its keys open. */
export const defaultPlaces = (): readonly string[] => [anyRemote, process.cwd()];

/** Whether a place is another, or lies in it. */
async function isInside(place: string, other: string): Promise<boolean> {
  if (isRemote(place) !== isRemote(other)) return false;
  if (isRemote(place))
    return other === anyRemote || `${place}/`.startsWith(`${other.replace(/\/+$/, "")}/`);
  if (!isAbsolute(place) || /\p{Cc}/u.test(place)) return false;
  const [target, home] = await Promise.all([place, other].map(real));
  const inside = relative(home, target);
  return inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}

/** Where a folder is, through all links; of one that is not there, where it would be made. */
async function real(folder: string): Promise<string> {
  const path = resolve(folder);
  const above = dirname(path);
  return realpath(path).catch(async () =>
    above === path ? path : join(await real(above), basename(path)),
  );
}

/** @throws {OptionError} for a place that lies outside all places where this worker may write */
export async function checkPlace(location: string, within: readonly string[]): Promise<void> {
  for (const allowed of within) if (await isInside(location, allowed)) return;
  throw new OptionError(
    `queue: results are to go to ${visibleName(location)}, outside of where this worker may write (${within.map(visibleName).join(", ")}); start it with --within ${isRemote(location) ? "s3://bucket/prefix" : "<folder>"} to allow it`,
  );
}
