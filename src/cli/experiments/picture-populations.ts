// Populations of networks that are images, as experiments open them: what the images are, how the networks started, how well they
// draw, and the images that they were taught.

import { EnvironmentError, OptionError } from "../../core/errors.ts";
import { sha256 } from "../../core/checksum.ts";
import type { PictureQuality } from "../../report/picture-report.ts";
import type { Pictures } from "../../tasks/pictures.ts";
import type { WeightDataset } from "../../train/dataset.ts";
import type { Zoo } from "../../zoo/open.ts";
import type { Cli } from "../app/context.ts";
import { UsageError } from "../app/usage-error.ts";
import type { OpenedPopulation } from "./open-population.ts";

/** How networks started: at random, all from the same weights, all from learnt ones; or it is not known. */
export type StartSetting = "random" | "shared" | "meta" | "given";

/** One population of images and how its networks started. */
export interface PicturePopulation {
  readonly folder: string;
  /** The images: `digits`, `fashion`, `fashion-mnist`. */
  readonly set: string;
  readonly setting: StartSetting;
  readonly population: OpenedPopulation;
  /** The zoo; undefined for imported networks. */
  readonly zoo: Zoo | undefined;
}

const settingOf = { own: "random", shared: "shared", meta: "meta" } as const;

/** Opens a population; what it leaves out is told. @throws {FormatError} {OptionError} {EnvironmentError} */
export async function openPictures(
  folder: string,
  target: string,
  cli: Cli,
): Promise<PicturePopulation> {
  const { openPopulation, warnOfProblems } = await import("./open-population.ts");
  const { openZoo } = await import("../../zoo/open.ts");
  const { openStore } = await import("../../node/open-store.ts");
  const { importedName } = await import("../../datasets/imported.ts");
  const population = await openPopulation(folder, { checkpoints: "last", target });
  warnOfProblems(population, cli.output);
  const store = await openStore(folder);
  if ((await store.list()).includes(importedName)) {
    const set = folder.replace(/[/\\]+$/, "").replace(/^.*[/\\]/, "");
    return { folder, set, setting: "given", population, zoo: undefined };
  }
  const zoo = await openZoo(store);
  const { recipe } = zoo.manifest;
  return {
    folder,
    set: recipe.task.replace(/^pictures-/, ""),
    setting: settingOf[recipe.start ?? "own"],
    population,
    zoo,
  };
}

/** @throws {UsageError} when two populations would be one line of a table */
export function checkDifferent(populations: readonly PicturePopulation[]): void {
  const key = ({ set, setting }: PicturePopulation) => `${set}-${setting}`;
  const again = populations.find(
    (one, i) => populations.findIndex((other) => key(other) === key(one)) < i,
  );
  if (again !== undefined)
    throw new UsageError(
      `experiment: two populations are ${again.set} with ${again.setting} starts, ${again.folder} among them; give each kind once`,
    );
}

/** How well the networks of a zoo draw. */
export function qualityOf({ set, setting, zoo }: PicturePopulation): PictureQuality[] {
  if (zoo === undefined) return [];
  const values = zoo.rows
    .map(({ metrics }) => metrics["psnr"])
    .filter(Number.isFinite)
    .toSorted((a, b) => a - b);
  const at = (share: number) => values[Math.round(share * (values.length - 1))];
  return [
    {
      set,
      setting,
      networks: zoo.rows.length,
      steps: zoo.manifest.recipe.steps.range[1],
      psnrLowest: at(0),
      psnrMedian: at(0.5),
      psnrHighest: at(1),
    },
  ];
}

/**
 * The images that the networks of a zoo were taught; undefined when they do not come with the package and no folder was given.
 * @throws {OptionError} when the folder holds other images; {FormatError} {EnvironmentError} when it cannot be read
 */
export async function taughtPictures(
  { manifest }: Zoo,
  data: string | undefined,
): Promise<Pictures | undefined> {
  const { taskEntry } = await import("../../tasks/registry.ts");
  const { pictures, dataFile, givenData } = taskEntry(manifest.recipe.task);
  if (pictures === undefined) return undefined;
  if (givenData === undefined) {
    const { readPackageData } = await import("../../node/package-data.ts");
    return pictures(await readPackageData(dataFile ?? ""));
  }
  if (data === undefined) return undefined;
  const { readImageFolder } = await import("../../node/image-folder.ts");
  const bytes = await readImageFolder(data);
  if ((await sha256(bytes)) === manifest.data) return pictures(bytes);
  throw new OptionError(
    `experiment: ${data} holds other images than the networks were taught; give the folder that the zoo was built with (--data)`,
  );
}

/** Networks drawn at a time: bounds memory. */
const drawnTogether = 64;

/** What networks draw at the pixels of an image of this shape, [pixels] each, -1 to 1. */
export async function drawWeights(
  { size, tensors }: Pick<WeightDataset, "size" | "tensors">,
  [height, width]: readonly number[],
): Promise<Float32Array[]> {
  const { startEngine } = await import("../../engine/start.ts");
  const { renderPictures } = await import("../../tasks/pictures.ts");
  const { pixelPlaces } = await import("../../models/picture-editor.ts");
  const { numpy: np } = await import("@jax-js/jax");
  await startEngine();
  const pixels = height * width;
  const images: Float32Array[] = [];
  for (let from = 0; from < size; from += drawnTogether) {
    const count = Math.min(drawnTogether, size - from);
    const weights = Object.fromEntries(
      Object.entries(tensors).map(([name, { shape, data }]) => {
        const entries = data.length / size;
        const part = Float32Array.from(data.subarray(from * entries, (from + count) * entries));
        return [name, np.array(part, { shape: [count, ...shape] })];
      }),
    );
    const drawn = await renderPictures(weights, pixelPlaces(height, width));
    for (const array of Object.values(weights)) array.dispose();
    for (let i = 0; i < count; i++) images.push(drawn.slice(i * pixels, (i + 1) * pixels));
  }
  return images;
}

/** The same for networks of a zoo, by index. */
export async function drawnPictures(
  zoo: Zoo,
  indices: readonly number[],
  shape: readonly number[],
): Promise<Float32Array[]> {
  const stacks = Object.entries(await zoo.readWeights(indices)).map(
    ([name, { shape: stacked, data }]) => [name, { shape: stacked.slice(1), data }] as const,
  );
  return drawWeights({ size: indices.length, tensors: Object.fromEntries(stacks) }, shape);
}

/** The first network of every class of a zoo, in the order of classes: its index and the run that it comes from. */
export function oneOfEveryClass({ rows }: Zoo): { index: number; run: number }[] {
  const first = new Map<number, { index: number; run: number }>();
  for (const { index, run, finite, metrics } of rows)
    if (finite && !first.has(metrics["label"])) first.set(metrics["label"], { index, run });
  if (first.size === 0)
    throw new EnvironmentError("experiment: the zoo has no network that can be drawn");
  return [...first].toSorted(([a], [b]) => a - b).map(([, network]) => network);
}
