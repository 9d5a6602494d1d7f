// zoo.json: what a zoo is made of. With it and the code, every network can be trained again, bit for bit.

import { z } from "zod";
import { canonicalJson } from "../core/canonical-json.ts";
import type { PluginRecord } from "../core/plugins.ts";
import { FormatError } from "../core/errors.ts";
import { parseJson } from "../core/json-limits.ts";
import type { Arithmetic } from "../kernels/wasm/fused-multiply-add.ts";
import { specFromJSON, specToJSON } from "../symmetry/json.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { measuresOf } from "../tasks/registry.ts";
import type { MetricInfo } from "../core/metric-info.ts";
import { maxNetworks } from "./limits.ts";
import type { PopulationBackend } from "../kernels/backend.ts";
import { parseRecipe, type Recipe } from "./recipe.ts";
import type { ZooStore } from "../core/store.ts";

export const manifestName = "zoo.json";
/** Version 2 carries metrics, target and plug-ins. */
export const manifestFormat = "weightspace/zoo@2";
/** Version 3 names the backend: versions of the package that would go on with another one refuse it by its format. */
const backendFormat = "weightspace/zoo@3";
/** What version 0.1 wrote: zoos of classifiers, still read. */
const firstFormat = "weightspace/zoo@1";
export const tableName = "runs.parquet";

/** What a zoo is made of: with it and the code, every network can be trained again. */
export interface ZooManifest {
  readonly recipe: Recipe;
  readonly seed: number;
  /** Networks the zoo has when it is complete. */
  readonly networks: number;
  /** Networks in every shard but the last. */
  readonly shardSize: number;
  /** The tensors of every network and the group that acts on them. */
  readonly spec: SymmetrySpec;
  /** What every network was measured by, with units. */
  readonly metrics: readonly MetricInfo[];
  /** The metric that functionals predict unless they are asked for another. */
  readonly target: string;
  /** The plug-ins that were loaded when it was built first. */
  readonly plugins: readonly PluginRecord[];
  /** How its builders round, which decides the last bits of all weights; absent from zoos of earlier versions. */
  readonly arithmetic?: Arithmetic;
  /** Names the kernels where they train its networks; absent where the array engine does, as in zoos of earlier versions. */
  readonly backend?: "kernels" | undefined;
  /** SHA-256 of the data that its builders gave, where they do not come with the package. */
  readonly data?: string | undefined;
  /** SHA-256 of the file of its learnt start, where it has one. */
  readonly start?: string | undefined;
}

/** What trains the networks of a zoo. */
export const backendOf = ({ backend }: Pick<ZooManifest, "backend">): PopulationBackend =>
  backend ?? "engine";

const countUpTo = (max: number) => {
  const error = ({ input }: { input?: unknown }) =>
    `expected a whole number from 1 to ${max}, got ${JSON.stringify(input)?.slice(0, 40) ?? "nothing"}`;
  return z.int({ error }).min(1, { error }).max(max, { error });
};

/** Bytes of the largest manifest there could be: recipe and spec of one architecture. */
const maxBytes = 2 ** 26;

const metric = z.strictObject({
  name: z.string().regex(/^[a-z][A-Za-z0-9]{0,49}$/),
  unit: z.string(),
  summary: z.string(),
  better: z.enum(["higher", "lower"]),
  range: z.tuple([z.number(), z.number()]).optional(),
  objective: z.string().optional(),
  classes: z.int().min(2).max(10_000).optional(),
});

const digest = z.string().regex(/^[0-9a-f]{64}$/);

const plugin = z.strictObject({
  path: z.string(),
  version: z.string().nullable(),
  digest,
});

const schema = z.object({
  format: z.enum([backendFormat, manifestFormat, firstFormat]),
  metrics: z.array(metric).min(1).optional(),
  target: z.string().optional(),
  plugins: z.array(plugin).optional(),
  arithmetic: z.enum(["fma", "plain"]).optional(),
  backend: z.literal("kernels").optional(),
  data: digest.optional(),
  start: digest.optional(),
  seed: z.int(),
  networks: countUpTo(maxNetworks),
  shardSize: countUpTo(maxNetworks),
  recipe: z.unknown(),
  spec: z.unknown(),
});

export function manifestToBytes(manifest: ZooManifest): Uint8Array {
  const { recipe, seed, networks, shardSize, spec, metrics, target, plugins } = manifest;
  const { arithmetic, backend, data, start } = manifest;
  const value = {
    format: backend === undefined ? manifestFormat : backendFormat,
    seed,
    networks,
    shardSize,
    ...(arithmetic !== undefined && { arithmetic }),
    ...(backend !== undefined && { backend }),
    ...(data !== undefined && { data }),
    ...(start !== undefined && { start }),
    recipe,
    metrics,
    target,
    ...(plugins.length > 0 && { plugins }),
    spec: specToJSON(spec),
  };
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

/** Whether two manifests are of one zoo, which may have grown between them. */
export const isSameZoo = (one: ZooManifest, other: ZooManifest | undefined): boolean =>
  other !== undefined && identityOf(one) === identityOf(other);

/** All that a manifest says but the number of networks, whatever the order of its keys. */
const identityOf = (manifest: ZooManifest): string | undefined =>
  canonicalJson(
    JSON.parse(new TextDecoder().decode(manifestToBytes({ ...manifest, networks: 0 }))),
  );

/**
 * The manifest of a store; undefined when it has none.
 * @throws {FormatError} when it is damaged; {SpecError} when its spec contradicts itself.
 */
export async function readManifest(store: ZooStore): Promise<ZooManifest | undefined> {
  const bytes = await store.read(manifestName);
  if (bytes === undefined) return undefined;
  const where = `${manifestName} in ${store.location}`;
  const value = parseJson(bytes, {
    bytes: maxBytes,
    fail: (problem) =>
      new FormatError(`readManifest: ${where} ${problem}; build the zoo in another folder`),
  });
  const result = schema.safeParse(value);
  if (!result.success) {
    const problems = result.error.issues.map((i) => `  - ${i.path.join(".")}: ${i.message}`);
    throw new FormatError(
      `readManifest: ${where} is not of format ${manifestFormat}\n${problems.join("\n")}`,
    );
  }
  const { seed, networks, shardSize, recipe, spec, plugins = [], ...rest } = result.data;
  const { arithmetic, backend, data, start } = result.data;
  const isFirst = result.data.format === firstFormat;
  const { metrics, target } = measuresOf(isFirst ? {} : rest);
  if (!isFirst && rest.metrics === undefined)
    throw new FormatError(
      `readManifest: ${where} names no metrics; build the zoo in another folder`,
    );
  if (!metrics.some(({ name }) => name === target))
    throw new FormatError(
      `readManifest: ${where} has the target ${JSON.stringify(target)}, which is none of its metrics; build the zoo in another folder`,
    );
  return Object.freeze({
    metrics,
    target,
    plugins,
    recipe: parseRecipe(recipe, { anyTask: plugins.length > 0 }),
    seed,
    networks,
    shardSize,
    spec: specFromJSON(spec),
    ...(arithmetic !== undefined && { arithmetic }),
    ...(backend !== undefined && { backend }),
    ...(data !== undefined && { data }),
    ...(start !== undefined && { start }),
  });
}
