import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { memoryStore } from "../../../src/core/store.ts";
import { folderStore } from "../../../src/node/folder-store.ts";
import { openStore } from "../../../src/node/open-store.ts";
import { mergeZoos } from "../../../src/zoo/merge.ts";
import { openZoo } from "../../../src/zoo/open.ts";
import { faultyProxy } from "../../support/servers/faulty-proxy.ts";
import { s3Environment, sharedServer } from "../../support/servers/servers.ts";
import { handOutTo, startWorkerProcess, startWorkers } from "../../support/queue-workers.ts";
import { build, digestsOf } from "../../zoo/small-zoo.ts";

const needRedis = sharedServer("redis");
const needPostgres = sharedServer("postgres");
const needS3 = sharedServer("s3");

/** What Node is given for a clock that is an hour late. */
const hourLate =
  "--import=data:text/javascript,const%20now=Date.now;Date.now=()=>now.call(Date)-36e5";

let place: string;
let expected: Record<string, string>;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "weightspace-queue-"));
  const store = memoryStore();
  await build(store);
  expected = await digestsOf(store);
});
afterAll(() => rm(place, { recursive: true, force: true }));

describe("the same population, byte for byte, from", () => {
  test("one thread, several threads, and four parts of a job array", async () => {
    const threads = folderStore(join(place, "threads"));
    await build(threads, { workers: 2 });
    expect(await digestsOf(threads)).toEqual(expected);
    const parts = [1, 2, 3, 4].map(() => memoryStore());
    for (const [at, store] of parts.entries())
      await build(store, { part: { part: at + 1, of: 4 } });
    const merged = memoryStore();
    await mergeZoos(parts, merged);
    expect(await digestsOf(merged)).toEqual(expected);
    const whole = await openZoo(merged);
    expect(whole.digest).toBe((await openZoo(threads)).digest);
    expect(whole.digest).not.toBe((await openZoo(parts[0])).digest);
  });

  test("four workers of a queue on Redis, into a folder", async ({ skip }) => {
    const { url } = await needRedis({ skip });
    const store = folderStore(join(place, "redis"));
    const workers = startWorkers(4, { queue: url, within: [place] });
    const told = await build(store, { handOut: handOutTo({ queue: url }) });
    const events = await workers.stop();
    expect(told.at(-1)).toMatchObject({ type: "done", built: 44 });
    expect(await digestsOf(store)).toEqual(expected);
    expect(events.filter(({ type }) => type === "unit")).toHaveLength(6);
    expect(events.filter(({ type }) => type === "failed" || type === "refused")).toEqual([]);
  });

  // On PostgreSQL such a worker is refused: test/node/queue/clocks.test.ts.
  test("workers on Redis, one of which has a clock that is an hour late", async ({ skip }) => {
    const { url } = await needRedis({ skip });
    const store = folderStore(join(place, "clock"));
    const late = startWorkerProcess(url, place, { NODE_OPTIONS: hourLate });
    const workers = startWorkers(1, { queue: url, within: [place] });
    await late.told("ready");
    const told = await build(store, { handOut: handOutTo({ queue: url, patience: 10 }) });
    const [here, there] = [await workers.stop(), late.output()];
    late.child.kill("SIGKILL");
    expect(told.at(-1)).toMatchObject({ type: "done", built: 44 });
    expect(await digestsOf(store)).toEqual(expected);
    expect(here.some(({ type }) => type === "unit")).toBe(true);
    expect(there).toContain('"type":"unit"');
  });

  test("workers of a queue on PostgreSQL, into a store behind the S3 API", async ({ skip }) => {
    const { url } = await needPostgres({ skip });
    const s3 = await needS3({ skip });
    for (const [name, value] of Object.entries(s3Environment(s3))) vi.stubEnv(name, value);
    const store = await openStore("s3://bucket/zoos/postgres");
    const workers = startWorkers(2, { queue: url, within: ["s3://bucket/zoos"] });
    await build(store, { handOut: handOutTo({ queue: url }) });
    const events = await workers.stop();
    expect(await digestsOf(store)).toEqual(expected);
    expect(events.filter(({ type }) => type === "unit")).toHaveLength(6);

    const proxy = await faultyProxy(s3.url);
    vi.stubEnv("AWS_ENDPOINT_URL_S3", proxy.url);
    const zoo = await openZoo(await openStore("s3://bucket/zoos/postgres"));
    const before = proxy.requests.length;
    const { data } = await zoo.readTensor(19, "fc1.weight");
    expect(proxy.requests.length - before).toBe(1); // one tensor of one network costs one request
    expect(data).toEqual((await zoo.readWeights([19]))["fc1.weight"].data);
    expect(data).not.toEqual((await zoo.readWeights([20]))["fc1.weight"].data);
    await expect(zoo.readTensor(19, "fc9.weight")).rejects.toThrow(/have no tensor "fc9.weight"/);
    vi.unstubAllEnvs();
    await proxy.stop();
  });
});
