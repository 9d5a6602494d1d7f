import { beforeAll, describe, expect, test } from "vitest";
import { EnvironmentError, OptionError } from "../../src/core/errors.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { build, digestsOf, filesOf, smallZoo, storeOf } from "./small-zoo.ts";

let whole: ZooStore;
let wholeFiles: Map<string, Uint8Array>;
let wholeDigests: Record<string, string>;
beforeAll(async () => {
  whole = memoryStore();
  await build(whole);
  wholeFiles = await filesOf(whole);
  wholeDigests = await digestsOf(whole);
});

const copy = () => storeOf(wholeFiles);

describe("what a builder refuses", () => {
  test("a store that holds another zoo", async () => {
    const store = await copy();
    await expect(build(store, { seed: 12 })).rejects.toThrow(
      /holds a zoo with seed 11, asked for 12/,
    );
    await expect(build(store, { networks: 43 })).rejects.toThrow(/networks 44, asked for 43/);
    await expect(build(store, { shardSize: 16 })).rejects.toThrow(/shard size 8/);
    const recipe = { ...smallZoo.recipe, batch: 17 };
    await expect(build(store, { recipe })).rejects.toThrow(OptionError);
    expect(await digestsOf(store)).toEqual(wholeDigests);
  });

  test("counts that are not whole and recipes that are not recipes", async () => {
    for (const wrong of [
      { networks: 0 },
      { networks: 1.5 },
      { networks: 1e15 },
      { workers: -1 },
      { shardSize: 0 },
    ]) {
      await expect(build(memoryStore(), wrong)).rejects.toThrow(OptionError);
    }
    const recipe = { ...smallZoo.recipe, dataFraction: [1, 0.5] as [number, number], batch: 0 };
    await expect(build(memoryStore(), { recipe })).rejects.toThrow(/batch:[^]*dataFraction:/);
  });

  test("a second builder in the same place", async () => {
    const store = memoryStore("the shed");
    const unlock = await store.lock();
    await expect(build(store)).rejects.toThrow(/the shed is in use by another builder/);
    await unlock();
    await build(store, { networks: 2 });
  });

  test("a store that fills up: one clear error, finished shards safe, the lock given back", async () => {
    const inner = memoryStore();
    let room = 3;
    const fill = (name: string) => {
      if (room-- === 0) throw new EnvironmentError(`cannot write ${name}: the disk is full`);
    };
    const full: ZooStore = {
      ...inner,
      write: async (name, bytes) => {
        fill(name);
        await inner.write(name, bytes);
      },
      create: async (name, bytes) => {
        fill(name);
        return inner.create(name, bytes);
      },
    };
    await expect(build(full)).rejects.toThrow(EnvironmentError);
    expect((await openZoo(inner)).rows).toHaveLength(16);
    await build(inner);
    expect(await digestsOf(inner)).toEqual(wholeDigests);
  });
});
