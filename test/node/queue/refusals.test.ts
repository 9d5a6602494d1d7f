import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Queue } from "bullmq";
import { EnvironmentError, OptionError } from "../../../src/core/errors.ts";
import { canonicalJson } from "../../../src/core/canonical-json.ts";
import { buildZoo } from "../../../src/node/build-zoo.ts";
import { folderStore } from "../../../src/node/folder-store.ts";
import { maskSecrets, parseQueueAddress, queueServer } from "../../../src/node/queue/connect.ts";
import { describeList } from "../../../src/node/queue/description.ts";
import { runWorker } from "../../../src/node/queue/worker.ts";
import { queueStatus } from "../../../src/node/queue/status.ts";
import { unitQueue } from "../../../src/node/queue/unit-queue.ts";
import type { Arithmetic } from "../../../src/kernels/wasm/fused-multiply-add.ts";
import { readManifest } from "../../../src/zoo/manifest.ts";
import { zooList } from "../../../src/zoo/units.ts";
import { sharedServer } from "../../support/servers/servers.ts";
import { handOutTo, startCommand, startWorkers } from "../../support/queue-workers.ts";
import { weightspace } from "../../support/command-line.ts";
import { build, smallZoo } from "../../zoo/small-zoo.ts";

const needRedis = sharedServer("redis");
let [url, place] = ["", ""];
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "weightspace-queue-"));
});
beforeEach(async ({ skip }) => {
  ({ url } = await needRedis({ skip }));
  const server = await queueServer(parseQueueAddress(url));
  const lists = server.queue("lists");
  await lists.obliterate({ force: true });
  await lists.close();
});
afterAll(() => rm(place, { recursive: true, force: true }));

/** A zoo without shards whose list is in the queue; the queue, and what its jobs are. */
async function handedOut(name: string) {
  const folder = join(place, name);
  const store = folderStore(folder);
  for await (const { type } of buildZoo({ ...smallZoo, store, workers: 0 }))
    if (type === "start") break;
  const manifest = await readManifest(store);
  if (manifest === undefined) throw new Error("the build ended before its manifest");
  const list = await zooList(manifest, folder);
  const server = await queueServer(parseQueueAddress(url));
  const units = unitQueue(server, list, { attempts: 2, pause: 10 }, () => undefined);
  return { folder, store, list, units, server, manifest };
}

