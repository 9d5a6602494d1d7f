// Reading a zoo: its manifest, its rows, and the weights of any of its networks.

import { FormatError, OptionError } from "../core/errors.ts";
import { sizeOf } from "../core/shapes.ts";
import { readManifest, type ZooManifest } from "./manifest.ts";
import { checkpointsOf } from "./recipe.ts";
import type { ZooRow } from "./training/run.ts";
import { inspectShard, presentShards, type ShardInfo, type ShardPlan } from "./shard.ts";
import type { ZooStore } from "../core/store.ts";
import { populationDigest } from "./shard-list.ts";
import type { Stacks } from "./training/population.ts";

/** One tensor of one network. */
export interface ReadTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** A population that can be read: one row a network, and weights by shard. */
export interface Zoo {
  readonly manifest: ZooManifest;
  /** One row for every network that can be read, by index; fewer than runs times checkpoints in an unfinished zoo. */
  readonly rows: readonly ZooRow[];
  /** One error for every shard that is damaged; its networks have no rows, all others can be used. */
  readonly problems: readonly FormatError[];
  /** The damaged shards, in the order of `problems`. */
  readonly damaged: readonly ShardPlan[];
  /** Digest of all shards that can be read: equal for populations with the same weights and rows. */
  readonly digest: string;
  /**
   * One tensor of one network, [...shape of the spec], read by itself: one request where the store is a server.
   * @throws {OptionError} for an index without a row, or a tensor that the networks have not; {FormatError} when its shard is damaged
   */
  readonly readTensor: (index: number, tensor: string) => Promise<ReadTensor>;
  /**
   * The weights of networks, tensor name -> [n, ...shape], in the order of the indices.
   * @throws {OptionError} for an index without a row; {FormatError} when its shard is damaged.
   */
  readonly readWeights: (indices: readonly number[]) => Promise<Stacks>;
}

/**
 * Opens a zoo, finished or not, without changing anything.
 * @throws {FormatError} when there is no manifest or it is damaged.
 */
export async function openZoo(store: ZooStore): Promise<Zoo> {
  const manifest = await readManifest(store);
  if (manifest === undefined) {
    throw new FormatError(
      `openZoo: there is no zoo.json in ${store.location}; build a zoo there first, or give the folder of one`,
    );
  }
  const shards: ShardInfo[] = [];
  const damaged = new Map<number, FormatError>();
  const damagedPlans: ShardPlan[] = [];
  for (const plan of await presentShards(store, manifest)) {
    try {
      const info = await inspectShard(store, manifest, plan);
      if (info !== undefined) shards.push(info);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      damaged.set(plan.from, error);
      damagedPlans.push(plan);
    }
  }
  const find = finder(store, manifest, shards, damaged);
  return Object.freeze({
    manifest,
    rows: Object.freeze(rowsOf(shards)),
    problems: Object.freeze([...damaged.values()]),
    damaged: Object.freeze(damagedPlans),
    digest: await populationDigest(shards),
    readTensor: (index: number, tensor: string) => readTensor(store, manifest, find, index, tensor),
    readWeights: (indices: readonly number[]) => readWeights(store, manifest, find, indices),
  });
}

/** Rows of shards, in their order. */
export function rowsOf(shards: readonly Pick<ShardInfo, "plan" | "rows">[]): ZooRow[] {
  return shards.flatMap(({ plan, rows }) =>
    rows.map((row) => Object.freeze({ ...row, shard: plan.name })),
  );
}

/** Finds the shard of a network, and its place there. */
type FindNetwork = (index: number) => { readonly shard: ShardInfo; readonly slot: number };

function finder(
  store: ZooStore,
  { shardSize, networks, recipe }: ZooManifest,
  shards: readonly ShardInfo[],
  damaged: ReadonlyMap<number, FormatError>,
): FindNetwork {
  const checkpoints = checkpointsOf(recipe);
  const shardAt = new Map(shards.map((shard) => [shard.plan.from, shard]));
  return (index) => {
    const from = Math.floor(index / (shardSize * checkpoints)) * shardSize;
    const shard = shardAt.get(from);
    const slot = index - from * checkpoints;
    if (Number.isSafeInteger(index) && shard?.rows[slot] !== undefined) return { shard, slot };
    const problem = damaged.get(from);
    if (problem !== undefined) throw problem;
    throw new OptionError(
      `readWeights: there is no network ${index} in ${store.location}, which is planned for 0 to ${networks * checkpoints - 1}; take indices from its rows`,
    );
  };
}

async function readTensor(
  store: ZooStore,
  { spec }: ZooManifest,
  find: FindNetwork,
  index: number,
  tensor: string,
): Promise<ReadTensor> {
  const { shard, slot } = find(index);
  const names = Object.keys(spec.tensors);
  const entry = shard.header.entries.get(tensor);
  if (!names.includes(tensor) || entry === undefined)
    throw new OptionError(
      `readTensor: the networks of ${store.location} have no tensor ${JSON.stringify(tensor)}, expected one of ${names.join(", ")}`,
    );
  const { shape } = spec.tensors[tensor];
  const size = 4 * sizeOf(shape);
  const start = entry.start + slot * size;
  const bytes = await store.read(shard.plan.name, start, start + size);
  if (bytes?.length !== size)
    throw new FormatError(
      `${shard.plan.name} in ${store.location}: the file changed while it was read; open the zoo again`,
    );
  return { shape: [...shape], data: new Float32Array(bytes.slice().buffer) };
}

async function readWeights(
  store: ZooStore,
  { spec }: ZooManifest,
  find: FindNetwork,
  indices: readonly number[],
): Promise<Stacks> {
  const byShard = new Map<ShardInfo, { place: number; slot: number }[]>();
  for (const [place, index] of indices.entries()) {
    const { shard, slot } = find(index);
    const wanted = byShard.get(shard) ?? [];
    wanted.push({ place, slot });
    byShard.set(shard, wanted);
  }
  const stacks = Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => [
      name,
      {
        shape: [indices.length, ...shape],
        data: new Float32Array(indices.length * sizeOf(shape)),
      },
    ]),
  );
  for (const [{ plan, header }, wanted] of byShard) {
    const bytes = await store.read(plan.name);
    if (bytes?.length !== header.fileBytes) {
      throw new FormatError(
        `${plan.name} in ${store.location}: the file changed while it was read; open the zoo again`,
      );
    }
    for (const [name, { shape }] of Object.entries(spec.tensors)) {
      const size = sizeOf(shape);
      const entry = header.entries.get(name);
      const all = new Float32Array(bytes.slice(entry?.start, entry?.end).buffer);
      for (const { place, slot } of wanted) {
        stacks[name].data.set(all.subarray(slot * size, (slot + 1) * size), place * size);
      }
    }
  }
  return stacks;
}
