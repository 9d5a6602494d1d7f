// Machines whose clocks differ, coordinators that come and go, stores whose work changes: nothing is lost, nothing waits for ever,
// and no result is taken for one of other work.

import { mkdir, mkdtemp, rename, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { EnvironmentError } from "../../../src/core/errors.ts";
import { memoryStore } from "../../../src/core/store.ts";
import { buildZoo } from "../../../src/node/build-zoo.ts";
import { folderStore } from "../../../src/node/folder-store.ts";
import { parseQueueAddress, queueServer } from "../../../src/node/queue/connect.ts";
import { queueStatus } from "../../../src/node/queue/status.ts";
import { unitQueue } from "../../../src/node/queue/unit-queue.ts";
import { manifestToBytes, readManifest, type ZooManifest } from "../../../src/zoo/manifest.ts";
import { zooList } from "../../../src/zoo/units.ts";
import { sharedServer } from "../../support/servers/servers.ts";
import { handOutTo, startWorkerProcess, startWorkers } from "../../support/queue-workers.ts";
import { build, digestsOf, smallZoo } from "../../zoo/small-zoo.ts";

const servers = [
  { kind: "Redis", need: sharedServer("redis") },
  { kind: "PostgreSQL", need: sharedServer("postgres") },
] as const;
const [{ need: needRedis }, { need: needPostgres }] = servers;

let place: string;
let expected: Record<string, string>;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "weightspace-clocks-"));
  const store = memoryStore();
  await build(store);
  expected = await digestsOf(store);
});
afterEach(() => void vi.restoreAllMocks());
afterAll(() => rm(place, { recursive: true, force: true }));

const hour = 3_600_000;
const retry = { attempts: 2, pause: 10 };

/** A zoo without shards, and its list in the queue of a server, where nobody has put a unit yet. */
async function handedOut(url: string, name: string) {
  const folder = join(place, name);
  const store = folderStore(folder);
  for await (const { type } of buildZoo({ ...smallZoo, store, workers: 0 }))
    if (type === "start") break;
  const manifest = (await readManifest(store)) as ZooManifest;
  const list = await zooList(manifest, folder);
  const server = await queueServer(parseQueueAddress(url));
  const units = unitQueue(server, list, retry, () => undefined);
  await units.add([]);
  return { folder, store, manifest, list, server, units };
}

/** The build of a zoo by workers of this process, which must end with the same bytes as one in this thread. */
async function expectBuilt(url: string, folder: string): Promise<void> {
  const store = folderStore(folder);
  const workers = startWorkers(1, { queue: url, within: [place] });
  const told = await build(store, { handOut: handOutTo({ queue: url, patience: 20 }) });
  expect(told.at(-1)).toMatchObject({ type: "done" });
  expect(await digestsOf(store)).toEqual(expected);
  await workers.stop();
}

describe.each(servers)("a list on $kind is built to its end", ({ kind, need }) => {
  test("though a worker whose clock is an hour ahead has put a unit off, and one who was removing the list was killed, and left it paused", async ({
    skip,
  }) => {
    const { url } = await need({ skip });
    const { folder, list, server, units } = await handedOut(url, `delayed-${kind}`);
    const queue = server.queue(list.digest);
    const [{ id, name }] = list.units;
    await queue.add("zoo", { name }, { jobId: id, delay: hour, attempts: 3 });
    await units.add(list.units.slice(2));
    await queue.pause();
    expect([await queue.getDelayedCount(), await queue.isPaused()]).toEqual([1, true]);
    await Promise.all([queue.close(), units.close()]);
    await expectBuilt(url, folder);
  });

  test("by others, without a failed try, when a worker is asked to end in the middle", async ({
    skip,
  }) => {
    const { url } = await need({ skip });
    const { folder, list, server, units } = await handedOut(url, `ended-${kind}`);
    await units.add(list.units);
    const worker = startWorkerProcess(url, place);
    await worker.told("list");
    await vi.waitUntil(async () => (await units.counts()).running === 1, { timeout: 30_000 });
    worker.child.kill("SIGINT");
    expect(await worker.ended).toBe(130);
    expect(worker.output()).not.toMatch(/"type":"(failed|refused)"/);
    const queue = server.queue(list.digest);
    const jobs = await queue.getJobs(["active", "waiting", "delayed", "failed"]);
    expect(jobs.map(({ attemptsMade }) => attemptsMade).filter((n) => n > 0)).toEqual([]);
    await Promise.all([queue.close(), units.close()]);
    const workers = startWorkers(1, { queue: url, within: [place], lock: 3 });
    const handOut = handOutTo({ queue: url, patience: 20, lock: 3 });
    const told = await build(folderStore(folder), { handOut });
    expect(told.at(-1)).toMatchObject({ type: "done" });
    expect(await digestsOf(folderStore(folder))).toEqual(expected);
    await workers.stop();
  });
});