/** What a worker says that is allowed to write into the folder of the test. */
async function refusalOf(arithmetic?: Arithmetic): Promise<string> {
  const within = ["s3://", place];
  const workers = startWorkers(1, { queue: url, within, arithmetic });
  const end = performance.now() + 30_000;
  while (workers.events.every(({ type }) => type !== "refused") && performance.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const events = await workers.stop();
  expect(events.filter(({ type }) => type === "unit")).toEqual([]);
  const refused = events.find((event) => event.type === "refused");
  return refused?.message ?? "nothing was refused";
}

const dataUrl = (source: string): string =>
  `data:text/javascript;base64,${Buffer.from(source).toString("base64")}`;

const put = async (queue: Queue, id: string, data: unknown): Promise<void> => {
  await queue.add("shard", data, { jobId: id });
  await queue.close();
};

describe("a worker does nothing of a list", () => {
  test("that carries a job of somebody else, whatever the job says", async () => {
    const { units, list, server } = await handedOut("foreign");
    await units.add(list.units);
    await put(server.queue(list.digest), "f".repeat(64), {
      name: "../../etc/passwd",
    });
    await units.close();
    expect(await refusalOf()).toMatch(/none of this list's units; somebody else has put it there/);
  });

  test("whose job has the identity of one unit and the name of another", async () => {
    const { units, list, server } = await handedOut("changed");
    const [{ id }, { name }] = list.units;
    await units.add(list.units.slice(1));
    await put(server.queue(list.digest), id, { name });
    await units.close();
    expect(await refusalOf()).toMatch(/none of this list's units/);
  });

  test.each([
    ["another program's", { format: "email" }, /no list of work/],
    ["another version's", { version: "0.0.1" }, /built by version 0\.0\.1/],
    ["of a kind that is not known", { kind: "email" }, /no list of work/],
    ["with fields more", { code: "rm -rf" }, /no list of work/],
    ["outside of where it may write", { location: "/tmp/elsewhere" }, /outside of where/],
    ["in a folder above", { location: "PLACE/.." }, /outside of where/],
    ["in a store without a zoo", { location: "PLACE/nothing" }, /there is no zoo\.json/],
    ["in a place that is none", { location: "s3://bucket/../x" }, /is no place|need keys/],
    ["of experiments without one", { kind: "runs" }, /there is no experiment-work\.json/],
    ["of trials without an experiment", { kind: "trials" }, /there is no experiment-work\.json/],
    ["of optimizers without any", { kind: "optimizers" }, /there is no evaluation-work\.json/],
  ])("%s", async (_, change: Record<string, string>, says) => {
    const { server, list, folder } = await handedOut("described");
    const told = { ...describeList("zoo", folder), ...change };
    const location = told.location.replace("PLACE", place);
    const directory = server.queue("lists");
    await directory.add("zoo", { ...told, location }, { jobId: list.digest });
    await directory.close();
    expect(await refusalOf()).toMatch(says);
  });

  test("whose digest is not that of the zoo in the store", async () => {
    const { server, folder } = await handedOut("described");
    const directory = server.queue("lists");
    await directory.add("zoo", describeList("zoo", folder), { jobId: "a".repeat(64) });
    await directory.close();
    expect(await refusalOf()).toMatch(/is another one than the queue's/);
  });

  test("that was begun with another arithmetic", async () => {
    const { store, folder, manifest, server } = await handedOut("arithmetic");
    const own = manifest.arithmetic;
    const other = own === "fma" ? "plain" : "fma";
    const text = new TextDecoder().decode(await store.read("zoo.json"));
    await store.write("zoo.json", new TextEncoder().encode(text.replace(`"${own}"`, `"${other}"`)));
    const { digest } = await zooList({ ...manifest, arithmetic: other }, folder);
    const directory = server.queue("lists");
    await directory.add("zoo", describeList("zoo", folder), { jobId: digest });
    await directory.close();
    expect(await refusalOf(own)).toMatch(/was begun with(out)? fused multiply-add/);
    await expect(build(store)).rejects.toThrow(/was begun with(out)? fused multiply-add/);
  });
});

describe("what travels and what is told", () => {
  test("a list and its units are names and numbers, nothing that could be run", async () => {
    const { units, list, server, folder } = await handedOut("wire");
    await units.add(list.units);
    const [directory, queue] = [server.queue("lists"), server.queue(list.digest)];
    const told = (await directory.getJobs(["waiting"])).map(({ data }) => data as unknown);
    expect(told).toEqual([describeList("zoo", folder)]);
    const jobs = await queue.getJobs(["waiting"]);
    const sent = jobs.map(({ data }) => canonicalJson(data));
    const expected = list.units.map(({ name }) => canonicalJson({ name }));
    expect(new Set(sent)).toEqual(new Set(expected));
    expect(sent).toHaveLength(expected.length);
    await Promise.all([directory.close(), queue.close(), units.remove()]);
    await units.close();
  });

  test("handed out twice, 10,000 units are 10,000 jobs", async () => {
    const { manifest, folder, server } = await handedOut("many");
    const list = await zooList({ ...manifest, networks: 80_000 }, folder);
    expect(list.units).toHaveLength(10_000);
    const retry = { attempts: 2, pause: 10 };
    const queues = [0, 1].map(() => unitQueue(server, list, retry, () => undefined));
    await Promise.all(queues.map((queue) => queue.add(list.units)));
    expect(await queues[0].counts()).toEqual({ waiting: 10_000, running: 0, done: 0, failed: 0 });
    expect(await queueStatus(url)).toMatchObject([
      { location: folder, waiting: 10_000, workers: 0 },
    ]);
    await queues[0].remove();
    expect(await queueStatus(url)).toEqual([]);
    await Promise.all(queues.map((queue) => queue.close()));
  });

  test("passwords of addresses are in no message", async () => {
    const address = "redis://someone:hunter%2F2@127.0.0.1:6379/0";
    const parsed = parseQueueAddress(address);
    expect(parsed.shown).toBe("redis://127.0.0.1:6379/0");
    const masked = maskSecrets(`${address} said no to someone with hunter/2, hunter%2F2`, parsed);
    expect(masked).not.toMatch(/hunter|someone/);
    const asked = parseQueueAddress("postgres://host/x?sslpassword=hunter2&application_name=me");
    expect(asked.shown).toBe("postgres://host/x");
    expect(maskSecrets("hunter2 of me at host", asked)).toBe("*** of me at host");
    for (const wrong of ["http://host", "redis:", "nonsense", "s3://secret@x"])
      expect(() => parseQueueAddress(wrong)).toThrow(OptionError);
    expect(() => parseQueueAddress("amqp://me:secret@host")).toThrow(/^(?!.*secret).*amqp:/s);
  });

  test("a server that is not there: an error within bounds", async () => {
    const gone = "redis://me:hunter2@127.0.0.1:1";
    const store = folderStore(join(place, "gone"));
    const built = build(store, { handOut: handOutTo({ queue: gone, reach: 1 }) });
    await expect(built).rejects.toThrow(EnvironmentError);
    await expect(built).rejects.toThrow(/redis:\/\/127\.0\.0\.1:1 could not be reached for \d s/);
    await expect(built).rejects.not.toThrow(/hunter2/);
    const controller = new AbortController();
    const worker = runWorker({ queue: gone, workers: 1, reach: 1, signal: controller.signal });
    await expect(worker.next()).rejects.toThrow(/127\.0\.0\.1:1 could not be reached for \d s/);
    const stopped = startCommand(["worker", "--queue", gone], { cwd: place });
    await new Promise((done) => setTimeout(done, 3000));
    stopped.child.kill("SIGINT"); // long before the two minutes for which it would try
    expect(await stopped.ended).toBe(130);
    const { code, stderr } = await weightspace(["queue", "status", "--queue", gone]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/could not be reached/);
    expect(stderr).not.toMatch(/hunter2/);
  });

  test.each([
    ["bullmq", "redis", /bullmq is not installed; install it with: npm install bullmq ioredis/],
    [
      "ioredis",
      "redis",
      /ioredis, which the queue needs, is not installed; .* npm install ioredis/,
    ],
    ["pg", "postgres", /pg, which the queue needs, is not installed; .* npm install pg/],
  ])("without the package %s: an error that names it and the command", async (name, kind, says) => {
    const hook = `export const resolve = async (name, context, next) => {
      if (name === ${JSON.stringify(name)}) throw Object.assign(new Error("none"), { code: "ERR_MODULE_NOT_FOUND" });
      return next(name, context);
    };`;
    const start = `import { register } from "node:module"; register(${JSON.stringify(dataUrl(hook))});`;
    const { ended, output } = startCommand(["worker", "--queue", `${kind}://127.0.0.1/x`], {
      cwd: place,
      env: { NODE_OPTIONS: `--import ${dataUrl(start)}` },
    });
    expect(await ended).toBe(1);
    expect(output()).toMatch(says);
  });

  test("no worker for as long as the patience lasts: an error that says how to start one", async () => {
    const store = folderStore(join(place, "alone"));
    const built = build(store, { handOut: handOutTo({ queue: url, patience: 1 }) });
    await expect(built).rejects.toThrow(
      /nobody has worked on the list for 1 s; start workers with/,
    );
  });
});
