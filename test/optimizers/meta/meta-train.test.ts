// Meta-training as a whole on a small problem: it learns, resumes to the same numbers, survives what goes wrong.

import { beforeAll, describe, expect, test } from "vitest";
import { EnvironmentError } from "../../../src/core/errors.ts";
import { memoryStore, type ZooStore } from "../../../src/core/store.ts";
import { startEngine } from "../../../src/engine/start.ts";
import {
  metaTrain,
  type MetaEvent,
  type MetaTrainOptions,
} from "../../../src/optimizers/meta/meta-train.ts";
import { metaFile, readMetaCheckpoint } from "../../../src/optimizers/meta/meta-checkpoint.ts";
import { defaultSettings, type MetaSettings } from "../../../src/optimizers/meta/settings.ts";
import { unrollInPlace } from "../../../src/optimizers/meta/unroll-pool.ts";
import { unrollGroup } from "../../../src/optimizers/meta/unrolls.ts";
import { optimizerKind } from "../../../src/optimizers/registry.ts";
import { quadraticTask } from "../../support/quadratic-task.ts";

beforeAll(() => startEngine());

const settings: MetaSettings = {
  ...defaultSettings,
  kind: "unf-small",
  task: "quadratic",
  outerSteps: 8,
  pairs: 3,
  truncation: 4,
  horizon: [8, 16],
  warmup: 2,
  seed: 3,
};

async function events(options: Partial<MetaTrainOptions> & { store: ZooStore }) {
  const task = options.task ?? (await quadraticTask());
  const all: MetaEvent[] = [];
  const given = { settings, task, pool: unrollInPlace(task), checkpointEvery: 3, ...options };
  for await (const event of metaTrain(given)) all.push(event);
  return all;
}

const doneOf = (all: readonly MetaEvent[]) => {
  const last = all[all.length - 1];
  if (last.type !== "done") throw new Error(`expected the end, got ${last.type}`);
  return last;
};
const numbersOf = (all: readonly MetaEvent[]) =>
  Object.values(doneOf(all).theta).flatMap(({ data }) => [...data]);

/** The events before the generator threw. */
async function interrupted(store: ZooStore, after: number) {
  const controller = new AbortController();
  const task = await quadraticTask();
  const run = metaTrain({
    settings,
    task,
    pool: unrollInPlace(task),
    checkpointEvery: 3,
    store,
    signal: controller.signal,
  });
  await expect(async () => {
    for await (const event of run)
      if (event.type === "step" && event.step === after) controller.abort();
  }).rejects.toThrow(/abort/i);
}

describe("going on", () => {
  test("interrupted twice, it ends with the numbers of a run in one piece", async () => {
    const whole = await events({ store: memoryStore() });
    const store = memoryStore();
    await interrupted(store, 2);
    await interrupted(store, 5);
    const rest = await events({ store });
    expect(rest[0]).toMatchObject({ type: "start", step: 5 });
    expect(numbersOf(rest)).toEqual(numbersOf(whole));
    expect(doneOf(rest).history).toEqual(doneOf(whole).history);
    const other = await events({ store: memoryStore(), settings: { ...settings, seed: 4 } });
    expect(numbersOf(other)).not.toEqual(numbersOf(whole)); // control
  });
  test("killed between checkpoints, it repeats what was lost, to the same numbers", async () => {
    const store = memoryStore();
    const task = await quadraticTask();
    const run = metaTrain({ settings, task, pool: unrollInPlace(task), checkpointEvery: 3, store });
    const kept = memoryStore();
    for await (const event of run) {
      if (event.type === "checkpoint" && event.step === 3)
        for (const name of await store.list())
          await kept.write(name, (await store.read(name)) as Uint8Array);
      if (event.type === "step" && event.step === 5) break;
    }
    const rest = await events({ store: kept });
    expect(rest[0]).toMatchObject({ type: "start", step: 3 });
    expect(numbersOf(rest)).toEqual(numbersOf(await events({ store: memoryStore() })));
  });
  test("without the networks of the unrolls it says so, begins new episodes and goes on", async () => {
    const store = memoryStore();
    await interrupted(store, 5);
    await store.remove("unrolls-5.safetensors");
    const rest = await events({ store });
    expect(rest[1]).toMatchObject({ type: "warning" });
    expect(doneOf(rest)).toMatchObject({ complete: true, step: 8 });
  });
  test("it stops at a checkpoint when its time is over", async () => {
    const store = memoryStore();
    const all = await events({ store, seconds: 0 });
    expect(doneOf(all)).toMatchObject({ complete: false, step: 1 });
    expect((await readMetaCheckpoint((await store.read(metaFile)) as Uint8Array)).step).toBe(1);
  });
  test("after the end only the small file is left, and running again changes nothing", async () => {
    const store = memoryStore();
    const first = await events({ store });
    expect(await store.list()).toEqual([metaFile]);
    const again = await events({ store });
    expect(again.map(({ type }) => type)).toEqual(["start", "done"]);
    expect(numbersOf(again)).toEqual(numbersOf(first));
  });
});

