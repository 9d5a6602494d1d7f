// The provenance experiment: which of many independently trained networks does a descendant come from? Sketches against
// the cosine of the raw weights and against StatNN statistics, on families that were really trained.

import { numpy as np } from "@jax-js/jax";
import { compareSketches, sketchWeights } from "../src/identity/sketch.ts";
import type { Weights } from "../src/core/tensors.ts";
import { startEngine } from "../src/engine/start.ts";
import { weightStatistics } from "../src/models/stat-nn.ts";
import type { Task } from "../src/tasks/task.ts";
import { meanAndStd } from "../src/train/measures/metrics.ts";
import { areaUnderRoc, rocCurve } from "./roc.ts";
import type { ProvenanceResult, ProvenanceRow } from "./provenance-figures.ts";
import {
  type DescendantKind,
  descendantKinds,
  type Families,
  makeFamilies,
} from "./descendants.ts";

export interface ProvenanceOptions {
  readonly task: Task;
  /** Parents in each repetition. */
  readonly networks: number;
  /** One repetition each, with networks of their own. */
  readonly seeds: readonly number[];
  /** Share of the steps of every training that is done. @default 1 */
  readonly effort?: number;
  readonly signal?: AbortSignal;
  readonly onSeed?: (seed: number) => void;
}

/** A score for every pair of a descendant and a parent; higher means more alike. */
type Scores = (kind: DescendantKind) => readonly (readonly number[])[];

/** All repetitions; everything but the command and the machine, which the caller knows. */
export async function runProvenance(
  options: ProvenanceOptions,
): Promise<Omit<ProvenanceResult, "title" | "command" | "machine" | "commit">> {
  const { task, networks, seeds, effort = 1, signal } = options;
  await startEngine();
  const repetitions: { families: Families; scores: Readonly<Record<string, Scores>> }[] = [];
  for (const seed of seeds) {
    options.onSeed?.(seed);
    const families = await makeFamilies({
      task,
      networks,
      seed,
      effort,
      ...(signal && { signal }),
    });
    repetitions.push({ families, scores: await scoreFamilies(task, families, signal) });
  }
  const measured = Object.keys(repetitions[0].scores).map((method) => ({
    method,
    pairs: (kinds: readonly DescendantKind[]) =>
      repetitions.map(({ scores }) =>
        split(
          kinds.flatMap((kind) => scores[method](kind)),
          networks,
        ),
      ),
  }));
  const { trainedOnAccuracies } = repetitions[0].families;
  return {
    seeds,
    networks,
    descendants: networks * descendantKinds.length,
    accuracy: meanAndStd(repetitions.flatMap(({ families }) => families.accuracies)),
    trainedOnAccuracies: Object.keys(trainedOnAccuracies).map((kind) => ({
      kind,
      accuracy: meanAndStd(repetitions.map(({ families }) => families.trainedOnAccuracies[kind]))
        .mean,
    })),
    rows: measured.flatMap(({ method, pairs }) => [
      rowOf(method, "all kinds", pairs(descendantKinds)),
      ...descendantKinds.map((kind) => rowOf(method, kind, pairs([kind]))),
    ]),
    curves: measured.map(curveOf),
    similarities: similaritiesOf(measured[0]),
  };
}

/** A method, and its scores of related and unrelated pairs by repetition. */
interface Measured {
  readonly method: string;
  readonly pairs: (kinds: readonly DescendantKind[]) => readonly Split[];
}

function rowOf(method: string, kind: string, splits: readonly Split[]): ProvenanceRow {
  const area = meanAndStd(splits.map((s) => areaUnderRoc(s.related, s.unrelated)));
  const top = meanAndStd(splits.map(({ found }) => found));
  return {
    method,
    kind,
    areaMean: area.mean,
    areaStd: area.std,
    topMean: top.mean,
    topStd: top.std,
  };
}

function curveOf({ method, pairs }: Measured): ProvenanceResult["curves"][number] {
  const all = pairs(descendantKinds);
  const points = rocCurve(
    all.flatMap(({ related }) => related),
    all.flatMap(({ unrelated }) => unrelated),
  );
  return { method, points: thinned(points) };
}

