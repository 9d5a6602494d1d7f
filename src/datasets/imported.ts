// Populations of one's own: networks that were trained elsewhere, imported with a table of numbers. One file holds all weights,
// stacked; `population.json` holds the spec, the numbers of every network and what they are.

import { z } from "zod";
import { blankChecksum, checksumHolds, withChecksum } from "../core/checksum.ts";
import { FormatError, OptionError } from "../core/errors.ts";
import { parseJson } from "../core/json-limits.ts";
import type { MetricInfo } from "../core/metric-info.ts";
import { equalShapes, formatShape } from "../core/shapes.ts";
import type { ZooStore } from "../core/store.ts";
import { toFloat32 } from "../formats/safetensors/safetensors-dtypes.ts";
import { sealHolds, writeSealed } from "../formats/safetensors/sealed.ts";
import { readSafetensors } from "../formats/safetensors/safetensors.ts";
import { specFromJSON, specToJSON } from "../symmetry/json.ts";
import type { WeightDataset } from "../train/dataset.ts";
import { targetsOf } from "../train/target.ts";

/** The file by which a folder is told to hold an imported population. */
export const importedName = "population.json";
const weightsName = "weights.safetensors";
const importedFormat = "weightspace/population@1";
const maxBytes = 2 ** 28;

const metric = z.strictObject({
  name: z.string().min(1),
  unit: z.string(),
  summary: z.string(),
  better: z.enum(["higher", "lower"]),
  range: z.tuple([z.number(), z.number()]).optional(),
  classes: z.int().min(2).max(10_000).optional(),
});

const schema = z.strictObject({
  checksum: z.string(),
  format: z.literal(importedFormat),
  weights: z.string(),
  target: z.string(),
  metrics: z.array(metric).min(1),
  networks: z
    .array(
      z.strictObject({
        name: z.string(),
        run: z.string().optional(),
        numbers: z.record(z.string(), z.number().nullable()),
      }),
    )
    .min(1),
  spec: z.unknown(),
});

/** A network of an imported population, beside its weights. */
export interface ImportedNetwork {
  /** What it is called: the name of its file. */
  readonly name: string;
  /** The training run it comes from: networks of one run stay together in splits. @default a run of its own */
  readonly run?: string | undefined;
  /** Its numbers by metric; null where undefined. */
  readonly numbers: Readonly<Record<string, number | null>>;
}

export interface ImportedPopulation {
  readonly metrics: readonly MetricInfo[];
  /** The metric that functionals predict unless they are asked for another. */
  readonly target: string;
  readonly networks: readonly ImportedNetwork[];
  readonly spec: WeightDataset["spec"];
  /** Tensor name -> data [networks, ...shape]. */
  readonly tensors: WeightDataset["tensors"];
}

/** Writes a population: its weights first, so that a folder with `population.json` is whole. */
export async function writeImported(
  store: ZooStore,
  { metrics, target, networks, spec, tensors }: ImportedPopulation,
): Promise<void> {
  const stacked = Object.entries(tensors).map(
    ([name, { shape, data }]) =>
      [name, { shape: [networks.length, ...shape], data: Float32Array.from(data) }] as const,
  );
  const bytes = await writeSealed(Object.fromEntries(stacked), { format: importedFormat });
  const value = {
    checksum: blankChecksum,
    format: importedFormat,
    weights: readSafetensors(bytes).metadata["checksum"],
    target,
    metrics,
    networks,
    spec: specToJSON(spec),
  };
  const text = new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`);
  const sealed = await withChecksum(text);
  await store.write(weightsName, bytes);
  await store.write(importedName, sealed);
}

/** The population of a folder. @throws {FormatError} when it is damaged */
export async function readImported(store: ZooStore): Promise<ImportedPopulation> {
  const fail = (problem: string) =>
    new FormatError(
      `readImported: ${store.location}: ${problem}; import the population again, or take another copy of it`,
    );
  const bytes = (await store.read(importedName)) ?? new Uint8Array(0);
  const parsed = schema.safeParse(
    parseJson(bytes, { bytes: maxBytes, fail: (problem) => fail(`${importedName} ${problem}`) }),
  );
  if (!parsed.success) {
    const [{ path, message }] = parsed.error.issues;
    throw fail(
      `${importedName} is not of format ${importedFormat} (${path.join(".")}: ${message})`,
    );
  }
  const { checksum, weights, metrics, target, networks } = parsed.data;
  if (!(await checksumHolds(bytes, checksum)))
    throw fail(`the checksum of ${importedName} does not fit, so bytes of it have changed`);
  if (!metrics.some(({ name }) => name === target))
    throw fail(
      `${importedName} has the target ${JSON.stringify(target)}, which is none of its metrics`,
    );
  const spec = specFromJSON(parsed.data.spec);
  const file = (await store.read(weightsName)) ?? new Uint8Array(0);
  const { tensors, metadata } = readSafetensors(file);
  if (metadata["checksum"] !== weights || !(await sealHolds(file, metadata)))
    throw fail(`${weightsName} is not the file that was written with ${importedName}`);
  const entries = Object.entries(spec.tensors).map(([name, { shape }]) => {
    const tensor = tensors.get(name);
    const expected = [networks.length, ...shape];
    if (tensor === undefined || !equalShapes(tensor.shape, expected))
      throw fail(`tensor "${name}" of ${weightsName} expected ${formatShape(expected)}`);
    return [name, { shape, data: Float32Array.from(toFloat32(tensor)) }] as const;
  });
  return { metrics, target, networks, spec, tensors: Object.fromEntries(entries) };
}

/**
 * The networks as training data, those left out whose target is undefined.
 * @throws {OptionError} listing the metrics when it was not measured by the one that is asked for
 */
export function importedDataset(
  { metrics, target: usual, networks, spec, tensors }: ImportedPopulation,
  wanted: string = usual,
): { readonly dataset: WeightDataset; readonly names: string[]; readonly skipped: string[] } {
  const target = metrics.find(({ name }) => name === wanted);
  if (target === undefined)
    throw new OptionError(
      `importedDataset: the networks have no number ${JSON.stringify(wanted)}; expected a target of ${metrics.map(({ name }) => name).join(", ")}`,
    );
  const isUsable = ({ numbers }: ImportedNetwork) => Number.isFinite(numbers[wanted]);
  const places = networks.flatMap((network, i) => (isUsable(network) ? [i] : []));
  const kept = places.map((place) => networks[place]);
  const runs = new Map<string, number>();
  const groups = kept.map(({ name, run = `\0${name}` }) => {
    const number = runs.get(run) ?? runs.size;
    runs.set(run, number);
    return number;
  });
  const picked = Object.entries(tensors).map(([name, { shape, data }]) => {
    const size = data.length / networks.length;
    const part = new Float32Array(places.length * size);
    for (const [i, place] of places.entries())
      part.set(data.subarray(place * size, (place + 1) * size), i * size);
    return [name, { shape, data: part }] as const;
  });
  return {
    dataset: {
      spec,
      size: kept.length,
      tensors: Object.fromEntries(picked),
      targets: targetsOf(
        kept.map(({ numbers }) => numbers[wanted] ?? NaN),
        target,
      ),
      target,
      groups,
    },
    names: kept.map(({ name }) => name),
    skipped: networks.filter((network) => !isUsable(network)).map(({ name }) => name),
  };
}