describe("parts", () => {
  /** Episodes of 10 to 20 outer steps, which are under way where parts end. */
  const long: MetaSettings = {
    ...settings,
    kind: "sgdm",
    outerSteps: 110,
    rate: 0.02,
    horizon: [40, 80],
  };
  const startOf = (all: readonly MetaEvent[]) => all.find(({ type }) => type === "start");
  const warningsOf = (all: readonly MetaEvent[]) =>
    all.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  /** The parts of a run that ended at an outer step, and nothing else of it. */
  async function partsUntil(step: number): Promise<ZooStore> {
    const parts = memoryStore("parts");
    const task = await quadraticTask();
    const options = { settings: long, task, pool: unrollInPlace(task), store: memoryStore() };
    for await (const event of metaTrain({ ...options, parts }))
      if (event.type === "step" && event.step === step) break;
    return parts;
  }
  const stepsIn = async (parts: ZooStore) =>
    (await parts.list()).flatMap((name) => /^steps-(.*)-\w{16}/.exec(name)?.[1] ?? []).sort();

  test("a run without its checkpoints goes on from them, to the numbers of one in one piece", async () => {
    const alone = await events({ store: memoryStore(), settings: long });
    for (const [step, known] of [
      [53, 50],
      [101, 100],
    ]) {
      const parts = await partsUntil(step);
      const rest = await events({ store: memoryStore(), settings: long, parts });
      expect(startOf(rest)).toMatchObject({ step: known });
      expect(warningsOf(rest)).toEqual([]);
      expect(numbersOf(rest)).toEqual(numbersOf(alone));
      expect(doneOf(rest).history).toEqual(doneOf(alone).history);
      expect(await stepsIn(parts)).toEqual(["1-50", "101-110", "51-100"]);
      const again = await events({ store: memoryStore(), settings: long, parts });
      expect(again.filter(({ type }) => type === "step")).toEqual([]); // all is known
      expect(numbersOf(again)).toEqual(numbersOf(alone));
    }
  });
  test("a damaged part is named; steps from it on are done again, or made of the checkpoint", async () => {
    const parts = await partsUntil(101);
    const name = (await parts.list()).find((each) => each.startsWith("steps-51-100"))!;
    const sound = (await parts.read(name))!;
    const store = memoryStore();
    await events({ store, settings: long, parts, seconds: 0 }); // a checkpoint at step 101
    const damage = async () => {
      const bytes = sound.slice();
      bytes[40] ^= 1;
      await parts.write(name, bytes);
    };
    await damage();
    const rest = await events({ store: memoryStore(), settings: long, parts });
    expect(startOf(rest)).toMatchObject({ step: 50 });
    expect(warningsOf(rest)).toEqual([`${name} in parts is damaged; it is made anew`]);
    await damage();
    const other = await events({ store, settings: long, parts });
    expect(startOf(other)).toMatchObject({ step: 101 });
    expect(warningsOf(other)).toEqual([`${name} in parts is damaged; it is made anew`]);
    expect(numbersOf(other)).toEqual(numbersOf(rest));
    expect(await parts.read(name)).toEqual(sound);
  });
  test("those of other settings are refused; other networks are told", async () => {
    const parts = await partsUntil(53);
    const other = events({ store: memoryStore(), settings: { ...long, noise: 0.02 }, parts });
    await expect(other).rejects.toThrow(/parts holds parts with noise 0.01, got 0.02/);
    const task = await quadraticTask({ curvature: 0.2 });
    const rest = await events({ store: memoryStore(), settings: long, parts, task });
    expect(warningsOf(rest)).toEqual([expect.stringContaining("differ from those of the parts")]);
  });
});

test("two groups of pairs side by side find the theta of one, up to rounding", async () => {
  const task = await quadraticTask();
  const alone = numbersOf(await events({ store: memoryStore(), task }));
  const pool = { ...unrollInPlace(task), width: 2 };
  const parted = numbersOf(await events({ store: memoryStore(), task, pool }));
  const worst = Math.max(...alone.map((value, i) => Math.abs(value - parted[i])));
  expect(worst).toBeLessThan(1e-3);
  const store = memoryStore();
  await interrupted(store, 5); // saved by one group, loaded by two
  const mixed = numbersOf(await events({ store, task, pool }));
  expect(Math.max(...alone.map((value, i) => Math.abs(value - mixed[i])))).toBeLessThan(1e-3);
});