/** How alike relatives of each kind and strangers are, as quantiles. */
function similaritiesOf({ pairs }: Measured): ProvenanceResult["similarities"] {
  const byKind = descendantKinds.map((kind) => ({
    kind: kind as string,
    values: pairs([kind]).flatMap(({ related }) => related),
  }));
  const strangers = pairs(descendantKinds).flatMap(({ unrelated }) => unrelated);
  return [...byKind, { kind: "unrelated", values: strangers }].map(({ kind, values }) => ({
    kind,
    ...quantiles(values),
  }));
}

interface Split {
  readonly related: number[];
  readonly unrelated: number[];
  /** Share of descendants whose own parent scores highest. */
  readonly found: number;
}

/** Row i of every `networks` rows is a descendant of parent i. */
function split(rows: readonly (readonly number[])[], networks: number): Split {
  const related: number[] = [];
  const unrelated: number[] = [];
  let found = 0;
  for (const [i, row] of rows.entries()) {
    const own = i % networks;
    for (const [j, score] of row.entries()) (j === own ? related : unrelated).push(score);
    if (row.every((score, j) => j === own || score < row[own])) found++;
  }
  return { related, unrelated, found: found / rows.length };
}

async function scoreFamilies(
  task: Task,
  { parents, descendants }: Families,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, Scores>>> {
  const sketchAll = async (networks: readonly Weights[]) => {
    const sketches = [];
    for (const weights of networks)
      sketches.push(
        await sketchWeights(task.spec, async (name) => weights[name], signal ? { signal } : {}),
      );
    return sketches;
  };
  const scorer = async <T>(
    prepare: (networks: readonly Weights[]) => Promise<T[]>,
    compare: (a: T, b: T) => number,
  ): Promise<Scores> => {
    const candidates = await prepare(parents);
    const byKind = new Map<DescendantKind, number[][]>();
    for (const kind of descendantKinds) {
      const queries = await prepare(descendants[kind]);
      byKind.set(
        kind,
        queries.map((query) => candidates.map((candidate) => compare(query, candidate))),
      );
    }
    return (kind) => byKind.get(kind) ?? [];
  };
  const standardise = standardiser(await statisticsOf(task, parents));
  return {
    sketch: await scorer(sketchAll, compareSketches),
    "raw cosine": await scorer(async (networks) => networks.map(flatten), cosine),
    "StatNN statistics": await scorer(
      async (networks) => (await statisticsOf(task, networks)).map(standardise),
      (a, b) => -Math.hypot(...a.map((x, i) => x - b[i])),
    ),
  };
}

const flatten = (weights: Weights): number[] =>
  Object.values(weights).flatMap(({ data }) => Array.from(data));

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

async function statisticsOf(task: Task, networks: readonly Weights[]): Promise<number[][]> {
  const batch = Object.fromEntries(
    Object.entries(task.spec.tensors).map(([name, { shape }]) => {
      const data = Float32Array.from(networks.flatMap((weights) => Array.from(weights[name].data)));
      return [name, np.array(data, { shape: [networks.length, ...shape] })];
    }),
  );
  const flat = await weightStatistics(task.spec, batch).data();
  const width = flat.length / networks.length;
  return networks.map((_, i) => Array.from(flat.subarray(i * width, (i + 1) * width)));
}

/** Every statistic in units of its std over the parents. */
function standardiser(rows: readonly (readonly number[])[]): (row: readonly number[]) => number[] {
  const columns = rows[0].map((_, i) => meanAndStd(rows.map((row) => row[i])));
  return (row) => row.map((x, i) => (x - columns[i].mean) / (columns[i].std || 1));
}

/** Every so many points of a curve, with both ends. */
function thinned<T>(points: readonly T[], most = 300): T[] {
  const stride = Math.max(1, Math.ceil(points.length / most));
  return points.filter((_, i) => i % stride === 0 || i === points.length - 1);
}

/** Smallest, tenths and largest. */
function quantiles(values: readonly number[]): {
  readonly low: number;
  readonly p10: number;
  readonly median: number;
  readonly p90: number;
  readonly high: number;
} {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))];
  return { low: at(0), p10: at(0.1), median: at(0.5), p90: at(0.9), high: at(1) };
}
