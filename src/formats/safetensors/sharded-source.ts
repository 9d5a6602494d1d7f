// A checkpoint in several files with an index (`model.safetensors.index.json`, as transformers writes it; PyTorch files
// have the same): a JSON object whose `weight_map` says which file holds which tensor. Every claim is checked.

import { FormatError } from "../../core/errors.ts";
import { frozenRecord } from "../../core/records.ts";
import type { ByteSource, OpenBeside } from "../byte-source.ts";
import { openTensorFile } from "../open-file.ts";
import { parseHeaderJSON } from "./safetensors-json.ts";
import { refuseForeign, sniff } from "../sniff.ts";
import { makeTensorSource, type TensorEntry, type TensorSource } from "../tensor-source.ts";

const limits = { indexBytes: 100_000_000, shards: 10_000 };

const quote = (text: string) => JSON.stringify(text);

/**
 * The tensors of all shards, in the index's order.
 * @throws {FormatError} when a shard is missing or not the index's, a name leads out of the folder, or a tensor is missing,
 * doubled or not in the index; and whatever a shard alone can have wrong.
 */
export async function openSharded(
  index: ByteSource,
  openBeside: OpenBeside,
): Promise<TensorSource> {
  const fail = (what: string): never => {
    throw new FormatError(
      `readShards: ${index.location}: ${what}; fetch or save the checkpoint again, all files of it`,
    );
  };
  const { places, metadata } = await readIndex(index, fail);
  const shards = new Map<string, TensorSource>();
  const closeShards = async () => {
    for (const shard of shards.values()) await shard.close();
  };
  const close = async () => {
    await closeShards();
    await index.close?.();
  };
  try {
    for (const name of new Set(places.values())) {
      const file = (await openBeside(name)) ?? fail(`the shard ${quote(name)} is missing`);
      shards.set(name, await openShard(file));
    }
    const entries = checkShards(places, shards, fail);
    const [{ format }] = shards.values();
    if ([...shards.values()].some((shard) => shard.format !== format))
      fail("its shards have different formats");
    if (format !== "safetensors" && format !== "pytorch")
      return fail(`its shards are ${format} files, expected safetensors or PyTorch files`);
    return makeTensorSource({
      file: { location: index.location, close },
      format: `sharded ${format}`,
      entries,
      metadata: frozenRecord([...metadata, ...commonMetadata([...shards.values()])]),
      load: async (name) => (await shards.get(places.get(name)!)!.readStored(name)).data,
    });
  } catch (error) {
    await closeShards();
    throw error;
  }
}

type Fail = (what: string) => never;

async function openShard(file: ByteSource): Promise<TensorSource> {
  try {
    return await openTensorFile(file);
  } catch (error) {
    await file.close?.();
    throw error;
  }
}

interface Index {
  /** Shard by tensor. */
  readonly places: ReadonlyMap<string, string>;
  readonly metadata: readonly (readonly [string, string])[];
}

async function readIndex(index: ByteSource, fail: Fail): Promise<Index> {
  if (index.size > limits.indexBytes)
    fail(`an index of ${index.size} bytes, more than ${limits.indexBytes}`);
  const bytes = await index.read(0, index.size);
  const fields = new Map(parseHeaderJSON(bytes, `the index ${index.location}`));
  const map = fields.get("weight_map");
  if (map === undefined && sniff(bytes)?.what !== "a JSON text")
    refuseForeign(bytes, `openTensorSource: ${index.location}`, "a checkpoint or its index");
  if (!isObject(map)) return fail('it has no "weight_map" from tensors to files');
  const places = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(map)) {
    if (typeof shard !== "string") return fail(`tensor ${quote(tensor)} is mapped to no file name`);
    if (shard === "" || shard.startsWith(".") || /[/\\:\0]/.test(shard))
      fail(
        `tensor ${quote(tensor)} is mapped to ${quote(shard)}, expected a file in the same folder`,
      );
    places.set(tensor, shard);
  }
  const shards = new Set(places.values()).size;
  if (shards > limits.shards) fail(`${shards} shards, more than ${limits.shards}`);
  if (shards === 0) fail("its weight_map is empty");
  const texts = isObject(fields.get("metadata")) ? Object.entries(fields.get("metadata")!) : [];
  const metadata = texts
    .filter(([, value]) => ["string", "number", "boolean"].includes(typeof value))
    .map(([key, value]): [string, string] => [key, String(value)]);
  return { places, metadata };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Index and shards agree on every tensor. */
function checkShards(
  places: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, TensorSource>,
  fail: Fail,
): ReadonlyMap<string, TensorEntry> {
  const holders = new Map<string, string>();
  for (const [shard, { entries }] of shards) {
    for (const tensor of entries.keys()) {
      const other = holders.get(tensor);
      if (other !== undefined)
        fail(`tensor ${quote(tensor)} is in two shards, ${quote(other)} and ${quote(shard)}`);
      holders.set(tensor, shard);
      if (!places.has(tensor))
        fail(`the shard ${quote(shard)} holds tensor ${quote(tensor)}, which is not in the index`);
    }
  }
  const entries = new Map<string, TensorEntry>();
  for (const [tensor, shard] of places) {
    const entry = shards.get(shard)?.entries.get(tensor);
    if (entry === undefined) {
      const holder = holders.get(tensor);
      const where = holder === undefined ? "" : `; ${quote(holder)} does`;
      return fail(
        `the shard ${quote(shard)} does not hold tensor ${quote(tensor)} as the index says${where}`,
      );
    }
    entries.set(tensor, entry);
  }
  return entries;
}

/** Texts that all shards have alike. */
const commonMetadata = ([first, ...rest]: readonly TensorSource[]) =>
  Object.entries(first.metadata).filter(([key, text]) =>
    rest.every(({ metadata }) => Object.hasOwn(metadata, key) && metadata[key] === text),
  );
