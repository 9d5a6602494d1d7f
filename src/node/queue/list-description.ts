// What a queue says of a list of work: where its results go, and nothing that a worker would have to believe. Recipe, seed and all
// units follow from the store, and the name of the queue is the digest of the list, so that a worker sees whether it has the same.

import { createRequire } from "node:module";
import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
/** @ts-ignore the types of an optional package; where it is not installed they are any */
import type { Job } from "bullmq";
import { z } from "zod";
import { pluginDifferences } from "../../core/plugins.ts";
import { OptionError } from "../../core/errors.ts";
import type { ZooStore } from "../../core/store.ts";
import { visibleName } from "../../core/visible.ts";
import { hostArithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import type { WorkList } from "../../work/work-list.ts";
import { otherArithmetic } from "../../zoo/agree-manifest.ts";
import { readManifest, type ZooManifest } from "../../zoo/manifest.ts";
import { type ShardUnit, zooList } from "../../zoo/units.ts";
import { openStore } from "../open-store.ts";

const listFormat = "weightspace/work-list@1";

/** The version of this program, which its workers must share: other versions may train other weights. */
export function ownVersion(): string {
  const require = createRequire(import.meta.url);
  return (require("../../../package.json") as { version: string }).version;
}

const digest = /^[0-9a-f]{64}$/;

const description = z.strictObject({
  format: z.literal(listFormat),
  kind: z.literal("zoo"),
  version: z.string().max(50),
  /** A folder's absolute path, or s3://bucket/prefix. */
  location: z.string().min(1).max(1000),
});

/** A list of work as the queue tells of it. */
export type ListDescription = z.infer<typeof description>;

export const describeList = (location: string): ListDescription => ({
  format: listFormat,
  kind: "zoo",
  version: ownVersion(),
  location,
});

const unitData = z.strictObject({
  name: z.string().max(200),
  from: z.int().min(0),
  count: z.int().min(1),
});

/** What a job carries of a unit. */
export const dataOf = ({ name, from, count }: ShardUnit): z.infer<typeof unitData> => ({
  name,
  from,
  count,
});

/** A list that this worker has made itself, from the store, and found equal to the queue's. */
export interface CheckedList {
  readonly list: WorkList<ShardUnit>;
  readonly store: ZooStore;
  readonly manifest: ZooManifest;
  readonly units: ReadonlyMap<string, ShardUnit>;
}

/** The unit of a job. @throws {OptionError} when the list has no such unit, so that the job is foreign */
export function unitOf({ id, data }: Pick<Job, "id" | "data">, { units }: CheckedList): ShardUnit {
  const unit = units.get(id ?? "");
  const parsed = unitData.safeParse(data);
  const isSame =
    unit !== undefined &&
    parsed.success &&
    Object.entries(dataOf(unit)).every(
      ([key, value]) => parsed.data[key as keyof typeof parsed.data] === value,
    );
  if (isSame) return unit;
  throw new OptionError(
    `queue: job ${JSON.stringify(visibleName(String(id).slice(0, 80)))} is none of this list's units; somebody else has put it there, and nothing of this list is done`,
  );
}

/**
 * Checks a list of the queue: description, version, place, plug-ins, arithmetic, and that the store gives the very list.
 * @throws {OptionError} saying why it is not worked on; as `openStore` and `readManifest`
 */
export async function checkList(
  name: string,
  received: unknown,
  within: readonly string[],
): Promise<CheckedList> {
  const parsed = description.safeParse(received);
  if (!parsed.success || !digest.test(name))
    throw new OptionError(
      `queue: ${JSON.stringify(visibleName(name.slice(0, 80)))} is no list of work of format ${listFormat}; the queue is used by another program, or another version`,
    );
  const { version, location } = parsed.data;
  if (version !== ownVersion())
    throw new OptionError(
      `queue: ${visibleName(location)} is built by version ${visibleName(version)}, this worker has version ${ownVersion()}; install the same`,
    );
  await checkPlace(location, within);
  const store = await openStore(location);
  const manifest = await readManifest(store);
  if (manifest === undefined)
    throw new OptionError(
      `queue: there is no zoo.json in ${visibleName(location)} as seen from here; give all workers the same store`,
    );
  const [difference] = pluginDifferences(manifest.plugins);
  if (difference !== undefined)
    throw new OptionError(`queue: ${visibleName(location)} holds a zoo ${difference}`);
  const here = hostArithmetic();
  if (manifest.arithmetic !== undefined && manifest.arithmetic !== here)
    throw new OptionError(
      `queue: ${visibleName(location)} ${otherArithmetic(manifest.arithmetic, here)}`,
    );
  const list = await zooList(manifest, location);
  if (list.digest !== name)
    throw new OptionError(
      `queue: the zoo in ${visibleName(location)} is another one than the queue's, or has grown since; run zoo build --queue once more`,
    );
  return { list, store, manifest, units: new Map(list.units.map((unit) => [unit.id, unit])) };
}

/** @throws {OptionError} for a place that lies outside all places where this worker may write */
async function checkPlace(location: string, within: readonly string[]): Promise<void> {
  const isRemote = location.startsWith("s3://");
  const allowed = within.filter((place) => place.startsWith("s3://") === isRemote);
  if (isRemote) {
    const isInside = (place: string) => `${location}/`.startsWith(`${place.replace(/\/+$/, "")}/`);
    if (allowed.length === 0 || allowed.some(isInside)) return;
  } else if (isAbsolute(location)) {
    const target = await realpath(location).catch(() => resolve(location));
    for (const folder of allowed) {
      const home = await realpath(folder).catch(() => resolve(folder));
      const inside = relative(home, target);
      if (inside !== ".." && !inside.startsWith(`..${sep}`) && !isAbsolute(inside)) return;
    }
  }
  throw new OptionError(
    `queue: results are to go to ${visibleName(location)}, outside of where this worker may write (${within.map(visibleName).join(", ")}); start it with --within ${isRemote ? "s3://bucket/prefix" : "<folder>"} to allow it`,
  );
}
