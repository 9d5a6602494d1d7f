// Unrolls in worker threads: the same as in place, and a clear error when a thread dies or cannot work.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { memoryStore } from "../../src/core/store.ts";
import { startEngine } from "../../src/engine/start.ts";
import { openInnerTask } from "../../src/node/open-inner-task.ts";
import { unrollThreads } from "../../src/node/threads/unroll-threads.ts";
import { thetaToVector } from "../../src/optimizers/host-theta.ts";
import { metaFile } from "../../src/optimizers/meta/meta-checkpoint.ts";
import { metaTrain } from "../../src/optimizers/meta/meta-train.ts";
import { defaultSettings } from "../../src/optimizers/meta/settings.ts";
import { type UnrollPool, unrollInPlace } from "../../src/optimizers/meta/unroll-pool.ts";
import { optimizerKind } from "../../src/optimizers/registry.ts";
import { inTemporaryFolder } from "../support/command-line.ts";

beforeAll(() => startEngine());

const source = { task: "digits-mlp" };
const settings = {
  ...defaultSettings,
  kind: "unf-small",
  task: source.task,
  outerSteps: 3,
  pairs: 2,
  truncation: 3,
  horizon: [6, 6],
} as const;

const runWith = async (pool: UnrollPool, store = memoryStore()) => {
  const task = await openInnerTask(source);
  const types: string[] = [];
  for await (const { type } of metaTrain({ settings, task, pool, store, checkpointEvery: 1 }))
    types.push(type);
  return types;
};

test("a thread gives the losses and the networks that this thread gives", async () => {
  const task = await openInnerTask(source);
  const { thetaShapes, initialTheta } = optimizerKind(settings.kind).program(task.spec);
  const theta = thetaToVector(thetaShapes, initialTheta(0));
  const times = [0, 1].map((pair) => ({ pair, episode: 0, step: 0, began: 0 }));
  const both = await Promise.all(
    [unrollInPlace(task), unrollThreads(1, source)].map(async (pool) => {
      const group = await pool.open({ settings, pairs: 2 });
      const first = await group.run({ theta, times });
      const saved = await group.save();
      const later = times.map((time) => ({ ...time, step: 1 }));
      await group.run({ theta, times: later });
      await group.load(saved);
      const again = await group.run({ theta, times: later });
      await group.close();
      return { first, saved, again };
    }),
  );
  expect(both[1]).toEqual(both[0]);
  expect(both[0].again).not.toEqual(both[0].first); // control
});

/** A pool whose threads run a program of ours. */
const poolOf = async (folder: string, text: string) => {
  const path = join(folder, "worker.mjs");
  await writeFile(path, text);
  return unrollThreads(2, source, pathToFileURL(path));
};

test("a thread that dies ends the run with what to do, and the checkpoint stays", async () => {
  await inTemporaryFolder(async (folder) => {
    const store = memoryStore();
    const task = await openInnerTask(source);
    const pool = unrollInPlace(task);
    for await (const event of metaTrain({ settings, task, pool, store, checkpointEvery: 1 }))
      if (event.type === "checkpoint") break;
    const kept = await store.read(metaFile);
    const dying = await poolOf(
      folder,
      `import { parentPort } from "node:worker_threads";
       parentPort.on("message", ({ id, call }) => call === "run" ? process.exit(7) : parentPort.postMessage({ id }));`,
    );
    await expect(runWith(dying, store)).rejects.toThrow(
      /worker thread ended with code 7.*run again to go on/,
    );
    expect(await store.read(metaFile)).toEqual(kept);
    expect(await runWith(pool, store)).toContain("done");
  });
});

test("a thread that throws, at its start or in its work, is told as it is", async () => {
  await inTemporaryFolder(async (folder) => {
    const atStart = await poolOf(folder, `throw new Error("no such task here");`);
    await expect(runWith(atStart)).rejects.toThrow(/no such task here/);
    const unknown = unrollThreads(1, { task: "digits-mpl" });
    await expect(runWith(unknown)).rejects.toThrow(/no inner task "digits-mpl"/);
  });
});
