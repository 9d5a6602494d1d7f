// Shards: safetensors files that hold the weights of consecutive networks, stacked, and in their metadata the networks'
// rows of the table and the spec, so that a shard stands on its own.

import { canonicalJson } from "../core/canonical-json.ts";
import { checksumHolds } from "../core/checksum.ts";
import { FormatError } from "../core/errors.ts";
import { equalShapes, formatShape } from "../core/shapes.ts";
import { writeSealed } from "../formats/safetensors/sealed.ts";
import {
  type SafetensorsHeader,
  safetensorsHeader,
  safetensorsPrefixBytes,
} from "../formats/safetensors/safetensors.ts";
import { specToJSON } from "../symmetry/json.ts";
import { classifierMetrics } from "../tasks/labelled-data.ts";
import type { ZooManifest } from "./manifest.ts";
import { checkpointsOf, type Recipe } from "./recipe.ts";
import { flatRow, type Run, runColumns, runOfRow } from "./training/run.ts";
import type { ZooStore } from "../core/store.ts";
import type { TrainedPopulation } from "./training/population.ts";

/** Version 2 carries the metrics of its rows. */
const shardFormat = "weightspace/zoo-shard@2";
/** What version 0.1 wrote: shards of classifiers, still read. */
const firstFormat = "weightspace/zoo-shard@1";

/** All that the metadata of a shard may hold; another name is one of these with a bit changed. */
const shardKeys: readonly string[] = ["checksum", "format", "seed", "spec", "metrics", "runs"];

/** Which training runs a shard holds; each leaves as many networks as the recipe has checkpoints. */
export interface ShardPlan {
  readonly name: string;
  /** Number of the first run. */
  readonly from: number;
  readonly count: number;
}

/** Shard number `i` of a zoo of so many runs. */
const planShard = (i: number, runs: number, shardSize: number): ShardPlan => ({
  name: `shard-${String(i).padStart(5, "0")}.safetensors`,
  from: i * shardSize,
  count: Math.min(shardSize, runs - i * shardSize),
});

/** The shards of a zoo of so many runs, in order. */
export function planShards(runs: number, shardSize: number): ShardPlan[] {
  return Array.from({ length: Math.ceil(runs / shardSize) }, (_, i) =>
    planShard(i, runs, shardSize),
  );
}

/** The planned shards that the store has files of, in order: found from one list of its files, however many are planned. */
export async function presentShards(
  store: ZooStore,
  { networks, shardSize }: Pick<ZooManifest, "networks" | "shardSize">,
): Promise<ShardPlan[]> {
  const planned = Math.ceil(networks / shardSize);
  const numbers = (await store.list()).flatMap((name) => {
    const number = Number(/^shard-(\d{5,15})\.safetensors$/.exec(name)?.[1] ?? NaN);
    return number < planned && planShard(number, networks, shardSize).name === name ? [number] : [];
  });
  return numbers.sort((a, b) => a - b).map((number) => planShard(number, networks, shardSize));
}

/** The bytes of a shard, checksum included: the same for the same networks. */
export async function encodeShard(
  { weights, runs }: TrainedPopulation,
  { spec, seed, metrics }: Pick<ZooManifest, "spec" | "seed" | "metrics">,
): Promise<Uint8Array> {
  return writeSealed(weights, {
    format: shardFormat,
    seed: String(seed),
    spec: JSON.stringify(specToJSON(spec)),
    metrics: canonicalJson(metrics) ?? "",
    runs: JSON.stringify(runs.map(flatRow)),
  });
}

/** A shard in a store, as its header describes it. */
export interface ShardInfo {
  readonly plan: ShardPlan;
  /** A row for every network it really holds: fewer than planned when the zoo has grown since. */
  readonly rows: readonly Run[];
  readonly header: SafetensorsHeader;
}

/**
 * Reads a shard's header and checks it, the length of the file and its checksum (older shards have none); undefined when
 * there is no such file.
 * @throws {FormatError} naming the file when it is truncated, damaged or of another zoo.
 */
