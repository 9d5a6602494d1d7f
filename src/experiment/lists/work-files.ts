// What workers elsewhere make an experiment's lists of runs from: its settings, and the networks that functionals read, kept in the
// store of the runs and checked before they are believed.

import { z } from "zod";
import { blankChecksum, checksumHolds, withChecksum } from "../../core/checksum.ts";
import { FormatError, OptionError } from "../../core/errors.ts";
import { parseJson } from "../../core/json-limits.ts";
import { loadedPlugins, pluginDifferences, type PluginRecord } from "../../core/plugins.ts";
import type { ZooStore } from "../../core/store.ts";
import { visibleName } from "../../core/visible.ts";
import { readSafetensors } from "../../formats/safetensors/safetensors.ts";
import { toFloat32 } from "../../formats/safetensors/safetensors-dtypes.ts";
import { sealHolds, writeSealed } from "../../formats/safetensors/sealed.ts";
import {
  type Arithmetic,
  hostArithmetic,
  otherArithmetic,
} from "../../kernels/wasm/fused-multiply-add.ts";
import { specFromJSON, specToJSON } from "../../symmetry/json.ts";
import { checkDataset, type WeightDataset } from "../../train/dataset.ts";
import { scheduleNames } from "../budget.ts";
import { type ExperimentSettings, workNames } from "../settings.ts";

const workFormat = "weightspace/experiment-work@1";
const maxBytes = 2 ** 26;

const count = z.int().min(1).max(1e6);
const rate = z.number().positive();
const budget = z.strictObject({
  epochs: count,
  batchSize: count,
  rate,
  clipNorm: rate.optional(),
  weightDecay: z.number().min(0).optional(),
  schedule: z.enum(scheduleNames).optional(),
  patience: count.optional(),
});
const entry = z.strictObject({
  name: z.string().min(1).max(100),
  model: z.string().max(100).optional(),
  options: z.record(z.string(), z.unknown()),
  canonical: z.boolean().optional(),
  training: budget.optional(),
});
const settingsSchema = z.strictObject({
  models: z.array(entry).min(1).max(1000),
  seeds: z.int().min(1).max(10_000),
  seed: z.int().min(0),
  split: z.tuple([rate, rate, rate]),
  trainShare: rate.max(1).optional(),
  resplit: z.boolean().optional(),
  budget,
  tuning: z
    .union([
      z.strictObject({ configurations: count.max(1000), epochs: count }),
      z.strictObject({ seconds: rate, epochs: count }),
    ])
    .optional(),
  moves: z.array(z.string().max(100)).optional(),
  moveTraining: z.string().max(100).optional(),
});
const metric = z.strictObject({
  name: z.string(),
  unit: z.string(),
  summary: z.string(),
  better: z.enum(["higher", "lower"]),
  range: z.tuple([z.number(), z.number()]).optional(),
  objective: z.string().optional(),
  classes: z.int().min(2).optional(),
  values: z.int().min(1).optional(),
  keepsValues: z.boolean().optional(),
});
const plugin = z.strictObject({
  path: z.string(),
  version: z.string().nullable(),
  digest: z.string(),
});
const schema = z.strictObject({
  checksum: z.string(),
  format: z.literal(workFormat),
  arithmetic: z.enum(["fma", "plain"]),
  plugins: z.array(plugin),
  /** The checksum of the file of the networks. */
  data: z.string(),
  settings: settingsSchema,
  spec: z.unknown(),
  target: metric.optional(),
  /** The run that every network comes from, where several may come from one. */
  groups: z.array(z.int()).optional(),
});

/** An experiment as its workers know it. */
export interface ExperimentWork {
  readonly settings: ExperimentSettings;
  readonly dataset: WeightDataset;
  /** Checksum of weights and targets. */
  readonly data: string;
  readonly arithmetic: Arithmetic;
  readonly plugins: readonly PluginRecord[];
}

const targetsName = "targets";
const weightsOf = (name: string): string => `weights ${name}`;

/**
 * Keeps an experiment for its workers, and gives it as they will read it. Damaged files are replaced, which is told: the settings
 * of the runs, which are kept elsewhere, have been compared before.
 * @throws {OptionError} when its runs were begun with another arithmetic, or kept by another version
 */
export async function keepWork(
  store: ZooStore,
  dataset: WeightDataset,
  settings: ExperimentSettings,
  warn: (message: string) => void,
): Promise<ExperimentWork> {
  const replaced = (problem: string) => warn(`${problem}; it is written anew`);
  checkArithmetic(store, await readAbout(store, replaced));
  const { size, spec, tensors, targets, target, groups } = dataset;
  const stacked = Object.entries(tensors).map(
    ([name, { shape, data }]) => [weightsOf(name), { shape: [size, ...shape], data }] as const,
  );
  const bytes = await writeSealed(
    {
      ...Object.fromEntries(stacked),
      [targetsName]: { shape: [size, targets.length / size], data: targets },
    },
    { format: workFormat },
  );
  const data = readSafetensors(bytes).metadata["checksum"];
  const plain = settingsSchema.parse(JSON.parse(JSON.stringify(settings)));
  const about = {
    checksum: blankChecksum,
    format: workFormat,
    arithmetic: hostArithmetic(),
    plugins: loadedPlugins(),
    data,
    settings: plain,
    spec: specToJSON(spec),
    target,
    groups: groups && [...groups],
  };
  const length = await store.size(workNames.data);
  const there = length === undefined ? undefined : await dataIn(store);
  if (length !== undefined && there === undefined)
    replaced(`${workNames.data} in ${store.location} is damaged`);
  if (length !== bytes.length || there !== data) await store.write(workNames.data, bytes);
  const text = new TextEncoder().encode(JSON.stringify(about));
  await store.write(workNames.about, await withChecksum(text));
  const { arithmetic, plugins } = about;
  return { settings: plain as ExperimentSettings, dataset, data, arithmetic, plugins };
}

