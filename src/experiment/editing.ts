// Experiments on editing: a functional changes the weights of networks that are images so that they draw the edited image. Runs, files
// and resuming are those of every experiment; results are mean squared errors of what the changed networks draw.

import { deriveSeed } from "../core/random.ts";
import type { MetricInfo } from "../core/metric-info.ts";
import { OptionError } from "../core/errors.ts";
import { type Edit, imageEdits } from "../datasets/image-edits.ts";
import { buildModel } from "../models/registry.ts";
import { type SymmetrySpec } from "../symmetry/types.ts";
import { originals, type Pictures } from "../tasks/pictures.ts";
import { splitDataset, type WeightDataset } from "../train/dataset.ts";
import { meanAndStd, squaredErrors } from "../train/measures/metrics.ts";
import { fitNormalization } from "../train/normalization.ts";
import { endedRuns, type EntryRuns } from "./plan-runs.ts";
import { type ExperimentEvent, type ExperimentOptions, runCollected } from "./run-experiment.ts";
import type { ExperimentEntry, ExperimentSettings } from "./settings.ts";

/** Maps that change weights. */
export const editorMaps = ["nfn-np", "nfn-hnp", "unf"] as const;

/** A population as training data of an edit. */
export interface EditData {
  /** Targets are the edited images, [networks, pixels], 0 to 1. */
  readonly edited: WeightDataset;
  /** The same with the images themselves. */
  readonly unedited: WeightDataset;
}

/**
 * The data of an edit, for networks of which number i was taught image `positions[i]` of a set.
 * @throws {OptionError} when there are not as many positions as networks
 */
export function editData(
  { spec, size, tensors, groups }: WeightDataset,
  images: Pictures,
  positions: readonly number[],
  edit: Edit,
): EditData {
  if (positions.length !== size)
    throw new OptionError(`editData: expected ${size} positions, got ${positions.length}`);
  const plain = originals(images, positions).map((image) => image.map((value) => (value + 1) / 2));
  const pixels = plain[0].length;
  const dataset = (list: readonly Float32Array[]): WeightDataset => {
    const targets = new Float32Array(size * pixels);
    for (const [i, image] of list.entries()) targets.set(image, i * pixels);
    return {
      spec,
      size,
      tensors,
      targets,
      target: targetOf(edit, pixels),
      ...(groups && { groups }),
    };
  };
  return {
    edited: dataset(plain.map((image) => imageEdits[edit](image, images.shape))),
    unedited: dataset(plain),
  };
}

const targetOf = (edit: Edit, pixels: number): MetricInfo => ({
  name: edit,
  unit: "",
  summary: "brightness of the edited image",
  better: "higher",
  range: [0, 1],
  values: pixels,
});

/** A functional that edits: which map, how many outputs. */
export interface EditorChoice {
  readonly map: (typeof editorMaps)[number];
  readonly outputs: number;
  /** Widths of the map's hidden layers with one output; with more outputs they are smaller, so that parameters do not grow. */
  readonly hidden: readonly number[];
}

/** The entry of an editor in an experiment: `nfn-np-8` has 8 outputs. */
export function editorEntry(
  { map, outputs, hidden }: EditorChoice,
  { edited }: EditData,
  { split, seed }: Pick<ExperimentSettings, "split" | "seed">,
  pixels: readonly number[],
): ExperimentEntry {
  const [train] = splitDataset(edited, split, deriveSeed(seed, "split"));
  const scales = Object.fromEntries(
    Object.entries(fitNormalization(train)).map(([name, { scale }]) => [name, scale]),
  );
  const options = { map, copies: outputs, hidden, pixels, scales };
  const narrow = outputs === 1 ? hidden : narrower(edited.spec, options);
  return {
    name: `${map}-${outputs}`,
    model: "picture-editor",
    options: { ...options, hidden: narrow },
  };
}

/** The widest hidden layers whose parameters are no more than those of one output. */
function narrower(
  spec: SymmetrySpec,
  options: { readonly hidden: readonly number[] } & Readonly<Record<string, unknown>>,
): number[] {
  const count = (changes: object) =>
    buildModel("picture-editor", spec, { ...options, ...changes }).parameterCount;
  const most = count({ copies: 1 });
  for (let width = Math.max(...options.hidden); width > 1; width--) {
    const hidden = options.hidden.map((each) => Math.min(each, width));
    if (count({ hidden }) <= most) return hidden;
  }
  throw new OptionError(
    `experiment: no map with ${String(options["copies"])} outputs has at most the ${most} parameters of the one with a single output; give wider hidden layers`,
  );
}

/** How well one editor edits, over its trainings. */
export interface EditRow {
  readonly model: string;
  readonly outputs: number;
  readonly parameters: number;
  readonly seeds: number;
  /** Mean squared error of test images, brightness from 0 to 1. */
  readonly mseMean: number;
  readonly mseStd: number;
  /** The same for test networks after the units of each were put in a random order. */
  readonly movedMean: number;
  readonly movedStd: number;
  readonly secondsMean: number;
}

/** What an experiment on editing came to. */
export interface EditOutcome {
  readonly rows: readonly EditRow[];
  /** The mean squared error of test images that are not edited at all. */
  readonly unedited: number;
}

const meanOf = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The row of one editor. */
function summarize(entry: EntryRuns): EditRow {
  const { options } = entry;
  const jobs = endedRuns(entry);
  const error = meanAndStd(jobs.map(({ predicted }) => meanOf(predicted)));
  const moved = meanAndStd(jobs.map((job) => meanOf(job.moved)));
  const { map, copies } = options as { readonly map: string; readonly copies: number };
  return {
    model: map,
    outputs: copies,
    parameters: jobs[0].parameters,
    seeds: jobs.length,
    mseMean: error.mean,
    mseStd: error.std,
    movedMean: moved.mean,
    movedStd: moved.std,
    secondsMean: meanOf(jobs.map(({ seconds }) => seconds)),
  };
}

/** Trains editors; ends without results when the signal aborts. @throws {OptionError} {EnvironmentError} as every experiment */
export async function* runEditing({
  unedited,
  ...options
}: ExperimentOptions & Pick<EditData, "unedited">): AsyncGenerator<
  ExperimentEvent<EditOutcome>,
  void,
  undefined
> {
  const { split, seed } = options.settings;
  const [, , before] = splitDataset(unedited, split, deriveSeed(seed, "split"));
  yield* runCollected(options, (_, { test }, entries) => ({
    rows: entries.map(summarize),
    unedited: meanOf(squaredErrors(before.targets, test.targets, test.targets.length / test.size)),
  }));
}
