// zoo.json: what a zoo is made of. With it and the code, every network can be trained again, bit for bit.

import { z } from "zod";
import { FormatError } from "../core/errors.ts";
import { parseJson } from "../core/json-limits.ts";
import { specFromJSON, specToJSON } from "../symmetry/json.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { mostNetworks } from "./limits.ts";
import { parseRecipe, type Recipe } from "./recipe.ts";
import type { ZooStore } from "../core/store.ts";

export const manifestName = "zoo.json";
export const manifestFormat = "weightspace/zoo@1";
export const tableName = "runs.parquet";

export interface ZooManifest {
  readonly recipe: Recipe;
  readonly seed: number;
  /** Networks the zoo has when it is complete. */
  readonly networks: number;
  /** Networks in every shard but the last. */
  readonly shardSize: number;
  /** The tensors of every network and the group that acts on them. */
  readonly spec: SymmetrySpec;
}

const countUpTo = (most: number) => {
  const error = ({ input }: { input?: unknown }) =>
    `expected a whole number from 1 to ${most}, got ${JSON.stringify(input)?.slice(0, 40) ?? "nothing"}`;
  return z.int({ error }).min(1, { error }).max(most, { error });
};

/** Bytes of the largest manifest there could be: recipe and spec of one architecture. */
const mostBytes = 2 ** 26;

const schema = z.object({
  format: z.literal(manifestFormat),
  seed: z.int(),
  networks: countUpTo(mostNetworks),
  shardSize: countUpTo(mostNetworks),
  recipe: z.unknown(),
  spec: z.unknown(),
});

export function manifestToBytes(manifest: ZooManifest): Uint8Array {
  const { recipe, seed, networks, shardSize, spec } = manifest;
  const value = {
    format: manifestFormat,
    seed,
    networks,
    shardSize,
    recipe,
    spec: specToJSON(spec),
  };
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * The manifest of a store; undefined when it has none.
 * @throws {FormatError} when it is damaged; {SpecError} when its spec contradicts itself.
 */
export async function readManifest(store: ZooStore): Promise<ZooManifest | undefined> {
  const bytes = await store.read(manifestName);
  if (bytes === undefined) return undefined;
  const where = `${manifestName} in ${store.location}`;
  const value = parseJson(bytes, {
    bytes: mostBytes,
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
  const { seed, networks, shardSize, recipe, spec } = result.data;
  return Object.freeze({
    recipe: parseRecipe(recipe),
    seed,
    networks,
    shardSize,
    spec: specFromJSON(spec),
  });
}
