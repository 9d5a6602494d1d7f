// What an experiment compares, under which budget; kept beside its results so that a resumed run is the same one.

import { OptionError } from "../core/errors.ts";
import type { ModelOptions } from "../models/registry.ts";
import type { ZooStore } from "../zoo/store.ts";
import type { Budget } from "./job.ts";

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

/**
 * Keeps the settings in the store, or checks that they are those of the runs already there.
 * @throws {OptionError} naming the first difference.
 */
export async function agreeSettings(
  store: ZooStore,
  settings: ExperimentSettings,
  networks: number,
): Promise<void> {
  const wanted: Record<string, unknown> = { ...settings, networks };
  const found = await store.read(settingsName);
  if (found === undefined) {
    await store.write(settingsName, new TextEncoder().encode(JSON.stringify(wanted, null, 2)));
    return;
  }
  const kept = JSON.parse(new TextDecoder().decode(found)) as Record<string, unknown>;
  const differing = Object.keys({ ...kept, ...wanted }).find(
    (key) => JSON.stringify(kept[key]) !== JSON.stringify(wanted[key]),
  );
  if (differing === undefined) return;
  throw new OptionError(
    `experiment: ${store.location} holds runs with ${differing} ${JSON.stringify(kept[differing])}, got ${JSON.stringify(wanted[differing])}; choose another folder or the same settings`,
  );
}
