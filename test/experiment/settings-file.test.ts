// The settings kept beside an experiment's runs: what is damaged is refused by name, without running out of stack.

import { expect, test } from "vitest";
import { FormatError, OptionError } from "../../src/core/errors.ts";
import {
  checkSettings,
  type ExperimentSettings,
  keepSettings,
  settingsName,
} from "../../src/experiment/settings.ts";
import { memoryStore } from "../../src/core/store.ts";
import { hostArithmetic } from "../../src/kernels/wasm/fused-multiply-add.ts";

const settings: ExperimentSettings = {
  models: [{ name: "linear", options: {} }],
  seeds: 1,
  seed: 0,
  split: [0.6, 0.2, 0.2],
  budget: { epochs: 1, batchSize: 8, rate: 1e-3, clipNorm: 1 },
};
const data = { networks: 10 };

test("settings are those that were kept; damaged ones are refused", async () => {
  const store = memoryStore();
  await keepSettings(store, settings, data);
  await store.write("linear-0.json", new Uint8Array());
  await expect(checkSettings(store, settings, data)).resolves.toEqual([]);
  await expect(checkSettings(store, { ...settings, seed: 1 }, data)).rejects.toThrow(
    /seed 0, got 1/,
  );
  const deep = `{"seed": ${"[".repeat(1e5)}${"]".repeat(1e5)}}`;
  for (const text of [deep, "{", "1", "null", ""]) {
    await store.write(settingsName, new TextEncoder().encode(text));
    const checked = checkSettings(store, settings, data);
    await expect(checked).rejects.toThrow(FormatError);
    await expect(checked).rejects.toThrow(/experiment-settings\.json in memory is damaged/);
  }
});

test("settings that several begin with at once are those of the first, before anything is trained", async () => {
  const store = memoryStore();
  const other = { ...settings, budget: { ...settings.budget, epochs: 2 } };
  const both = [settings, other, settings].map((each) => keepSettings(store, each, data, true));
  const [first, second, third] = await Promise.allSettled(both);
  expect([first.status, third.status]).toEqual(["fulfilled", "fulfilled"]);
  expect(second).toMatchObject({ reason: expect.any(OptionError) });
  await expect(both[1]).rejects.toThrow(
    /holds runs with budget .*"epochs":1.*choose another folder/,
  );
  await expect(checkSettings(store, other, data)).rejects.toThrow(OptionError); // one who is alone, too
  await expect(checkSettings(store, settings, data)).resolves.toEqual([]);
  const alone = memoryStore(); // control: alone, what nothing was trained with binds nobody
  await keepSettings(alone, settings, data);
  await expect(checkSettings(alone, other, data)).resolves.toEqual([]);
});

test("runs that round otherwise are refused; folders of earlier versions are read, which is told", async () => {
  const store = memoryStore("runs");
  await keepSettings(store, settings, data);
  await store.write("linear-0.json", new Uint8Array());
  const text = async () => new TextDecoder().decode(await store.read(settingsName));
  const change = async (from: string, to: string) =>
    store.write(settingsName, new TextEncoder().encode((await text()).replace(from, to)));
  const own = hostArithmetic();
  const other = own === "fma" ? "plain" : "fma";
  await change(`"arithmetic": "${own}"`, `"arithmetic": "${other}"`);
  await expect(checkSettings(store, settings, data)).rejects.toThrow(
    /runs holds runs whose training was begun with(out)? fused multiply-add.*run it with --arithmetic (fma|plain).*or choose another folder/,
  );
  await change(`,\n  "arithmetic": "${other}"`, "");
  const [warning] = await checkSettings(store, settings, data);
  expect(warning).toMatch(/runs were begun by a version that did not record how they round/);
  await keepSettings(store, settings, data);
  expect(await text()).not.toContain("arithmetic"); // nobody knows, and nobody claims to know afterwards
});

test("folders of versions that trained linear models by steps are read, which is told where one takes part", async () => {
  const store = memoryStore("runs");
  await keepSettings(store, settings, data);
  await store.write("linear-0.json", new Uint8Array());
  const text = new TextDecoder().decode(await store.read(settingsName));
  expect(text).toContain(`"solved"`);
  const without = Object.fromEntries(
    Object.entries(JSON.parse(text) as object).filter(([key]) => key !== "solved"),
  );
  await store.write(settingsName, new TextEncoder().encode(JSON.stringify(without)));
  await expect(checkSettings(store, settings, data)).resolves.toEqual([
    expect.stringMatching(
      /trained linear by steps: its runs that are finished stay, others are solved/,
    ),
  ]);
  const others = { ...settings, models: [{ name: "stat-nn", options: {} }] };
  const fresh = memoryStore("others");
  await keepSettings(fresh, others, data);
  await fresh.write("stat-nn-0.json", new Uint8Array());
  await expect(checkSettings(fresh, others, data)).resolves.toEqual([]);
});
