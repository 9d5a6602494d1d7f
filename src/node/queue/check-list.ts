// Whether a list that a queue tells of can be worked on here: it is made anew from its store, and must be the very same.

/** @ts-ignore the types of an optional package; where it is not installed they are any */
import type { Job } from "bullmq";
import { OptionError } from "../../core/errors.ts";
import { visibleName } from "../../core/visible.ts";
import { openStore } from "../open-store.ts";
import { packageVersion } from "../package-version.ts";
import { listFormat, parseDescription, parseUnit } from "./description.ts";
import { openers, type OpenedList, type WorkerMeans } from "./opened-list.ts";
import { checkPlace } from "./place.ts";

const digest = /^[0-9a-f]{64}$/;

/** A list that this worker has made itself and found equal to the queue's. */
export interface CheckedList extends OpenedList {
  /** Where a unit stands in the list, by its identity. */
  readonly places: ReadonlyMap<string, number>;
}

/** Where the unit of a job stands. @throws {OptionError} when the list has no such unit, so that the job is foreign */
export function placeOf({ id, data }: Pick<Job, "id" | "data">, checked: CheckedList): number {
  const at = checked.places.get(id ?? "");
  const told = parseUnit(data);
  if (at !== undefined && told?.name === checked.list.units[at].name) return at;
  throw new OptionError(
    `queue: job ${JSON.stringify(visibleName(String(id).slice(0, 80)))} is none of this list's units; somebody else has put it there, and nothing of this list is done`,
  );
}

/**
 * Checks a list of the queue: description, version, place, plug-ins, arithmetic, and that the store gives the very list.
 * @throws {OptionError} {FormatError} saying why it is not worked on; {EnvironmentError} when its store fails
 */
export async function checkList(
  name: string,
  told: unknown,
  within: readonly string[],
  means: WorkerMeans,
): Promise<CheckedList> {
  const description = parseDescription(told);
  if (description === undefined || !digest.test(name))
    throw new OptionError(
      `queue: ${JSON.stringify(visibleName(name.slice(0, 80)))} is no list of work of format ${listFormat}; the queue is used by another program, or another version`,
    );
  const { version, location, kind } = description;
  if (version !== packageVersion())
    throw new OptionError(
      `queue: ${visibleName(location)} is built by version ${visibleName(version)}, this worker has version ${packageVersion()}; install the same`,
    );
  await checkPlace(location, within);
  const opened = await openers[kind](await openStore(location), means);
  if (opened.list.digest !== name)
    throw new OptionError(
      `queue: the work in ${visibleName(location)} is another one than the queue's, or has grown since; run the command that hands it out once more`,
    );
  const places = new Map(opened.list.units.map(({ id }, at) => [id, at]));
  return { ...opened, places };
}
