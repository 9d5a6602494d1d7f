// Parts of a build: one small file for every finished shard, with the metrics of its networks and the shard's checksum but no
// weights. Everything else of a row follows from recipe and seed, so that a table can be made of parts alone; networks are
// trained again, and a part says whether they came out the same.

import { z } from "zod";
import { canonicalJson } from "../core/canonical-json.ts";
import { sha256 } from "../core/checksum.ts";
import type { ZooStore } from "../core/store.ts";
import { fromSealedJson, maxPartBytes, sealedJson, tooLargePart } from "../work/unit-parts.ts";
import type { ZooManifest } from "./manifest.ts";
import type { ShardInfo, ShardPlan } from "./shard.ts";
import { plannedRows } from "./training/planned-rows.ts";
import type { Run } from "./training/run.ts";

const partFormat = "weightspace/zoo-part@1";

const schema = z.object({
  checksum: z.string(),
  format: z.literal(partFormat),
  /** What the shard was trained from: {@link originOf}. */
  origin: z.string(),
  shard: z.string(),
  shardChecksum: z.string(),
  /** By network; numbers that JSON cannot hold are null. */
  networks: z.array(
    z.object({
      index: z.int().nonnegative(),
      finite: z.boolean(),
      metrics: z.record(z.string(), z.number().nullable()),
    }),
  ),
});
type ShardPart = z.infer<typeof schema>;

/** A shard as tables read it. */
export type ShardRows = Pick<ShardInfo, "plan" | "rows">;

const partName = ({ name }: ShardPlan) => name.replace(/safetensors$/, "json");

/** What decides the networks of a shard, the machine aside, as a digest: recipe, seed, metrics, plug-ins, backend, given data, learnt start. */
export function originOf({
  recipe,
  seed,
  metrics,
  plugins,
  backend,
  data,
  start,
}: Pick<
  ZooManifest,
  "recipe" | "seed" | "metrics" | "plugins" | "backend" | "data" | "start"
>): Promise<string> {
  const decides = {
    recipe,
    seed,
    metrics,
    plugins: plugins.map(({ digest }) => digest),
    ...(backend !== undefined && { backend }),
    ...(data !== undefined && { data }),
    ...(start !== undefined && { start }),
  };
  return sha256(new TextEncoder().encode(canonicalJson(decides)));
}

/**
 * Keeps the part of a shard, or compares the shard with the part that is there.
 * @returns what is wrong, in a sentence: a part that is damaged (it is written anew), too large, or of other networks
 */
export async function keepShardPart(
  store: ZooStore,
  manifest: ZooManifest,
  info: ShardInfo,
): Promise<string | undefined> {
  const name = partName(info.plan);
  const shardChecksum = info.header.metadata["checksum"] ?? "";
  const old = await readPart(store, name);
  const isSame = typeof old === "object" && old.shardChecksum === shardChecksum;
  if (isSame) return undefined;
  if (typeof old === "object")
    return `${info.plan.name} is not the shard that ${name} in ${store.location} was made of: networks depend on the machine and the version of Node in their last digits, or the zoo has grown; remove that part to keep this one`;
  const value = {
    format: partFormat,
    origin: await originOf(manifest),
    shard: info.plan.name,
    shardChecksum,
    networks: info.rows.map(({ index, finite, metrics }) => ({ index, finite, metrics })),
  };
  const bytes = await sealedJson(value);
  if (bytes.length > maxPartBytes)
    return tooLargePart(name, bytes.length, "it is not kept, build with a smaller --shard-size");
  await store.write(name, bytes);
  return old;
}

/**
 * The rows of a shard from its part, as they were measured where it was trained: undefined without a sound part, a sentence
 * when it is of another zoo or of another number of networks.
 */
export async function rowsFromPart(
  store: ZooStore,
  manifest: ZooManifest,
  plan: ShardPlan,
): Promise<ShardRows | string | undefined> {
  const name = partName(plan);
  const part = await readPart(store, name);
  if (typeof part !== "object") return undefined; // a damaged one is told of when it is written anew
  const anew = "its shard is trained";
  if (part.origin !== (await originOf(manifest)))
    return `${name} in ${store.location} is of another recipe, seed or data; ${anew}`;
  const { recipe, seed } = manifest;
  const planned = Array.from({ length: plan.count }, (_, i) =>
    plannedRows(recipe, seed, plan.from + i),
  ).flat();
  const { networks } = part;
  const names = manifest.metrics.map((metric) => metric.name);
  const fits = planned.every(
    ({ index }, i) =>
      networks[i]?.index === index &&
      names.every((metric) => Object.hasOwn(networks[i].metrics, metric)),
  );
  if (!fits || networks.length !== planned.length)
    return `${name} in ${store.location} has other networks than the shard; ${anew}`;
  const rows = planned.map((row, i): Run => {
    const { finite, metrics } = networks[i];
    const measured = names.map((metric) => [metric, metrics[metric] ?? Number.NaN] as const);
    return Object.freeze({ ...row, metrics: Object.fromEntries(measured), finite });
  });
  return { plan, rows };
}

/** A part: undefined without one, a sentence when it is damaged. */
async function readPart(store: ZooStore, name: string): Promise<ShardPart | string | undefined> {
  const bytes = await store.read(name);
  if (bytes === undefined) return undefined;
  const { data } = schema.safeParse(await fromSealedJson(bytes));
  return data ?? `${name} in ${store.location} is damaged; it is written anew`;
}
