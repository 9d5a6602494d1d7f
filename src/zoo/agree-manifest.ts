// What a builder is asked for against what its store holds already: the same zoo goes on, another is refused.

import { canonicalJson } from "../core/canonical-json.ts";
import { loadedPlugins, pluginDifferences, type PluginRecord } from "../core/plugins.ts";
import { sha256 } from "../core/checksum.ts";
import { OptionError } from "../core/errors.ts";
import {
  type Arithmetic,
  hostArithmetic,
  otherArithmetic,
} from "../kernels/wasm/fused-multiply-add.ts";
import { measuresOf, taskEntry } from "../tasks/registry.ts";
import {
  backendOf,
  manifestName,
  manifestToBytes,
  readManifest,
  type ZooManifest,
} from "./manifest.ts";
import { parseRecipe, type Recipe } from "./recipe.ts";
import type { PopulationBackend } from "../kernels/backend.ts";
import { runColumns } from "./training/run.ts";
import type { ZooStore } from "../core/store.ts";

const defaultShardSize = 128;

interface AgreeOptions {
  readonly recipe: Recipe;
  readonly networks: number;
  readonly seed: number;
  readonly store: ZooStore;
  readonly shardSize?: number;
  readonly data?: Uint8Array;
  readonly backend?: PopulationBackend | undefined;
}

/** @throws {OptionError} when a given number is not whole, too small or too large. */
export function checkCount(
  name: string,
  value: number | undefined,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (value === undefined) return;
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    const bounds = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
    throw new OptionError(`buildZoo: ${name} must be a whole number ${bounds}, got ${value}`);
  }
}

/** @throws {OptionError} when a plug-in that the zoo was built with is not loaded, or has changed */
function checkPlugins(store: ZooStore, recorded: readonly PluginRecord[] = []): void {
  const [difference] = pluginDifferences(recorded);
  if (difference !== undefined)
    throw new OptionError(`buildZoo: ${store.location} holds a zoo ${difference}`);
}

/** @throws {OptionError} when this host rounds otherwise than those who built the zoo so far */
function checkArithmetic(store: ZooStore, recorded: Arithmetic | undefined): void {
  const here = hostArithmetic();
  if (recorded === undefined || recorded === here) return;
  throw new OptionError(`buildZoo: ${store.location} ${otherArithmetic(recorded, here)}`);
}

/**
 * What trains the networks: as the zoo was begun, or as is asked for, or the kernel that the task has.
 * @throws {OptionError} when another one is asked for than the zoo was begun with, or a kernel where there is none
 */
function agreeBackend(
  { store, backend: requested }: AgreeOptions,
  { task }: Recipe,
  old: ZooManifest | undefined,
): PopulationBackend {
  const hasKernel = taskEntry(task).hasKernel === true;
  const usual = old === undefined ? (hasKernel ? "kernels" : "engine") : backendOf(old);
  const backend = requested ?? usual;
  if (old !== undefined && backend !== usual)
    throw new OptionError(
      `buildZoo: ${store.location} holds a zoo whose networks were trained by backend "${usual}", asked for "${backend}", so that weights would differ in their last digits; ask for the same, or choose another place`,
    );
  if (backend === "kernels" && !hasKernel)
    throw new OptionError(
      `buildZoo: the task "${task}" has no kernel for its networks; use backend "engine", which trains those of every task`,
    );
  return backend;
}

/** The digest of data that do not come with the package. @throws {OptionError} when they were not given */
async function givenDigest(
  task: string,
  data: Uint8Array | undefined,
): Promise<string | undefined> {
  const { givenData } = taskEntry(task);
  if (givenData === undefined) return undefined;
  if (data === undefined)
    throw new OptionError(
      `buildZoo: the task "${task}" learns images that do not come with the package; give ${givenData} (--data)`,
    );
  return sha256(new Uint8Array(data));
}

/** The manifest to build by, written when it is new; a store that holds another zoo is refused. */
export async function agreeManifest(options: AgreeOptions): Promise<ZooManifest> {
  const { store, seed, networks } = options;
  const old = await readManifest(store);
  checkPlugins(store, old?.plugins);
  checkArithmetic(store, old?.arithmetic);
  const recipe = parseRecipe(options.recipe);
  const shardSize = options.shardSize ?? old?.shardSize ?? defaultShardSize;
  const entry = taskEntry(recipe.task);
  const { metrics, target } = measuresOf(entry);
  runColumns(metrics);
  const plugins = old?.plugins ?? loadedPlugins();
  const spec = await entry.spec();
  const data = await givenDigest(recipe.task, options.data);
  const backend = agreeBackend(options, recipe, old);
  const manifest: ZooManifest = {
    recipe,
    seed,
    networks,
    shardSize,
    spec,
    metrics,
    target,
    plugins,
    ...(old === undefined ? { arithmetic: hostArithmetic() } : arithmeticIn(old)),
    ...(backend === "kernels" && { backend }),
    ...(data !== undefined && { data }),
    ...(old?.start !== undefined && { start: old.start }),
  };
  const differs = (name: string, has: unknown, requested: unknown): never => {
    throw new OptionError(
      `buildZoo: ${store.location} holds a zoo with ${name} ${JSON.stringify(has)}, asked for ${JSON.stringify(requested)}; ask for the same, or choose another place`,
    );
  };
  if (old !== undefined) {
    if (old.data !== data) differs("data of digest", old.data ?? "none", data ?? "none");
    if (old.seed !== seed) differs("seed", old.seed, seed);
    if (old.shardSize !== shardSize) differs("shard size", old.shardSize, shardSize);
    if (old.networks > networks) differs("networks", old.networks, networks);
    if (canonicalJson(old.metrics) !== canonicalJson(metrics))
      differs("metrics", old.metrics, metrics);
    if (canonicalJson(old.recipe) !== canonicalJson(recipe)) differs("recipe", old.recipe, recipe);
  }
  const bytes = manifestToBytes(manifest);
  if (old === undefined && !(await store.create(manifestName, bytes)))
    return agreeManifest(options); // another builder was faster
  if (old !== undefined && old.networks !== networks) await store.write(manifestName, bytes);
  return manifest;
}

const arithmeticIn = ({ arithmetic }: ZooManifest) =>
  arithmetic === undefined ? {} : { arithmetic };