export async function inspectShard(
  store: ZooStore,
  { spec, seed, recipe, metrics }: Pick<ZooManifest, "spec" | "seed" | "recipe" | "metrics">,
  plan: ShardPlan,
): Promise<ShardInfo | undefined> {
  const size = await store.size(plan.name);
  if (size === undefined) return undefined;
  const fail = (what: string): never => {
    throw new FormatError(
      `${plan.name} in ${store.location}: ${what}; build the zoo again to train its networks anew`,
    );
  };
  const header = await readHeader(store, plan.name, size, fail);
  const { metadata } = header;
  const isFirst = metadata["format"] === firstFormat;
  if (!isFirst && metadata["format"] !== shardFormat)
    return fail(`it is not of format ${shardFormat}`);
  if (metadata["seed"] !== String(seed)) {
    return fail(`it was built with seed ${metadata["seed"]}, the zoo has seed ${seed}`);
  }
  const unknown = Object.keys(metadata).find(
    (key) => !shardKeys.includes(key) || (isFirst && key === "metrics"),
  );
  if (unknown !== undefined) return fail(`its metadata holds ${JSON.stringify(unknown)}`);
  const { checksum } = metadata;
  if (checksum !== undefined) {
    const bytes = (await store.read(plan.name)) ?? new Uint8Array(0);
    if (!(await checksumHolds(bytes, checksum)))
      return fail("its checksum does not fit, so bytes of it have changed since it was written");
  }
  if (!isFirst && checksum === undefined) return fail("it has no checksum");
  const measured = isFirst ? classifierMetrics : metrics;
  if (!isFirst && metadata["metrics"] !== canonicalJson(metrics))
    return fail("its networks were measured by other metrics than the zoo's");
  const rows = parseRows(metadata["runs"], { recipe, metrics: measured }, fail);
  const checkpoints = checkpointsOf(recipe);
  if (
    rows.length === 0 ||
    rows.length % checkpoints !== 0 ||
    rows.length > plan.count * checkpoints ||
    rows.some((row, i) => row.index !== plan.from * checkpoints + i)
  ) {
    const last = plan.from + plan.count - 1;
    return fail(`its rows are not those of networks ${plan.from} to ${last}`);
  }
  for (const [name, { shape }] of Object.entries(spec.tensors)) {
    const entry = header.entries.get(name);
    const expected = [rows.length, ...shape];
    if (entry?.dtype !== "F32" || !equalShapes(entry.shape, expected)) {
      const got = entry === undefined ? "nothing" : `${entry.dtype} ${formatShape(entry.shape)}`;
      return fail(`tensor "${name}" must be F32 ${formatShape(expected)}, got ${got}`);
    }
  }
  return { plan, rows, header };
}

/** The header of a shard whose length is what it says. */
async function readHeader(
  store: ZooStore,
  name: string,
  size: number,
  fail: (what: string) => never,
): Promise<SafetensorsHeader> {
  let header: SafetensorsHeader;
  try {
    const prefix = (await store.read(name, 0, 8)) ?? new Uint8Array(0);
    const end = Math.min(size, safetensorsPrefixBytes(prefix));
    header = safetensorsHeader((await store.read(name, 0, end)) ?? prefix);
  } catch (error) {
    if (error instanceof FormatError) return fail(error.message);
    throw error;
  }
  if (size !== header.fileBytes)
    return fail(`the file has ${size} bytes, its header says ${header.fileBytes}`);
  return header;
}

const typeNames = { INT32: "number", DOUBLE: "number", STRING: "string", BOOLEAN: "boolean" };

/** What rows of shards lack that were written when every run left one network. */
const addedColumns: Readonly<
  Record<string, (row: Record<string, unknown>, recipe: Recipe) => unknown>
> = {
  run: (row) => row["index"],
  checkpoint: () => 0,
  batch: (_, { batch }) => batch,
  step: (row) => row["steps"],
};

/** Rows from the metadata; numbers JSON cannot hold were written as null and come back as NaN. */
function parseRows(
  text: string | undefined,
  { recipe, metrics }: Pick<ZooManifest, "recipe" | "metrics">,
  fail: (what: string) => never,
): readonly Run[] {
  let rows: unknown;
  try {
    rows = JSON.parse(text ?? "");
  } catch {
    return fail("its rows are not JSON");
  }
  if (!Array.isArray(rows)) return fail("its rows are not a list");
  return rows.map((row: unknown): Run => {
    if (typeof row !== "object" || row === null) return fail("a row is not an object");
    const fields = row as Record<string, unknown>;
    const entries = Object.entries(runColumns(metrics)).flatMap(
      ([column, type]): [string, unknown][] => {
        if (column === "shard") return [];
        const given = Object.hasOwn(fields, column)
          ? fields[column]
          : addedColumns[column]?.(fields, recipe);
        const value = given === null && type === "DOUBLE" ? NaN : given;
        if (typeof value !== typeNames[type]) {
          return fail(
            `a row has ${column} ${JSON.stringify(given)}, expected a ${typeNames[type]}`,
          );
        }
        return [[column, value]];
      },
    );
    return runOfRow(Object.fromEntries(entries), metrics);
  });
}
