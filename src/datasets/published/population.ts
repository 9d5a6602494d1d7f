// Populations that others have trained and published, read as training data: the contract of their loaders, and the
// choice among the checkpoints they hold.

import { OptionError } from "../../core/errors.ts";
import { noSuchName } from "../../core/nearest-name.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { WeightDataset } from "../../train/dataset.ts";
import { findOriginals, groupRuns, numberInOrder, type Stack } from "./copies.ts";

/** Which networks of a published population are read, and how. */
export interface PublishedOptions {
  /** The last checkpoint of every run, or all there are. @default "last" */
  readonly checkpoints?: "last" | "all";
  /** Only networks with these values, by column: `{ "config.activation": "relu", step: "86" }`. */
  readonly where?: Readonly<Record<string, string>>;
  /** The symmetries of the networks, where names do not tell them. */
  readonly spec?: SymmetrySpec;
  /** Tables about the files of a checkpoint folder, as CSV. @default none */
  readonly metadata?: readonly NamedText[];
}

/** A text file, and what it is called in messages. */
export interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** A population that others have published, as training data. */
export interface PublishedPopulation {
  /** Targets are test accuracies in [0, 1]; groups are the runs, those that share a network as one. */
  readonly dataset: WeightDataset;
  /** Networks whose weights equal those of an earlier network of the dataset, bit for bit. */
  readonly copies: number;
  /** What was left out, one sentence each. */
  readonly notes: readonly string[];
  /** What every network is called, in the order of the dataset. */
  readonly names: readonly string[];
  /** Networks left out because a weight is not finite. */
  readonly skipped: readonly string[];
  /** What the networks are, in a few words. */
  readonly description: string;
}

/** A checkpoint before its weights are read. */
export interface Candidate {
  readonly name: string;
  readonly run: string;
  /** Order along the run; larger is later. Undefined for one outside that order, such as the best of the run. */
  readonly step: number | undefined;
  readonly accuracy: number;
  /** What `where` may ask for. */
  readonly columns: Readonly<Record<string, string>>;
}

/**
 * The candidates that were asked for, in their order.
 * @throws {OptionError} naming a column that there is not, or when nothing is left.
 */
export function chooseCandidates<T extends Candidate>(
  candidates: readonly T[],
  { checkpoints = "last", where = {} }: PublishedOptions,
): T[] {
  const wanted = Object.entries(where);
  const known = Object.keys(candidates[0]?.columns ?? {});
  const unknown = wanted.find(([column]) => !known.includes(column));
  if (unknown !== undefined) {
    throw new OptionError(noSuchName("column", unknown[0], known));
  }
  const fitting = candidates.filter(({ columns }) =>
    wanted.every(([column, value]) => columns[column] === value),
  );
  const last = new Map<string, number>();
  for (const { run, step } of fitting) {
    if (step !== undefined) last.set(run, Math.max(step, last.get(run) ?? -Infinity));
  }
  const chosen =
    checkpoints === "all"
      ? fitting
      : fitting.filter(({ run, step }) => last.get(run) === step && step !== undefined);
  if (chosen.length === 0) {
    const conditions = wanted.map(([column, value]) => `${column}=${value}`).join(", ");
    throw new OptionError(
      `none of ${candidates.length} networks is left${conditions === "" ? "" : ` where ${conditions}`}; ask for others`,
    );
  }
  return chosen;
}

/** The dataset of the networks that were kept; stacks hold theirs first, and may have room for more. */
export function publishedDataset(
  spec: SymmetrySpec,
  kept: readonly Candidate[],
  stacks: readonly Stack[],
): Pick<PublishedPopulation, "dataset" | "copies"> {
  const tensors = stacks.map(
    ({ name, shape, data }) =>
      [name, { shape, data: data.subarray(0, kept.length * sizeOf(shape)) }] as const,
  );
  const originals = findOriginals(kept.length, stacks);
  const dataset = {
    spec,
    size: kept.length,
    tensors: Object.fromEntries(tensors),
    targets: Float32Array.from(kept, ({ accuracy }) => accuracy),
    groups: groupRuns(
      kept.map(({ run }) => run),
      originals,
    ),
    stages: numberInOrder(kept.map(({ step }) => step ?? "best")),
    ...(kept.every(({ step }) => step !== undefined) && {
      cues: { "training step": kept.map(({ step }) => step ?? Number.NaN) },
    }),
  };
  return { dataset, copies: originals.filter((original, i) => original !== i).length };
}
