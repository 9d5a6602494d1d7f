// Parts of an experiment: small files of finished runs, without weights, from which another call goes on.

import { beforeAll, expect, test } from "vitest";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { runInPlace } from "../../src/experiment/job-pool.ts";
import { runExperiment, type ExperimentEvent } from "../../src/experiment/run-experiment.ts";
import { maxPartBytes } from "../../src/work/unit-parts.ts";
import { folderStore } from "../../src/node/folder-store.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { zooDataset, type ZooDataset } from "../../src/zoo/zoo-dataset.ts";

const settings = {
  models: [{ name: "linear", options: {} }],
  seeds: 2,
  seed: 0,
  split: [0.5, 0.25, 0.25] as const,
  budget: { epochs: 1, batchSize: 4, rate: 0.003 },
};

let dataset: ZooDataset;
beforeAll(async () => {
  const folder = new URL("../fixtures/version-0.1/zoo", import.meta.url).pathname;
  dataset = await zooDataset(await openZoo(folderStore(folder)));
});

async function run(store: ZooStore, parts: ZooStore, changed = {}, machine?: string) {
  const events: ExperimentEvent[] = [];
  for await (const event of runExperiment({
    dataset,
    settings: { ...settings, ...changed },
    store,
    parts,
    ...(machine !== undefined && { pool: () => ({ ...runInPlace(), machine }) }),
  }))
    events.push(event);
  const outcome = events.flatMap((event) => (event.type === "done" ? [event.outcome] : []))[0];
  const trained = events.filter(({ type }) => type === "run").length;
  const warnings = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  return { outcome, trained, warnings };
}

test("every finished run leaves a small file; a call with parts alone trains nothing and ends the same", async () => {
  const parts = memoryStore("parts");
  const first = await run(memoryStore(), parts);
  expect(first.trained).toBe(2);
  const names = (await parts.list()).filter((name) => name.startsWith("linear")).sort();
  expect(names).toEqual(["linear-0.json", "linear-1.json"]);
  for (const name of names) {
    expect(await parts.size(name)).toBeLessThan(maxPartBytes);
    const text = new TextDecoder().decode(await parts.read(name));
    expect(Object.keys(JSON.parse(text))).not.toContain("params");
  }
  const again = await run(memoryStore(), parts);
  expect(again.trained).toBe(0);
  expect(again.outcome).toEqual(first.outcome);
  await parts.remove("linear-1.json");
  const half = await run(memoryStore(), parts);
  expect(half.trained).toBe(1);
  expect(half.outcome.rows[0].taus).toEqual(first.outcome.rows[0].taus);
});

test("a part with a changed byte is not believed, and parts of another experiment are refused", async () => {
  const parts = memoryStore("parts");
  await run(memoryStore(), parts);
  const bytes = (await parts.read("linear-0.json"))!.slice();
  bytes[bytes.length - 4] ^= 1;
  await parts.write("linear-0.json", bytes);
  const again = await run(memoryStore(), parts);
  expect(again.trained).toBe(1);
  expect(again.warnings).toEqual([expect.stringContaining("linear-0.json in parts is damaged")]);
  await expect(run(memoryStore(), parts, { seed: 1 })).rejects.toThrow(
    /parts holds runs with seed 0/,
  );
});

test("a row says on which machines its trainings were, whoever collects it; nothing where one is not known", async () => {
  const parts = memoryStore("parts");
  await run(memoryStore(), parts, {}, "one of ours, 2 cores");
  await parts.remove("linear-1.json");
  const elsewhere = await run(memoryStore(), parts, {}, "another, 16 cores");
  expect(elsewhere.trained).toBe(1);
  expect(elsewhere.outcome.rows[0].machine).toBe("one of ours, 2 cores; another, 16 cores");
  const collected = await run(memoryStore(), parts, {}, "a third, 1 core");
  expect(collected.outcome.rows[0]).toEqual(elsewhere.outcome.rows[0]);
  await parts.remove("linear-1.json");
  const silent = await run(memoryStore(), parts); // control
  expect(silent.outcome.rows[0]).not.toHaveProperty("machine");
});
