// Small files of a build: with them a shard need not be trained again for its metrics, and its weights are not made up.

import { expect, test } from "vitest";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { buildZoo, type BuildEvent, type NodeBuildOptions } from "../../src/node/build-zoo.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { digitsRecipe } from "../../src/zoo/recipe.ts";
import { tableName } from "../../src/zoo/manifest.ts";

const recipe = { ...digitsRecipe, steps: { fullChance: 0, range: [2, 20] as [number, number] } };

async function build(store: ZooStore, parts: ZooStore, changed: Partial<NodeBuildOptions> = {}) {
  const events: BuildEvent[] = [];
  for await (const event of buildZoo({
    recipe,
    networks: 20,
    seed: 3,
    shardSize: 8,
    workers: 0,
    store,
    parts,
    ...changed,
  }))
    events.push(event);
  const done = events.flatMap((event) => (event.type === "done" ? [event] : []))[0];
  const warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  return { built: done.built, skipped: done.skipped, warnings };
}

test("a build skips shards that have a part: the table is that of the whole zoo, the weights are missing", async () => {
  const [whole, parts] = [memoryStore(), memoryStore("parts")];
  expect(await build(whole, parts)).toEqual({ built: 20, skipped: 0, warnings: [] });
  const names = (await parts.list()).filter((name) => name.endsWith(".json"));
  expect(names).toHaveLength(3);
  for (const name of names) expect(await parts.size(name)).toBeLessThan(200_000);

  await parts.remove(names.toSorted()[1]);
  const some = memoryStore();
  expect(await build(some, parts, { skipParts: true })).toEqual({
    built: 8,
    skipped: 12,
    warnings: [],
  });
  expect(await some.read(tableName)).toEqual(await whole.read(tableName));
  const opened = await openZoo(some);
  expect(opened.rows.map(({ run }) => run)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
  expect(await parts.list()).toHaveLength(3); // the shard that was trained has its part again

  // Without the option the rest is trained, and comes out the same.
  expect(await build(some, parts)).toEqual({ built: 12, skipped: 0, warnings: [] });
  expect((await openZoo(some)).rows).toEqual((await openZoo(whole)).rows);
  expect(await some.read(tableName)).toEqual(await whole.read(tableName));
});

test("parts of another recipe, seed or size, and damaged ones, are named and their shards trained", async () => {
  const parts = memoryStore("parts");
  await build(memoryStore(), parts);
  const other = await build(memoryStore(), parts, { seed: 4, skipParts: true });
  expect(other.built).toBe(20);
  expect(other.warnings[0]).toMatch(
    /in parts is of another recipe, seed or data; its shard is trained/,
  );
  const longer = { ...recipe, steps: { ...recipe.steps, range: [2, 21] as [number, number] } };
  expect((await build(memoryStore(), parts, { recipe: longer, skipParts: true })).built).toBe(20);
  const grown = await build(memoryStore(), parts, { networks: 22, skipParts: true });
  expect([grown.built, grown.skipped]).toEqual([6, 16]);

  const [name] = (await parts.list()).toSorted();
  const bytes = (await parts.read(name))!.slice();
  bytes[bytes.length - 5] ^= 1;
  await parts.write(name, bytes);
  const damaged = await build(memoryStore(), parts, { skipParts: true });
  expect([damaged.built, damaged.skipped]).toEqual([8, 12]);
  expect(damaged.warnings).toEqual([expect.stringContaining(`${name} in parts is damaged`)]);
  const without = { store: memoryStore(), parts: undefined, skipParts: true };
  await expect(build(memoryStore(), parts, without)).rejects.toThrow(/skipParts needs parts/);
});