describe("a list is built to its end", () => {
  test("though another coordinator takes it off the directory, or removes it, again and again", async ({
    skip,
  }) => {
    const { url } = await needRedis({ skip });
    const { folder, list, server, units } = await handedOut(url, "removed");
    const store = folderStore(folder);
    const building = build(store, { handOut: handOutTo({ queue: url, patience: 20 }) });
    const directory = server.queue("lists");
    for (let i = 0; i < 3; i++) {
      const isHandedOut = async () => (await units.counts()).waiting === list.units.length;
      await vi.waitUntil(isHandedOut, { timeout: 20_000 });
      if (i === 1) await units.remove();
      else await directory.remove(list.digest);
      await vi.waitUntil(() => units.isListed(), { timeout: 20_000 });
    }
    const workers = startWorkers(1, { queue: url, within: [place] });
    expect((await building).at(-1)).toMatchObject({ type: "done" });
    expect(await digestsOf(store)).toEqual(expected);
    await Promise.all([workers.stop(), directory.close(), units.close()]);
  });

  test("by two coordinators with a part each, of whom the first removes the list", async ({
    skip,
  }) => {
    const { url } = await needRedis({ skip });
    const store = folderStore(join(place, "parts"));
    const handOut = handOutTo({ queue: url, patience: 20 });
    const workers = startWorkers(2, { queue: url, within: [place] });
    const parts = [1, 2].map((part) => build(store, { handOut, part: { part, of: 2 } }));
    for (const told of await Promise.all(parts))
      expect(told.at(-1)).toMatchObject({ type: "done" });
    await build(store); // nothing is left to train; the table and the list of all shards are written
    expect(await digestsOf(store)).toEqual(expected);
    const events = await workers.stop();
    expect(events.filter(({ type }) => type === "failed" || type === "refused")).toEqual([]);
  });
});

describe("locks on PostgreSQL end by clocks", () => {
  test("a worker and a coordinator whose clock differs by an hour are refused", async ({
    skip,
  }) => {
    const { url } = await needPostgres({ skip });
    const now = Date.now.bind(Date);
    for (const [shift, says] of [
      [-hour, /3600\.\d s behind that of postgres:.* set the clock/],
      [hour, /(3600\.\d|3599\.9) s ahead of that of postgres:.* set the clock/],
    ] as const) {
      vi.spyOn(Date, "now").mockImplementation(() => now() + shift);
      const workers = startWorkers(1, { queue: url, within: [place] });
      const store = folderStore(join(place, "clock"));
      const built = build(store, { handOut: handOutTo({ queue: url }) });
      await expect(built).rejects.toThrow(EnvironmentError);
      await expect(built).rejects.toThrow(says);
      await expect(workers.stop()).rejects.toThrow(says);
      vi.restoreAllMocks();
    }
    const workers = startWorkers(1, { queue: url, within: [place] }); // control
    await vi.waitUntil(() => workers.events.some(({ type }) => type === "ready"), {
      timeout: 30_000,
    });
    await workers.stop();
  });
});

describe("a process that was stopped for longer than it waits for a server", () => {
  test("asks again before it gives up", async ({ skip }) => {
    const { url } = await needRedis({ skip });
    const real = performance.now.bind(performance);
    let stopped = 0;
    vi.spyOn(performance, "now").mockImplementation(() => real() + stopped);
    const workers = startWorkers(1, { queue: url, within: [place], reach: 5 });
    const ready = () => workers.events.some(({ type }) => type === "ready");
    await vi.waitUntil(ready, { timeout: 30_000 });
    const store = folderStore(join(place, "stopped"));
    const units = build(store, { handOut: handOutTo({ queue: url, patience: 30, reach: 5 }) });
    stopped = hour;
    expect((await units).at(-1)).toMatchObject({ type: "done" });
    stopped = 2 * hour;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await expect(workers.stop()).resolves.toBeDefined();
  });
});

