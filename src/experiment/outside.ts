// Predictors from elsewhere beside functionals: what they may read, as tables of numbers, and what they predicted, as trainings.

import type { ZooStore } from "../core/store.ts";
import { OptionError } from "../core/errors.ts";
import { startEngine } from "../engine/start.ts";
import { statisticNames, statNN } from "../models/stat-nn.ts";
import type { WeightDataset } from "../train/dataset.ts";
import { readVectors } from "../train/read-vectors.ts";
import type { DatasetParts, FinishedJob } from "./job.ts";
import { prepareData, type Taught } from "./plan-runs.ts";
import { runSeed } from "./run-names.ts";
import type { ExperimentEntry, ExperimentSettings } from "./settings.ts";

/** What a predictor from elsewhere said of the test networks, in the order of `test.csv`. */
export interface OutsidePredictions {
  /** Its name in tables. */
  readonly model: string;
  /** Trainable numbers. @default 0 */
  readonly parameters?: number | undefined;
  readonly trainings: readonly {
    /** From 0, as runs of functionals are counted: the same numbers are compared with each other. */
    readonly seed: number;
    /** On the scale of the target. */
    readonly predicted: readonly number[];
    /** Of the same networks after group elements acted on them, in the order of `moved.csv`. */
    readonly moved: readonly number[];
    /** Of training. @default 0 */
    readonly seconds?: number | undefined;
  }[];
}

/**
 * Its trainings as an experiment has them.
 * @throws {OptionError} when there is not one prediction for each of so many networks, or a functional has that name
 */
export function outsideJobs(
  { model, parameters = 0, trainings }: OutsidePredictions,
  networks: number,
  { models, seed: ofExperiment }: Pick<ExperimentSettings, "models" | "seed">,
): FinishedJob[] {
  if (models.some(({ name }) => name === model))
    throw new OptionError(
      `experiment: predictions from elsewhere are called "${model}", as one of --models is; give them another name`,
    );
  return trainings.map(({ seed: number, predicted, moved, seconds = 0 }) => {
    const seed = runSeed(ofExperiment, number);
    for (const [name, list] of Object.entries({ predicted, moved })) {
      if (list.length === networks) continue;
      throw new OptionError(
        `experiment: "${model}" has ${list.length} numbers in ${name} of seed ${number}, expected one for each of ${networks} test networks; write the tables with --statistics and predict these`,
      );
    }
    return { model, seed, parameters, bestEpoch: 0, history: [], predicted, moved, seconds };
  });
}

/** What the tables hold. */
const statNNEntry: ExperimentEntry = { name: "stat-nn", options: {} };

/** Digits of numbers in tables: those of float32. */
const digits = 9;

/** Networks that are told apart by the name of a table, with what is predicted of them. */
interface Table {
  readonly name: string;
  readonly part: DatasetParts;
  readonly targets: ArrayLike<number>;
}

/** The tables of what a training is taught by and tested on; `suffix` ends their names. */
function tablesOf(
  { train, validation, dataOf }: Taught,
  test: WeightDataset,
  suffix: string,
): Table[] {
  const { train: learned, validation: judged, test: tested, moved } = dataOf(statNNEntry).final;
  const rows = [
    ["train", learned, train],
    ["validation", judged, validation],
    ["test", tested, test],
    ["moved", moved, test],
  ] as const;
  return rows.map(([name, part, { targets }]) => {
    if (part === undefined) throw new Error(`no ${name} networks`);
    return { name: `${name}${suffix}.csv`, part, targets };
  });
}

/**
 * Writes statistics of the networks of a split, as `stat-nn` reads them, and their targets: `train.csv`, `validation.csv`,
 * `test.csv`, and `moved.csv` of the test networks after group elements acted on them. Columns: `target`, then `<tensor> <statistic>`.
 * Where every training draws its own training and validation networks, those of training n are `train-n.csv` and so on, with the test
 * networks as that training reads them.
 */
export async function writeStatistics(
  dataset: WeightDataset,
  settings: ExperimentSettings,
  store: ZooStore,
): Promise<void> {
  const { own, test, ...search } = await prepareData(dataset, settings);
  const { vector } = statNN(dataset.spec);
  if (vector === undefined) throw new Error("statistics are read as a vector");
  await startEngine();
  const columns = statisticNames(dataset.spec).map((name) => `"${name.replaceAll('"', '""')}"`);
  const tables = [
    ...tablesOf(search, test, ""),
    ...own.flatMap((taught, number) => tablesOf(taught, test, `-${number}`)),
  ];
  for (const { name, part, targets } of tables) {
    const read = await readVectors(
      vector,
      { ...part, spec: dataset.spec },
      settings.budget.batchSize,
    );
    const [{ shape, data }] = Object.values(read.tensors);
    const lines = Array.from(targets, (target, i) => {
      const row = Array.from(data.subarray(i * shape[0], (i + 1) * shape[0]));
      return [target, ...row].map((value) => Number(value.toPrecision(digits))).join(",");
    });
    const text = `${[["target", ...columns].join(","), ...lines].join("\n")}\n`;
    await store.write(name, new TextEncoder().encode(text));
  }
}
