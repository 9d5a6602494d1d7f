// Parts of a build: small files of finished shards, without weights, that say whether networks came out the same again.

import { expect, test } from "vitest";
import { memoryStore } from "../../src/core/store.ts";
import { build, digestsOf, smallZoo } from "./small-zoo.ts";

test("every shard leaves a small file without weights; a zoo built again is compared with them", async () => {
  const [zoo, parts] = [memoryStore(), memoryStore("parts")];
  await build(zoo, { networks: 16, parts });
  expect((await parts.list()).sort()).toEqual(["shard-00000.json", "shard-00001.json"]);
  const text = new TextDecoder().decode(await parts.read("shard-00001.json"));
  const { networks } = JSON.parse(text) as { networks: { metrics: Record<string, number> }[] };
  expect(networks).toHaveLength(smallZoo.shardSize);
  expect(Object.keys(networks[0])).toEqual(["index", "finite", "metrics"]);
  const metrics = ["trainLoss", "testLoss", "testAccuracy"];
  expect(Object.keys(networks[0].metrics)).toEqual(expect.arrayContaining(metrics));
  expect(text.length).toBeLessThan(200_000);
  const before = await digestsOf(parts);
  const warnings = async (seed: number) =>
    (await build(memoryStore(), { networks: 16, parts, seed })).flatMap((event) =>
      event.type === "warning" ? [event.message] : [],
    );
  expect(await warnings(smallZoo.seed)).toEqual([]);
  expect(await warnings(smallZoo.seed + 1)).toEqual([
    expect.stringContaining("shard-00000.safetensors is not the shard"),
    expect.stringContaining("shard-00001.safetensors is not the shard"),
  ]);
  expect(await digestsOf(parts)).toEqual(before);
});

test("a part with a changed byte is named and written anew", async () => {
  const [zoo, parts] = [memoryStore(), memoryStore("parts")];
  await build(zoo, { networks: 8, parts });
  const before = await digestsOf(parts);
  const bytes = (await parts.read("shard-00000.json"))!.slice();
  bytes[bytes.length - 9] ^= 1;
  await parts.write("shard-00000.json", bytes);
  const events = await build(zoo, { networks: 8, parts });
  expect(events).toContainEqual({
    type: "warning",
    message: "shard-00000.json in parts is damaged; it is written anew",
  });
  expect(await digestsOf(parts)).toEqual(before);
});
