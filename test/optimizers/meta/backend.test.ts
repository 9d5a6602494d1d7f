// What inner steps of meta-training run on, and that a run goes on with what it was begun with.

import { beforeAll, describe, expect, test } from "vitest";
import { memoryStore, type ZooStore } from "../../../src/core/store.ts";
import { startEngine } from "../../../src/engine/start.ts";
import { hostArithmetic } from "../../../src/kernels/wasm/fused-multiply-add.ts";
import { openInnerTask } from "../../../src/node/open-inner-task.ts";
import { chooseBackend, type MetaBackend } from "../../../src/optimizers/meta/backend.ts";
import { metaFile, readMetaCheckpoint } from "../../../src/optimizers/meta/meta-checkpoint.ts";
import { metaTrain } from "../../../src/optimizers/meta/meta-train.ts";
import { defaultSettings, type MetaSettings } from "../../../src/optimizers/meta/settings.ts";
import { unrollInPlace } from "../../../src/optimizers/meta/unroll-pool.ts";
import type { InnerTask } from "../../../src/tasks/inner/inner-task.ts";
import { quadraticTask } from "../../support/quadratic-task.ts";

let task: InnerTask;
beforeAll(async () => {
  await startEngine();
  task = await openInnerTask({ task: "digits-mlp" });
});

const given: MetaSettings = {
  ...defaultSettings,
  kind: "unf-small",
  task: "digits-mlp",
  outerSteps: 6,
  pairs: 2,
  truncation: 3,
  horizon: [6, 12],
  warmup: 1,
  seed: 2,
};

/** Takes a run on, up to an outer step; the theta it has then. */
async function run(
  store: ZooStore,
  backend: MetaBackend | undefined,
  { until = 6, parts, width = 1 }: { until?: number; parts?: ZooStore; width?: number } = {},
): Promise<number[]> {
  const settings = await chooseBackend(given, { task, store, parts, backend });
  const pool = { ...unrollInPlace(task), width };
  const options = { settings, task, pool, store, checkpointEvery: 1 };
  for await (const event of metaTrain({ ...options, ...(parts && { parts }) })) {
    const isLast = event.type === "checkpoint" && event.step >= until;
    if (event.type === "done" || isLast)
      return Object.values(event.theta).flatMap(({ data }) => [...data]);
  }
  throw new Error("expected theta");
}

const kernelsIn = async (store: ZooStore) =>
  (await readMetaCheckpoint((await store.read(metaFile)) as Uint8Array)).settings.kernels;

describe("a run goes on with what it was begun with", () => {
  test.each(["kernels", "engine"] as const)(
    "%s: stopped and called again without a word, it ends with the numbers of one piece",
    async (backend) => {
      const whole = await run(memoryStore(), backend);
      const store = memoryStore();
      await run(store, backend, { until: 2 });
      expect(await run(store, undefined)).toEqual(whole);
      expect(await kernelsIn(store)).toBe(backend === "kernels" ? hostArithmetic() : undefined);
    },
  );

  test("both come to the same theta, in other last digits; the control is another seed", async () => {
    const [kernels, engine] = [
      await run(memoryStore(), undefined),
      await run(memoryStore(), "engine"),
    ];
    expect(kernels).not.toEqual(engine);
    const worst = Math.max(...kernels.map((x, i) => Math.abs(x - engine[i])));
    expect(worst).toBeLessThan(1e-4);
    const moved = { ...given, seed: 3 };
    const settings = await chooseBackend(moved, { task, store: memoryStore() });
    for await (const event of metaTrain({
      settings,
      task,
      pool: unrollInPlace(task),
      store: memoryStore(),
    }))
      if (event.type === "done") {
        const other = Object.values(event.theta).flatMap(({ data }) => [...data]);
        expect(Math.max(...other.map((x, i) => Math.abs(x - engine[i])))).toBeGreaterThan(1e-2);
      }
  });

  test("on kernels, two groups side by side find the theta of one, to the same numbers", async () => {
    const alone = await run(memoryStore(), "kernels");
    expect(await run(memoryStore(), "kernels", { width: 2 })).toEqual(alone);
    const store = memoryStore();
    await run(store, "kernels", { until: 2 }); // saved by one group, loaded by two
    expect(await run(store, "kernels", { width: 2 })).toEqual(alone);
  });

  test.each([
    ["engine", "kernels", /array engine; go on with backend engine/],
    ["kernels", "engine", /kernels \((plain|fma)\); go on with backend kernels/],
  ] as const)("a run on %s is not gone on with on %s", async (begun, other, message) => {
    const store = memoryStore();
    await run(store, begun, { until: 2 });
    const before = await store.read(metaFile);
    await expect(run(store, other)).rejects.toThrow(message);
    expect(await store.read(metaFile)).toEqual(before);
  });

  test("parts say it too", async () => {
    const parts = memoryStore();
    const engine = await run(memoryStore(), "engine", { parts });
    expect(await run(memoryStore(), undefined, { parts })).toEqual(engine);
    await expect(run(memoryStore(), "kernels", { parts })).rejects.toThrow(/kernels/);
  });

  test("a run whose products rounded otherwise is refused, with the remedy", async () => {
    const store = memoryStore();
    await run(store, "kernels", { until: 2 });
    const kernels = hostArithmetic() === "fma" ? "plain" : "fma";
    const pool = unrollInPlace(task);
    const other = metaTrain({ settings: { ...given, kernels }, task, pool, store });
    await expect(other.next()).rejects.toThrow(`--arithmetic ${kernels}`);
  });
});

test("a task without kernels runs on the engine; asked for kernels, it is refused", async () => {
  const quadratic = await quadraticTask();
  const options = { task: quadratic, store: memoryStore() };
  expect(await chooseBackend(given, options)).toEqual(given);
  await expect(chooseBackend(given, { ...options, backend: "kernels" })).rejects.toThrow(
    /take backend "engine"/,
  );
});
