// What training runs of an experiment read: the split population, moved where the settings say so, brought to the inputs that
// each model wants, in shared memory, every version once.

import { OptionError } from "../../core/errors.ts";
import { deriveSeed } from "../../core/random.ts";
import { specToJSON } from "../../symmetry/json.ts";
import { inputsOf } from "../../models/registry.ts";
import type { InputKind } from "../../models/model.ts";
import type { WeightDataset } from "../../train/dataset.ts";
import { describeInputs, fitNormalization } from "../../train/normalization.ts";
import { fitTarget, predictsScores, scaleTargets } from "../../train/target.ts";
import { canonicalDataset } from "./canonical-dataset.ts";
import type { JobRequest } from "../job.ts";
import { moveDataset, parseMove } from "./move-dataset.ts";
import type { ExperimentEntry, ExperimentSettings } from "../settings.ts";
import { sharedParts } from "../shared-parts.ts";

type Learning = Pick<JobRequest, "spec" | "train" | "validation" | "target" | "notes">;

/** What runs of an entry read: trials of tuning learn only, whole runs predict held-out networks too. */
export interface RunData {
  readonly learning: Learning;
  readonly final: Learning & Pick<JobRequest, "test" | "moved" | "moves">;
}

export type Split = readonly [WeightDataset, WeightDataset, WeightDataset];

/** One version of the population: as it is, or every network in canonical form. */
interface Version {
  readonly train: WeightDataset;
  readonly validation: WeightDataset;
  readonly test: WeightDataset;
  readonly moved: WeightDataset;
  readonly moves: readonly (readonly [string, WeightDataset])[];
}

function asItIs([train, validation, test]: Split, settings: ExperimentSettings): Version {
  const { seed, moves = [], moveTraining } = settings;
  const training = moveTraining === undefined ? null : parseMove(moveTraining);
  const learn = (dataset: WeightDataset, label: string) =>
    training === null ? dataset : moveDataset(dataset, deriveSeed(seed, label), training);
  return {
    train: learn(train, "move-train"),
    validation: learn(validation, "move-validation"),
    test,
    moved: moveDataset(test, deriveSeed(seed, "moved")),
    moves: moves.map((text) => [
      text,
      moveDataset(test, deriveSeed(seed, "moved", text), parseMove(text)),
    ]),
  };
}

async function inCanonicalForm(version: Version): Promise<Version> {
  const moves: [string, WeightDataset][] = [];
  for (const [move, dataset] of version.moves) moves.push([move, await canonicalDataset(dataset)]);
  return {
    train: await canonicalDataset(version.train),
    validation: await canonicalDataset(version.validation),
    test: await canonicalDataset(version.test),
    moved: await canonicalDataset(version.moved),
    moves,
  };
}

function readAs(version: Version, kind: InputKind, notes: Record<string, unknown>): RunData {
  const normalization = fitNormalization(version.train);
  const target = fitTarget(version.train);
  if (predictsScores(target))
    throw new OptionError(
      `experiment: objective "${target.loss}" of target "${target.name}" gives scores, and experiments compare predictions in the unit of the target; use \`train --objective ${target.loss}\``,
    );
  const parts = (dataset: WeightDataset) => sharedParts(dataset, normalization, kind);
  const learning = {
    spec: specToJSON(version.train.spec),
    train: parts(scaleTargets(version.train, target)),
    validation: parts(scaleTargets(version.validation, target)),
    target,
    notes: {
      normalization,
      target,
      ...notes,
      ...(kind !== "asinh" && { inputs: describeInputs(kind) }),
    },
  };
  const moves = version.moves.map(([move, dataset]) => [move, parts(dataset)] as const);
  return {
    learning,
    final: {
      ...learning,
      test: parts(version.test),
      moved: parts(version.moved),
      ...(moves.length > 0 && { moves: Object.fromEntries(moves) }),
    },
  };
}

/** The data of every entry; entries with the same inputs share it. */
export async function runData(
  split: Split,
  settings: ExperimentSettings,
): Promise<(entry: ExperimentEntry) => RunData> {
  const plain = asItIs(split, settings);
  const canonical = settings.models.some((entry) => entry.canonical === true)
    ? await inCanonicalForm(plain)
    : plain;
  const known = new Map<string, RunData>();
  return ({ name, model = name, options, canonical: isCanonical = false }) => {
    const kind = inputsOf(model, options);
    const key = `${kind} ${isCanonical}`;
    const notes = isCanonical ? { canonical: true } : {};
    const data = known.get(key) ?? readAs(isCanonical ? canonical : plain, kind, notes);
    known.set(key, data);
    return data;
  };
}
