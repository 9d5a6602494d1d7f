// A zoo that is quick to build (44 networks in 6 shards), and helpers of the zoo tests.

import { createHash } from "node:crypto";
import { buildZoo, type BuildEvent, type NodeBuildOptions } from "../../src/node/build-zoo.ts";
import type { Recipe } from "../../src/zoo/recipe.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";

const recipe: Recipe = {
  name: "small",
  task: "digits",
  batch: 16,
  learningRate: { sgd: [0.05, 0.5], adam: [0.001, 0.01] },
  initialScale: [0.5, 2],
  weightDecay: { chance: 0.5, range: [0.0001, 0.01] },
  labelNoise: { chance: 0.5, range: [0, 0.5] },
  dataFraction: [0.1, 1],
  steps: { fullChance: 0.5, range: [2, 12] },
};

export const smallZoo = { recipe, networks: 44, seed: 11, shardSize: 8 };

/** All events of a build in the calling thread. */
export async function build(
  store: ZooStore,
  options: Partial<NodeBuildOptions> = {},
): Promise<BuildEvent[]> {
  const events: BuildEvent[] = [];
  for await (const event of buildZoo({ ...smallZoo, workers: 0, store, ...options })) {
    events.push(event);
  }
  return events;
}

/** Every file of a store. */
export async function filesOf(store: ZooStore): Promise<Map<string, Uint8Array>> {
  const names = (await store.list()).sort();
  const files = new Map<string, Uint8Array>();
  for (const name of names) files.set(name, (await store.read(name)) ?? new Uint8Array());
  return files;
}

/** The SHA-256 of every file of a store, by name: equal when all bytes are. */
export async function digestsOf(store: ZooStore): Promise<Record<string, string>> {
  const files = [...(await filesOf(store))];
  return Object.fromEntries(
    files.map(([name, bytes]) => [name, createHash("sha256").update(bytes).digest("hex")]),
  );
}

/** A fresh store with these files. */
export async function storeOf(files: ReadonlyMap<string, Uint8Array>): Promise<ZooStore> {
  const store = memoryStore();
  for (const [name, bytes] of files) await store.write(name, bytes);
  return store;
}
