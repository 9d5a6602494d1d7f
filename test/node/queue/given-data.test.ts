// What workers of a queue need besides the store: images that do not come with the package, known by their digest, and a learnt start,
// which lies in the store.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { memoryStore, type ZooStore } from "../../../src/core/store.ts";
import { buildZoo, type NodeBuildOptions } from "../../../src/node/build-zoo.ts";
import { folderStore } from "../../../src/node/folder-store.ts";
import { readImageFolder } from "../../../src/node/image-folder.ts";
import { readManifest } from "../../../src/zoo/manifest.ts";
import { parseRecipe } from "../../../src/zoo/recipe.ts";
import { recipeNamed } from "../../../src/zoo/recipes.ts";
import { writeImageFolder } from "../../support/files/idx-files.ts";
import { sharedServer } from "../../support/servers/servers.ts";
import { handOutTo, startCommand, startWorkers } from "../../support/queue-workers.ts";
import { digestsOf } from "../../zoo/small-zoo.ts";

const needRedis = sharedServer("redis");
const recipe = parseRecipe({
  ...recipeNamed("pictures-fashion-mnist"),
  batch: 18,
  start: "meta",
  meta: { rounds: 3, networks: 4, steps: 10, mix: 1 },
  steps: { fullChance: 1, range: [10, 10] },
});

let [place, images]: string[] = [];
let data: Uint8Array;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "weightspace-given-"));
  images = await writeImageFolder(join(place, "images"));
  data = await readImageFolder(images);
});
afterAll(() => rm(place, { recursive: true, force: true }));

async function build(store: ZooStore, options: Partial<NodeBuildOptions> = {}): Promise<void> {
  const usual = { recipe, networks: 6, seed: 3, shardSize: 2, workers: 0, data };
  for await (const _ of buildZoo({ ...usual, store, ...options })) continue;
}

test("given images and a learnt start: the bytes of one place; workers without these images refuse", async ({
  skip,
}) => {
  const { url } = await needRedis({ skip });
  const whole = memoryStore();
  await build(whole);
  const expected = await digestsOf(whole);
  expect(expected).toHaveProperty("start.safetensors");
  const store = folderStore(join(place, "zoo"));
  const others = await readImageFolder(await writeImageFolder(join(place, "other"), { change: 1 }));
  const without = startWorkers(1, { queue: url, within: [place] });
  const wrong = startWorkers(1, { queue: url, within: [place], data: [others] });
  const building = build(store, { handOut: handOutTo({ queue: url, patience: 30 }) });
  const refusal = async ({ events }: typeof wrong): Promise<string> => {
    const refused = () => events.find((event) => event.type === "refused");
    return (await vi.waitUntil(refused, { timeout: 30_000 })).message;
  };
  expect(await refusal(without)).toMatch(
    /learn images that do not come with the package; start the worker with --data, /,
  );
  const { data: digest } = (await readManifest(store)) ?? {};
  expect(await refusal(wrong)).toMatch(
    new RegExp(`other images than those that this worker was given \\(SHA-256 ${digest}, given `),
  );
  const args = ["--json", "worker", "--queue", url, "--workers", "1", "--data", images];
  const right = startCommand(args, { cwd: place });
  await building;
  right.child.kill("SIGINT");
  for (const workers of [without, wrong])
    expect((await workers.stop()).filter(({ type }) => type === "unit")).toEqual([]);
  await right.ended;
  expect(right.output().split('"type":"unit"')).toHaveLength(1 + 3);
  expect(await digestsOf(store)).toEqual(expected);
});