describe("a worker whose list is of other work than the store", () => {
  test("does nothing more of it, and goes on where the zoo has only grown", async ({ skip }) => {
    const { url } = await needRedis({ skip });
    const { folder, store, list, units, manifest } = await handedOut(url, "other");
    const workers = startWorkers(1, { queue: url, within: [place] });
    const count = (type: string) => workers.events.filter((event) => event.type === type).length;
    await vi.waitUntil(() => count("list") === 1, { timeout: 30_000 });
    await store.write("zoo.json", manifestToBytes({ ...manifest, networks: 80 }));
    await units.add(list.units.slice(0, 1));
    await vi.waitUntil(() => count("unit") === 1, { timeout: 30_000 });
    const recipe = { ...manifest.recipe, dataFraction: [0.5, 0.6] as [number, number] };
    await store.write("zoo.json", manifestToBytes({ ...manifest, recipe }));
    await units.add(list.units.slice(1));
    await vi.waitUntil(() => count("refused") === 1, { timeout: 30_000 });
    const events = await workers.stop();
    expect(events.filter(({ type }) => type === "unit")).toHaveLength(1);
    expect(events.find((event) => event.type === "refused")?.message).toMatch(
      /zoo\.json in .* is gone, or says other work than when this list was opened/,
    );
    expect((await folderStore(folder).list()).toSorted()).toEqual([
      "shard-00000.safetensors",
      "zoo.json",
    ]);
    await units.remove();
    await units.close();
  });
});

describe("a store that fails for a moment", () => {
  test("is a failed try, not other work: the unit is done at the next", async ({ skip }) => {
    const { url } = await needRedis({ skip });
    const { folder, list, server, units } = await handedOut(url, "failing");
    const patient = unitQueue(server, list, { attempts: 5, pause: 1000 }, () => undefined);
    const workers = startWorkers(1, { queue: url, within: [place] });
    const count = (type: string) => workers.events.filter((event) => event.type === type).length;
    await vi.waitUntil(() => count("list") === 1, { timeout: 30_000 });
    const [manifest, aside] = [join(folder, "zoo.json"), join(folder, "aside.json")];
    await rename(manifest, aside);
    await mkdir(manifest); // it is there, and cannot be read
    await patient.add(list.units.slice(0, 1));
    await vi.waitUntil(() => count("failed") === 1, { timeout: 30_000 });
    await rmdir(manifest);
    await rename(aside, manifest);
    await vi.waitUntil(() => count("unit") === 1, { timeout: 30_000 });
    const events = await workers.stop();
    expect(events.find((event) => event.type === "failed")?.message).toMatch(
      /cannot read .*zoo\.json/,
    );
    expect(count("refused")).toBe(0);
    await patient.remove();
    await Promise.all([patient.close(), units.close()]);
  });
});

describe("what is told of a queue", () => {
  test("workers of one process number are several; the rate needs no clock", async ({ skip }) => {
    const { url } = await needRedis({ skip });
    const store = folderStore(join(place, "status"));
    const workers = startWorkers(2, { queue: url, within: [place] });
    const building = build(store, {
      ...smallZoo,
      recipe: { ...smallZoo.recipe, steps: { fullChance: 1, range: [2, 90] } },
      handOut: handOutTo({ queue: url, patience: 20 }),
    });
    const seen: Awaited<ReturnType<typeof queueStatus>> = [];
    const isSeen = async () => {
      seen.push(...(await queueStatus(url)));
      return seen.some((list) => list.workers === 2 && list.perMinute !== null);
    };
    await vi.waitUntil(isSeen, { timeout: 60_000, interval: 10 });
    expect(seen.every(({ perMinute }) => perMinute === null || perMinute > 0)).toBe(true);
    expect(seen.find(({ done, running }) => done === 0 || running === 0)?.perMinute).toBeNull();
    await building;
    await workers.stop();
  });
});
