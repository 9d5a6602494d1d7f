// Faults on purpose, at moments that a seed draws: processes killed and stopped, servers killed and forgetful, an S3 server that
// fails, two coordinators, a full disk, a unit that cannot be done. Run by `npm run test:faults`; FAULTS_REPEATS says how often.
// FAULTS_TABLE=1 keeps every run in runs/faults, runs none that is kept, and writes docs/results/faults.json when all are there.

import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, type TestContext, vi } from "vitest";
import { keptOutcomes } from "./kept-outcomes.ts";
import { randomStream } from "../../src/core/random.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { folderStore } from "../../src/node/folder-store.ts";
import { queueStatus } from "../../src/node/queue/status.ts";
import { openStore } from "../../src/node/open-store.ts";
import type { BuildEvent } from "../../src/zoo/build.ts";
import {
  type Fault,
  type FaultyProxy,
  faultyProxy,
  type Passing,
} from "../support/servers/faulty-proxy.ts";
import { s3Environment, startRedis, startS3 } from "../support/servers/servers.ts";
import type { StartedServer } from "../support/servers/started-server.ts";
import { handOutTo, startWorkerProcess, type WorkerProcess } from "../support/queue-workers.ts";
import { build, digestsOf } from "../zoo/small-zoo.ts";

const repeats = Number(process.env.FAULTS_REPEATS ?? 1);
/** No run may be longer, whatever happens, in milliseconds; then what it has started is ended. */
const bound = 150_000;
/** What ending it may take. */
const tidying = 40_000;

let expected: Record<string, string>;
beforeAll(async () => {
  const store = memoryStore();
  await build(store);
  expected = await digestsOf(store);
});

const outcomes = keptOutcomes();
afterAll(() => outcomes.writeTable());

/** A place, a queue and workers of one run, all gone at its end. */
interface Lab {
  readonly folder: string;
  readonly store: ZooStore;
  readonly redis: StartedServer;
  /** Draws from the seed of the run. */
  readonly random: { uniform(): number; integer(below: number): number };
  worker(env?: Readonly<Record<string, string>>): WorkerProcess;
  /** Builds by the queue, with what it told on the way; always ends. */
  coordinate(store?: ZooStore): Promise<{ events: BuildEvent[]; error?: Error }>;
}

interface LabOptions {
  readonly keeps?: boolean;
  readonly place?: string;
  /** Seconds until a worker that is not heard of has lost its units. @default 3 */
  readonly lock?: number;
  /** Milliseconds in which all has to be over. */
  readonly limit?: number;
}

async function inLab(
  skip: TestContext["skip"],
  seed: number,
  { keeps = true, place, lock = 3, limit = bound }: LabOptions,
  body: (lab: Lab) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "weightspace-fault-"));
  const folder = join(root, "zoo");
  const redis = await startRedis({ skip }, keeps);
  const workers: WorkerProcess[] = [];
  const store = place === undefined ? folderStore(folder) : await openStore(place);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const said = () => workers.map(({ output }) => output().slice(-1000)).join("\n");
    timer = setTimeout(() => reject(new Error(`not over in ${limit} ms: ${said()}`)), limit);
  });
  try {
    const going = body({
      folder,
      store,
      redis,
      random: randomStream(seed),
      worker: (env) => {
        const started = startWorkerProcess(redis.url, root, env, lock);
        workers.push(started);
        return started;
      },
      coordinate: async (own = store) => {
        const options = { queue: redis.url, lock, reach: 30, patience: Math.max(60, 2 * lock) };
        const events: BuildEvent[] = [];
        try {
          events.push(...(await build(own, { handOut: handOutTo(options) })));
          return { events };
        } catch (error) {
          return { events, error: error as Error };
        }
      },
    });
    await Promise.race([going, late]);
  } finally {
    clearTimeout(timer);
    for (const { child } of workers) child.kill("SIGKILL");
    await Promise.all(workers.map(({ ended }) => ended));
    await redis.stop();
    await rm(root, { recursive: true, force: true });
  }
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const warnings = (events: readonly BuildEvent[]): string[] =>
  events.flatMap((event) => (event.type === "warning" ? [event.message] : []));