describe("learning", () => {
  const longer: MetaSettings = {
    ...settings,
    kind: "sgdm",
    outerSteps: 60,
    rate: 0.02,
    horizon: [16, 16],
  };
  /** Loss after meta-training over loss before, both over several outer steps. */
  async function gain(own: MetaSettings): Promise<number> {
    const task = await quadraticTask({ curvature: 0.2 });
    const losses = (await events({ store: memoryStore(), task, settings: own })).flatMap((event) =>
      event.type === "step" ? [event.loss] : [],
    );
    const mean = (list: number[]) => list.reduce((sum, x) => sum + x, 0) / list.length;
    return mean(losses.slice(-15)) / mean(losses.slice(0, 15));
  }
  test.each(["pes", "nres"] as const)(
    "%s makes the inner loss smaller; no rate does not",
    async (estimator) => {
      expect(await gain({ ...longer, estimator })).toBeLessThan(0.7);
      expect(await gain({ ...longer, estimator, rate: 1e-9 })).toBeGreaterThan(0.85);
    },
  );
  test("weights in units of 1 / 2 learn as with a rate four times as high", async () => {
    const task = await quadraticTask();
    const program = optimizerKind("sgdm").program(task.spec);
    const losses = async (rescale: readonly [number, number], alpha: number) => {
      const own: MetaSettings = { ...settings, kind: "sgdm", rescale };
      const group = unrollGroup({ settings: own, task, program, pairs: 1 });
      const times = [{ pair: 0, episode: 0, step: 0, began: 0 }];
      const [{ plus }] = await group.run({
        theta: Float32Array.of(Math.log(alpha) / 10, 0),
        times,
      });
      await group.close();
      return Array.from(plus);
    };
    const scaled = await losses([2, 2], 1);
    const plain = await losses([1, 1], 4);
    for (const [at, loss] of plain.entries()) expect(scaled[at]).toBeCloseTo(loss, 5);
    expect(Math.abs((await losses([1, 1], 1))[3] - plain[3])).toBeGreaterThan(1e-3); // control
  });
});

describe("what goes wrong", () => {
  test("tasks that diverge are counted and begin again; theta stays finite", async () => {
    const task = await quadraticTask({ broken: 40 });
    const all = await events({ store: memoryStore(), task });
    const counts = all.flatMap((event) => (event.type === "step" ? [event.diverged] : []));
    expect(counts[0]).toBe(0);
    expect(counts[counts.length - 1]).toBe(3);
    expect(numbersOf(all).every(Number.isFinite)).toBe(true);
  });
  test("a folder with another run is refused by the setting that differs", async () => {
    const store = memoryStore();
    await interrupted(store, 5);
    await expect(events({ store, settings: { ...settings, noise: 0.02 } })).rejects.toThrow(
      /a run with noise 0.01, got 0.02/,
    );
  });
  test("a damaged checkpoint is refused, whichever of its bytes has changed", async () => {
    const store = memoryStore();
    await interrupted(store, 5);
    const bytes = (await store.read(metaFile)) as Uint8Array;
    for (const at of [bytes.length - 3, Math.floor(bytes.length / 2)]) {
      const damaged = bytes.slice();
      damaged[at] ^= 1;
      await store.write(metaFile, damaged);
      await expect(events({ store })).rejects.toThrow(/damaged/);
    }
  });
  test("a full disk ends the run with its error, and the last checkpoint is still good", async () => {
    const store = memoryStore();
    let writes = 0;
    const full: ZooStore = {
      ...store,
      write: async (name, bytes) => {
        writes++;
        if (writes > 3) throw new EnvironmentError(`cannot write ${name}: no space left on device`);
        await store.write(name, bytes);
      },
    };
    await expect(events({ store: full })).rejects.toThrow(/no space left/);
    const kept = await readMetaCheckpoint((await store.read(metaFile)) as Uint8Array);
    expect(kept.step).toBe(3);
    const rest = await events({ store });
    expect(rest[0]).toMatchObject({ type: "start", step: 3 });
    expect(numbersOf(rest)).toEqual(numbersOf(await events({ store: memoryStore() })));
  });
  test("settings out of their range are refused by name", async () => {
    for (const [wrong, message] of [
      [{ outerSteps: 0 }, /outerSteps expected a whole number from 1/],
      [{ noise: 0 }, /noise expected a number above 0/],
      [{ horizon: [2, 16] }, /horizon\[0\] expected a whole number from 4/],
      [{ rescale: [2, 1] }, /rescale expected \[smallest, largest\]/],
      [{ kind: "unff" }, /no learned optimizer "unff"/],
    ] as const)
      await expect(
        events({ store: memoryStore(), settings: { ...settings, ...wrong } as MetaSettings }),
      ).rejects.toThrow(message);
  });
});
