// What a queue costs: seconds until 10,000 units are handed out, twice, and milliseconds a unit that does nothing. Printed, and
// written to docs/results/queue-overhead.json with FAULTS_TABLE=1; the figures are no laws, the counts are.

import { afterAll, expect, test, type TestContext } from "vitest";
import { parseQueueAddress, queueServer } from "../../src/node/queue/connect.ts";
import { unitQueue } from "../../src/node/queue/unit-queue.ts";
import { digestOf } from "../../src/work/work-list.ts";
import { writeMeasured } from "../support/servers/write-table.ts";
import { startPostgres, startRedis } from "../support/servers/servers.ts";

const fail = ((note?: unknown) => {
  throw new Error(String(note));
}) as TestContext["skip"];

const rows: Record<string, unknown>[] = [];
afterAll(async () => {
  process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
  if (process.env.FAULTS_TABLE === undefined || rows.length < 6) return;
  await writeMeasured("queue-overhead", {
    title: "What a queue costs",
    command: "FAULTS_TABLE=1 npm run test:faults -- overhead",
    seed: 0,
    rows,
  });
});

const unitsOf = (count: number) =>
  Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const plan = { name: `shard-${String(i).padStart(5, "0")}.safetensors`, from: i, count: 1 };
      return { id: await digestOf(plan), ...plan };
    }),
  );

const listOf = (digit: string) => ({
  digest: digit.repeat(64),
  kind: "zoo",
  location: "/nowhere",
});

/** Seconds on the clock, and seconds of a core that this process took. */
async function timed(work: () => Promise<void>): Promise<{ seconds: number; coreSeconds: number }> {
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  const round = (value: number) => Number(value.toFixed(2));
  return {
    seconds: round((performance.now() - began) / 1000),
    coreSeconds: round((user + system) / 1e6),
  };
}

test.each(["redis", "postgres"] as const)("on %s", { timeout: 170_000 }, async (kind) => {
  const start = kind === "redis" ? startRedis : startPostgres;
  const running = await start({ skip: fail });
  try {
    const server = await queueServer(parseQueueAddress(running.url));
    const retry = { attempts: 3, pause: 10 };
    const queue = unitQueue(server, listOf("a"), retry, () => undefined);
    const units = await unitsOf(10_000);
    const first = await timed(() => queue.add(units));
    const second = await timed(() => queue.add(units));
    expect(await queue.counts()).toMatchObject({ waiting: 10_000, done: 0 });

    const some = unitQueue(server, listOf("b"), retry, () => undefined);
    await some.add(units.slice(0, 1000));
    const worker = server.worker("b".repeat(64), async () => ({}), {
      concurrency: 1,
      drainDelay: 1,
    });
    const work = await timed(async () => {
      while ((await some.counts()).done < 1000) await new Promise((done) => setTimeout(done, 50));
    });
    await worker.close();
    await Promise.all([queue.remove(), some.remove()]);
    await Promise.all([queue.close(), some.close()]);
    rows.push(
      { queue: kind, work: "handed out", units: 10_000, ...first },
      { queue: kind, work: "handed out again", units: 10_000, ...second },
      { queue: kind, work: "units that do nothing, one worker", units: 1000, ...work },
    );
  } finally {
    await running.stop();
  }
});