/** Everything is there, once, and nothing else is. */
async function whole({ store }: Pick<Lab, "store">): Promise<void> {
  expect(await digestsOf(store)).toEqual(expected);
}

/** Runs a fault with so many seeds; the body gives what was said. */
function fault(
  name: string,
  options: LabOptions,
  body: (lab: Lab) => Promise<string>,
  times = repeats,
): void {
  for (let seed = 0; seed < times; seed++) {
    const run = outcomes.expect(name, seed);
    test(
      `${name} (seed ${seed})`,
      { timeout: (options.limit ?? bound) + tidying },
      run(async () => {
        let said = "";
        await inLab(missing, seed, options, async (lab) => void (said = await body(lab)));
        return said;
      }),
    );
  }
}

const missing = ((note?: unknown) => {
  throw new Error(String(note));
}) as TestContext["skip"];

/** Whether a list waits in the queue, with all its units. */
const isHandedOut = async (address: string): Promise<boolean> =>
  (await queueStatus(address)).some(({ waiting }) => waiting > 0);

describe("nothing is lost and nothing is there twice after", () => {
  fault("SIGKILL of a worker in the middle of a unit", {}, async (lab) => {
    const first = lab.worker();
    const building = lab.coordinate();
    await first.told("unit", 1 + lab.random.integer(3));
    await sleep(lab.random.integer(300));
    first.child.kill("SIGKILL");
    await first.ended;
    const done = first.output().split('"type":"unit"').length - 1;
    const second = lab.worker();
    const { error } = await building;
    expect(error).toBeUndefined();
    await whole(lab);
    const units = Object.keys(expected).filter((name) => name.startsWith("shard-")).length;
    if (done === units) return "the worker had done every unit before it was killed";
    await second.told("unit", units - done);
    return "the units of the dead worker go to the other when their locks end";
  });

  const stopped = (milliseconds: number) => async (lab: Lab) => {
    const first = lab.worker();
    const building = lab.coordinate();
    await first.told("list");
    await sleep(lab.random.integer(3000));
    first.child.kill("SIGSTOP");
    lab.worker();
    await sleep(milliseconds);
    first.child.kill("SIGCONT");
    const { error } = await building;
    expect(error).toBeUndefined();
    await sleep(500); // the stopped worker finishes what it had begun
    await whole(lab);
    return /lock was lost[^"(]*/.exec(first.output())?.[0] ?? "stopped between two units";
  };
  fault("SIGSTOP of a worker for 8 s, longer than its lock of 3 s", {}, stopped(8000));
  // Once, with the lock that workers have: it takes two minutes.
  if (process.env.FAULTS_TABLE !== undefined)
    fault(
      "SIGSTOP of a worker for 90 s, longer than its lock of 60 s",
      { lock: 60, limit: 300_000 },
      stopped(90_000),
      1,
    );

  for (const keeps of [true, false])
    fault(
      `Redis killed and restarted ${keeps ? "with" : "without"} its append-only file`,
      { keeps },
      async (lab) => {
        lab.worker();
        const worker = lab.worker();
        const building = lab.coordinate();
        await worker.told("list");
        await sleep(lab.random.integer(2500));
        await lab.redis.kill();
        await sleep(1000 + lab.random.integer(2000));
        await lab.redis.restart();
        const { events, error } = await building;
        expect(error).toBeUndefined();
        await whole(lab);
        const said = warnings(events).join("; ");
        expect(said).toMatch(/does not answer; trying for 30 s|^$/);
        return said.replaceAll(/127\.0\.0\.1:\d+/g, "host") || "over before anybody noticed";
      },
    );

  fault("two coordinators at once", {}, async (lab) => {
    lab.worker();
    lab.worker();
    const both = await Promise.all([lab.coordinate(), lab.coordinate(folderStore(lab.folder))]);
    expect(both.map(({ error }) => error?.message)).toEqual([undefined, undefined]);
    await whole(lab);
    return "both end with the same population";
  });

  fault("a unit that always fails", {}, async (lab) => {
    const building = lab.coordinate();
    for (let i = 0; i < 1000 && !(await isHandedOut(lab.redis.url)); i++) await sleep(20);
    await mkdir(join(lab.folder, "shard-00003.safetensors")); // a file that cannot be written
    lab.worker();
    lab.worker();
    const { error } = await building;
    expect(error?.message).toMatch(/1 shard could not be trained: shard-00003\.safetensors/);
    await rm(join(lab.folder, "shard-00003.safetensors"), { recursive: true });
    const rest = (await lab.store.list()).filter((name) => name.startsWith("shard-"));
    expect(rest).toHaveLength(5);
    expect((await lab.coordinate()).error).toBeUndefined();
    await whole(lab);
    return (error?.message ?? "").replaceAll(/\/\S*weightspace-fault-[^/\s]*/g, "");
  });

  const isRoot = process.getuid?.() === 0 && process.platform === "linux";
  if (isRoot)
    fault("a disk that fills", {}, async (lab) => {
      await mkdir(lab.folder, { recursive: true });
      const size = 150 + lab.random.integer(100);
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}k`, "tmpfs", lab.folder]);
      try {
        lab.worker();
        const { error } = await lab.coordinate();
        expect(error?.message).toMatch(/the disk is full/);
        execFileSync("mount", ["-o", "remount,size=8m", lab.folder]);
        expect((await lab.coordinate()).error).toBeUndefined();
        await whole(lab);
        return /the disk is full[^)]*/.exec(error?.message ?? "")?.[0] ?? "";
      } finally {
        execFileSync("umount", ["-l", lab.folder]);
      }
    });
});

/** A request that fails this often in a row is answered then: clients try six times, and a longer failure is one for good. */
const mostInARow = 3;

/** Fails on two requests of five, as the stream draws; `count` says on how many it has. */
function failing(kind: Fault, random: { uniform(): number }) {
  const inARow = new Map<string, number>();
  let count = 0;
  const plan = ({ method, url }: Passing): Fault | undefined => {
    const key = `${method} ${url}`;
    const before = inARow.get(key) ?? 0;
    const fails = random.uniform() < 0.4 && before < mostInARow;
    inARow.set(key, fails ? before + 1 : 0);
    if (fails) count++;
    return fails ? kind : undefined;
  };
  return { plan, count: () => count };
}

describe("an S3 server that fails on two requests of five, three times in a row at most", () => {
  let [server, proxy]: [StartedServer | undefined, FaultyProxy | undefined] = [
    undefined,
    undefined,
  ];
  beforeAll(async () => {
    server = await startS3({ skip: missing });
    proxy = await faultyProxy(server.url);
    for (const [name, value] of Object.entries(s3Environment(proxy))) vi.stubEnv(name, value);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await proxy?.stop();
    await server?.stop();
  });

  for (const kind of [500, 503, "slow", "cut", "lost"] as const)
    for (let seed = 0; seed < repeats; seed++) {
      const run = outcomes.expect(`S3: ${kind}`, seed);
      test(
        `${kind} (seed ${seed})`,
        { timeout: bound + tidying },
        run(async () => {
          const random = randomStream(seed);
          const place = `s3://bucket/faults/${kind}-${seed}`;
          if (proxy === undefined) throw new Error("no proxy");
          const passing = proxy;
          await inLab(missing, seed, { place }, async (lab) => {
            const faults = failing(kind, random);
            passing.plan = faults.plan;
            lab.worker(s3Environment(passing));
            lab.worker(s3Environment(passing));
            const { error } = await lab.coordinate();
            passing.plan = () => undefined;
            expect(error).toBeUndefined();
            await whole(lab);
            expect(faults.count()).toBeGreaterThan(0);
          });
          return "requests were made again, and nothing is said";
        }),
      );
    }
});
