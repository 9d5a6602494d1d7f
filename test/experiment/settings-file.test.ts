// The settings kept beside an experiment's runs: what is damaged is refused by name, without running out of stack.

import { expect, test } from "vitest";
import { FormatError } from "../../src/core/errors.ts";
import {
  checkSettings,
  type ExperimentSettings,
  keepSettings,
  settingsName,
} from "../../src/experiment/settings.ts";
import { memoryStore } from "../../src/core/store.ts";

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
  await store.write("linear-0.json", new Uint8Array());
  await keepSettings(store, settings, data);
  await expect(checkSettings(store, settings, data)).resolves.toBeUndefined();
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
