// One population by every road: one thread, worker threads, four parts of a job array, queues on Redis and PostgreSQL, into folders
// and stores behind the S3 API. POPULATIONS=digits-mlp:500,gru-adders:200:300 says which, with the most training steps where they
// are fewer than the recipe's. FAULTS_TABLE=1 keeps in runs/populations what is
// done, so that the same command goes on where it was killed, shard by shard in folders, and writes docs/results/many-machines.json.

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, expect, test, type TestContext, vi } from "vitest";
import { writeMeasured } from "../support/servers/write-table.ts";
import { buildZoo, type NodeBuildOptions } from "../../src/node/build-zoo.ts";
import { folderStore } from "../../src/node/folder-store.ts";
import { openStore } from "../../src/node/open-store.ts";
import type { ZooStore } from "../../src/core/store.ts";
import { mergeZoos } from "../../src/zoo/merge.ts";
import { openZoo } from "../../src/zoo/open.ts";
import type { Recipe } from "../../src/zoo/recipe.ts";
import { recipeNamed } from "../../src/zoo/recipes.ts";
import { handOutTo, startWorkers } from "../support/queue-workers.ts";
import { s3Environment, startPostgres, startRedis, startS3 } from "../support/servers/servers.ts";

const fail = ((note?: unknown) => {
  throw new Error(String(note));
}) as TestContext["skip"];

const asked = (process.env.POPULATIONS ?? "digits-mlp:24").split(",").map((text) => {
  const [name, networks, steps] = text.split(":");
  return { name, networks: Number(networks), ...(steps !== undefined && { steps: Number(steps) }) };
});

/** A recipe whose runs end at this step at the latest, and its earliest end sooner in proportion. */
function shortened(recipe: Recipe, steps: number | undefined): Recipe {
  if (steps === undefined) return recipe;
  const [first, last] = recipe.steps.range;
  return {
    ...recipe,
    steps: { ...recipe.steps, range: [Math.ceil((first * steps) / last), steps] },
  };
}

/** What is kept of a road: its row, or the seconds that it took before it was stopped. */
interface Kept {
  readonly digest?: string;
  readonly seconds?: number;
}
const readKept = (file: string): Promise<Kept> =>
  readFile(file, "utf8").then(
    (text) => JSON.parse(text) as Kept,
    () => ({}),
  );

const table: Record<string, unknown>[] = [];
let hasFailed = false;
afterEach(({ task }) => {
  hasFailed ||= task.result?.state === "fail";
});
afterAll(async () => {
  process.stdout.write(`${JSON.stringify(table, null, 2)}\n`);
  const populations = process.env.POPULATIONS;
  if (process.env.FAULTS_TABLE === undefined || populations === undefined || hasFailed) return;
  await writeMeasured("many-machines", {
    title: "One population by many ways",
    command: `POPULATIONS=${populations} FAULTS_TABLE=1 npm run test:faults -- populations`,
    seed: 1,
    rows: table,
  });
});

test.each(asked)("$name, $networks networks", { timeout: 24 * 3_600_000 }, async (population) => {
  const { name, networks, steps } = population;
  const isKept = process.env.FAULTS_TABLE !== undefined;
  const place = isKept
    ? resolve("runs/populations", [name, networks, steps ?? []].flat().join("-"))
    : await mkdtemp(join(tmpdir(), "weightspace-populations-"));
  await mkdir(place, { recursive: true });
  const servers = await Promise.all([
    startRedis({ skip: fail }),
    startPostgres({ skip: fail }),
    startS3({ skip: fail }),
  ]);
  const [redis, postgres, s3] = servers;
  for (const [key, value] of Object.entries(s3Environment(s3))) vi.stubEnv(key, value);
  const recipe = shortened(recipeNamed(name), steps);
  // Small shards cost more a network, and there must be several for each of four workers.
  const shardSize = Math.max(Math.min(25, Math.ceil(networks / 8)), Math.ceil(networks / 16));
  let onShard = async (): Promise<void> => undefined;
  const build = async (store: ZooStore, options: Partial<NodeBuildOptions>) => {
    const common = { recipe, networks, seed: 1, shardSize, store };
    for await (const event of buildZoo({ ...common, ...options })) {
      if (event.type === "warning") throw new Error(event.message);
      if (event.type === "shard") await onShard();
    }
  };
  const queued = async (store: ZooStore, url: string, workers: number) => {
    const started = startWorkers(workers, { queue: url, within: ["s3://", place] });
    await build(store, { handOut: handOutTo({ queue: url, patience: 600 }) });
    await started.stop();
  };
  const folder = (part: string) => folderStore(join(place, part));
  const roads: Record<string, () => Promise<ZooStore>> = {
    "one thread, folder": async () => {
      const store = folder("one");
      await build(store, { workers: 0 });
      return store;
    },
    "two worker threads, folder": async () => {
      const store = folder("threads");
      await build(store, { workers: 2 });
      return store;
    },
    "--shard x 4, merged": async () => {
      const parts = [1, 2, 3, 4].map((part) => folder(`part-${part}`));
      for (const [at, store] of parts.entries())
        await build(store, { workers: 2, part: { part: at + 1, of: 4 } });
      const store = folder("merged");
      await mergeZoos(parts, store);
      return store;
    },
    "BullMQ on Redis, 1 worker, folder": async () => {
      const store = folder("redis-1");
      await queued(store, redis.url, 1);
      return store;
    },
    "BullMQ on Redis, 4 workers, folder": async () => {
      const store = folder("redis-4");
      await queued(store, redis.url, 4);
      return store;
    },
    "BullMQ on Redis, 4 workers, S3": async () => {
      const store = await openStore(`s3://bucket/redis/${name}`);
      await queued(store, redis.url, 4);
      return store;
    },
    "BullMQ on PostgreSQL, 4 workers, S3": async () => {
      const store = await openStore(`s3://bucket/postgres/${name}`);
      await queued(store, postgres.url, 4);
      return store;
    },
  };
  try {
    for (const [road, travel] of Object.entries(roads)) {
      const file = join(place, `${road.replaceAll(/[^a-zA-Z0-9]+/g, "-")}.json`);
      const kept = await readKept(file);
      if (kept.digest !== undefined) {
        table.push({ ...kept });
        continue;
      }
      const began = performance.now();
      const seconds = () =>
        Number(((kept.seconds ?? 0) + (performance.now() - began) / 1000).toFixed(1));
      onShard = () => writeFile(file, JSON.stringify({ seconds: seconds() }));
      const { digest, manifest } = await openZoo(await travel());
      const { arithmetic } = manifest;
      const row = {
        recipe: name,
        networks,
        ...(steps && { steps }),
        road,
        seconds: seconds(),
        arithmetic,
        digest,
      };
      table.push(row);
      await writeFile(file, JSON.stringify(row));
      process.stdout.write(`${JSON.stringify(row)}\n`);
    }
    const digests = new Set(table.filter(({ recipe }) => recipe === name).map((row) => row.digest));
    expect(digests.size).toBe(1);
  } finally {
    vi.unstubAllEnvs();
    await Promise.all(servers.map(({ stop }) => stop()));
    if (!isKept) await rm(place, { recursive: true, force: true });
  }
});
