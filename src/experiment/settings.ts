// What an experiment compares, under which budget; kept beside its results so that a resumed run is the same one.

import { FormatError, OptionError } from "../core/errors.ts";
import type { ModelOptions } from "../models/registry.ts";
import type { ZooStore } from "../zoo/store.ts";
import type { Budget } from "./budget.ts";

export interface ExperimentSettings {
  readonly models: readonly { readonly name: string; readonly options: ModelOptions }[];
  /** Number of training runs per model. */
  readonly seeds: number;
  /** Fixes the split, the group elements and, with the run's number, every training run. */
  readonly seed: number;
  /** Fractions of the networks for training, validation and test. */
  readonly split: readonly [number, number, number];
  readonly budget: Budget;
}

export const settingsName = "experiment-settings.json";

/** Settings bind only what has been trained: results and checkpoints of runs. */
const isOfRun = (name: string) => name !== settingsName && /\.(json|safetensors)$/.test(name);

/** The settings that the runs in a store were trained with; undefined without any run. */
async function bindingSettings(store: ZooStore): Promise<Record<string, unknown> | undefined> {
  const names = await store.list();
  const bytes = names.some(isOfRun) ? await store.read(settingsName) : undefined;
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch (error) {
    throw new FormatError(
      `experiment: ${settingsName} in ${store.location} is damaged (${(error as Error).message}); choose another folder`,
    );
  }
}

const withNetworks = (settings: ExperimentSettings, networks: number): Record<string, unknown> => ({
  ...settings,
  networks,
});

/**
 * Checks, without changing anything, that the settings are those of the runs already in the store.
 * @throws {OptionError} naming the first difference.
 */
export async function checkSettings(
  store: ZooStore,
  settings: ExperimentSettings,
  networks: number,
): Promise<void> {
  const kept = await bindingSettings(store);
  if (kept === undefined) return;
  const wanted = withNetworks(settings, networks);
  const differing = Object.keys({ ...kept, ...wanted }).find(
    (key) => JSON.stringify(kept[key]) !== JSON.stringify(wanted[key]),
  );
  if (differing === undefined) return;
  throw new OptionError(
    `experiment: ${store.location} holds runs with ${differing} ${JSON.stringify(kept[differing])}, got ${JSON.stringify(wanted[differing])}; choose another folder or the same settings`,
  );
}

/** Keeps the settings beside the runs that are about to be trained with them. */
export async function keepSettings(
  store: ZooStore,
  settings: ExperimentSettings,
  networks: number,
): Promise<void> {
  const text = JSON.stringify(withNetworks(settings, networks), null, 2);
  await store.write(settingsName, new TextEncoder().encode(text));
}