/** The checksum of the networks in a store; undefined for none, or damaged ones. */
async function dataIn(store: ZooStore): Promise<string | undefined> {
  const bytes = (await store.read(workNames.data)) ?? new Uint8Array(0);
  try {
    const { metadata } = readSafetensors(bytes);
    return (await sealHolds(bytes, metadata)) ? metadata["checksum"] : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function checkArithmetic(
  store: ZooStore,
  about: Pick<ExperimentWork, "arithmetic"> | undefined,
): void {
  const own = hostArithmetic();
  if (about === undefined || about.arithmetic === own) return;
  throw new OptionError(
    `experiment: the work in ${store.location} ${otherArithmetic(about.arithmetic, own)}`,
  );
}

/** The format that JSON names, where it is one of this project in another version. */
function otherVersion(value: unknown): string | undefined {
  const format = (value as { readonly format?: unknown } | null)?.format;
  return typeof format === "string" && format !== workFormat && format.startsWith("weightspace/")
    ? visibleName(format.slice(0, 60))
    : undefined;
}

/**
 * What is said of the work in a store; undefined without any, and when it is damaged and the caller wants to be told of that.
 * @throws {FormatError} when it is damaged; {OptionError} when it is of another version
 */
async function readAbout(
  store: ZooStore,
  tellDamage?: (problem: string) => void,
): Promise<z.infer<typeof schema> | undefined> {
  const bytes = await store.read(workNames.about);
  if (bytes === undefined) return undefined;
  const name = `${workNames.about} in ${store.location}`;
  const damaged = (problem: string) =>
    new FormatError(`experiment: ${name} ${problem}; run the experiment once more`);
  try {
    const value = parseJson(bytes, { bytes: maxBytes, fail: damaged });
    const other = otherVersion(value);
    if (other !== undefined)
      throw new OptionError(
        `experiment: ${name} is of format ${other}, this version writes ${workFormat}; use the version that began the experiment, or choose another folder`,
      );
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw damaged(`is not of format ${workFormat}`);
    if (!(await checksumHolds(bytes, parsed.data.checksum)))
      throw damaged("has changed since it was written");
    return parsed.data;
  } catch (error) {
    if (tellDamage === undefined || !(error instanceof FormatError)) throw error;
    tellDamage(`${name} is damaged`);
    return undefined;
  }
}

/**
 * The experiment of a store.
 * @throws {OptionError} when there is none, or one of other plug-ins; {FormatError} when its files are damaged
 */
export async function readWork(store: ZooStore): Promise<ExperimentWork> {
  const about = await readAbout(store);
  if (about === undefined)
    throw new OptionError(
      `experiment: there is no ${workNames.about} in ${store.location} as seen from here; give all workers the same store`,
    );
  const [difference] = pluginDifferences(about.plugins);
  if (difference !== undefined)
    throw new OptionError(`experiment: the work in ${store.location} was ${difference}`);
  const bytes = (await store.read(workNames.data)) ?? new Uint8Array(0);
  const fail = (problem: string): never => {
    throw new FormatError(
      `experiment: ${workNames.data} in ${store.location} ${problem}; run the experiment once more`,
    );
  };
  const { tensors, metadata } = readSafetensors(bytes);
  if (metadata["checksum"] !== about.data || !(await sealHolds(bytes, metadata)))
    fail(`is not the file that was written with ${workNames.about}`);
  const read = (name: string): Float32Array => {
    const tensor = tensors.get(name);
    return tensor === undefined ? fail(`has no ${name}`) : Float32Array.from(toFloat32(tensor));
  };
  const spec = specFromJSON(about.spec);
  const weights = Object.entries(spec.tensors).map(
    ([name, { shape }]) => [name, { shape, data: read(weightsOf(name)) }] as const,
  );
  const { target, groups, settings, data, arithmetic, plugins } = about;
  const dataset: WeightDataset = {
    spec,
    size: tensors.get(targetsName)?.shape[0] ?? 0,
    tensors: Object.fromEntries(weights),
    targets: read(targetsName),
    ...(target && { target: target as NonNullable<WeightDataset["target"]> }),
    ...(groups && { groups }),
  };
  checkDataset(dataset);
  return { settings: settings as ExperimentSettings, dataset, data, arithmetic, plugins };
}
