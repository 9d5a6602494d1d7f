// Meta-training: theta moves down an estimate of the gradient of how well the optimizer trains small networks. A generator of events;
// killed at any moment, it goes on from the last checkpoint to the same numbers.

import { OptionError } from "../../core/errors.ts";
import type { ZooStore } from "../../core/store.ts";
import type { HostRecord } from "../../engine/arrays.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import { thetaFromVector, thetaSize, thetaToVector } from "../host-theta.ts";
import { optimizerKind } from "../registry.ts";
import type { ThetaShapes } from "../update-program.ts";
import {
  addEstimate,
  checkEstimator,
  noiseAt,
  noiseSums,
  objectiveDifference,
} from "./estimator.ts";
import { endsWith, type Episode, episodeAfter, firstEpisodes, timeOf } from "./episodes.ts";
import {
  type MetaCheckpoint,
  type MetaRecord,
  readMetaCheckpoint,
  readUnrolls,
  writeMetaCheckpoint,
  writeUnrolls,
} from "./meta-checkpoint.ts";
import { outerOptimizer } from "./outer-step.ts";
import { checkSettings, type MetaSettings } from "./settings.ts";
import { groupSizes, joinGroups, separateGroups, type UnrollPool } from "./unroll-pool.ts";
import type { TruncationResult, UnrollGroup } from "./unrolls.ts";

export interface MetaTrainOptions {
  readonly settings: MetaSettings;
  readonly task: InnerTask;
  readonly pool: UnrollPool;
  /** Where checkpoints are kept, and looked for at the start. */
  readonly store: ZooStore;
  /** Outer steps between two checkpoints. @default 50 */
  readonly checkpointEvery?: number;
  /** Stops at a checkpoint after so many seconds. @default none */
  readonly seconds?: number;
  readonly signal?: AbortSignal;
}

export type MetaEvent =
  | { readonly type: "start"; readonly step: number; readonly outerSteps: number }
  | { readonly type: "warning"; readonly message: string }
  | ({
      readonly type: "step";
      /** Inner steps a second of all networks together, in this session. */
      readonly innerStepsPerSecond: number;
      readonly secondsLeft: number;
    } & MetaRecord)
  | {
      readonly type: "checkpoint";
      readonly step: number;
      readonly bytes: number;
      /** As it is after that step. */
      readonly theta: HostRecord;
    }
  | {
      readonly type: "done";
      /** Whether all outer steps are done; false when the time was over. */
      readonly complete: boolean;
      readonly step: number;
      readonly theta: HostRecord;
      readonly history: readonly MetaRecord[];
    };

/** The small file of a run's folder. */
export const metaFile = "meta.safetensors";
const unrollsFile = (step: number) => `unrolls-${step}.safetensors`;

/** Points of the history that a run keeps. */
const historyPoints = 200;

/** What must be the same when a run goes on: all but how far it goes. */
function checkSame(where: string, requested: MetaSettings, found: MetaSettings): void {
  for (const [name, value] of Object.entries(requested)) {
    const before = (found as unknown as Record<string, unknown>)[name];
    if (JSON.stringify(before) !== JSON.stringify(value))
      throw new OptionError(
        `metaTrain: ${where} holds a run with ${name} ${JSON.stringify(before)}, got ${JSON.stringify(value)}; give the same settings, or another folder`,
      );
  }
}

/** The state of a run in memory. */
interface Run {
  readonly settings: MetaSettings;
  theta: Float32Array;
  step: number;
  seconds: number;
  episodes: Episode[];
  history: MetaRecord[];
  recent: MetaRecord[];
  /** Outer step of the last checkpoint. */
  kept: number;
}

async function found(
  { store, settings }: MetaTrainOptions,
  size: number,
): Promise<MetaCheckpoint | undefined> {
  const bytes = await store.read(metaFile);
  if (bytes === undefined) return undefined;
  const checkpoint = await readMetaCheckpoint(bytes);
  checkSame(store.location, settings, checkpoint.settings);
  if (checkpoint.theta.length !== size)
    throw new OptionError(
      `metaTrain: ${store.location} holds a theta of ${checkpoint.theta.length} numbers, expected ${size}; it belongs to another version, choose another folder`,
    );
  return checkpoint;
}

const resumed = (checkpoint: MetaCheckpoint): Run => ({
  ...checkpoint,
  episodes: [...checkpoint.episodes],
  history: [...checkpoint.history],
  recent: [...checkpoint.recent],
  kept: checkpoint.step,
});

/**
 * Runs, or goes on with, meta-training.
 * @throws {OptionError} for settings out of their range, or other than those of the run in the store; {FormatError} for a damaged
 * checkpoint; {EnvironmentError} when the store fails or a worker dies (the last checkpoint stays); the signal's reason after an abort
 */
export async function* metaTrain(
  options: MetaTrainOptions,
): AsyncGenerator<MetaEvent, void, undefined> {
  const { settings, task, store } = options;
  checkSettings(settings);
  checkEstimator(settings.estimator);
  const release = await store.lock();
  const groups: UnrollGroup[] = [];
  try {
    const { thetaShapes, initialTheta } = optimizerKind(settings.kind).program(task.spec);
    const size = thetaSize(thetaShapes);
    const checkpoint = await found(options, size);
    const run: Run =
      checkpoint === undefined
        ? {
            settings,
            theta: thetaToVector(thetaShapes, initialTheta(settings.seed)),
            step: 0,
            seconds: 0,
            episodes: firstEpisodes(settings),
            history: [],
            recent: [],
            kept: 0,
          }
        : resumed(checkpoint);
    yield { type: "start", step: run.step, outerSteps: settings.outerSteps };
    const sizes = groupSizes(settings.pairs, options.pool.width);
    for (const pairs of sizes) groups.push(await options.pool.open({ settings, pairs }));
    if (checkpoint !== undefined) yield* loadUnrolls(options, run, groups, sizes);
    yield* outerLoop(options, run, { groups, sizes, saved: checkpoint?.optimizer, thetaShapes });
    yield {
      type: "done",
      complete: run.step >= settings.outerSteps,
      step: run.step,
      theta: thetaFromVector(thetaShapes, run.theta),
      history: run.history,
    };
  } finally {
    await Promise.allSettled(groups.map((group) => group.close()));
    await release();
  }
}

/** The networks of the checkpoint; without them, new episodes begin. */
async function* loadUnrolls(
  { store, settings }: MetaTrainOptions,
  run: Run,
  groups: readonly UnrollGroup[],
  sizes: readonly number[],
): AsyncGenerator<MetaEvent, void, undefined> {
  if (run.step >= settings.outerSteps) return;
  const bytes = await store.read(unrollsFile(run.step));
  if (bytes !== undefined) {
    const parts = separateGroups(await readUnrolls(bytes, run.step), sizes);
    await Promise.all(groups.map((group, at) => group.load(parts[at])));
    return;
  }
  yield {
    type: "warning",
    message: `${store.location} has no ${unrollsFile(run.step)}: theta goes on, with new episodes`,
  };
  run.episodes = run.episodes.map((episode) => ({
    ...episodeAfter(settings, episode, run.step - 1, true),
    truncations: Math.max(1, episode.truncations - (run.step - episode.began)),
  }));
}

interface Workforce {
  readonly groups: readonly UnrollGroup[];
  readonly sizes: readonly number[];
  readonly saved: HostRecord | undefined;
  readonly thetaShapes: ThetaShapes;
}

/** All pairs through one truncation, group by group at once. */
async function truncate(run: Run, { groups, sizes }: Workforce): Promise<TruncationResult[]> {
  let first = 0;
  const results = await Promise.all(
    groups.map((group, at) => {
      const times = run.episodes
        .slice(first, first + sizes[at])
        .map((episode) => timeOf(episode, run.step));
      first += sizes[at];
      return group.run({ theta: run.theta, times });
    }),
  );
  return results.flat();
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

async function* outerLoop(
  options: MetaTrainOptions,
  run: Run,
  workforce: Workforce,
): AsyncGenerator<MetaEvent, void, undefined> {
  const { settings, signal, checkpointEvery = 50, seconds = Infinity } = options;
  const { outerSteps, pairs, truncation, noise, objective } = settings;
  const size = run.theta.length;
  const outer = outerOptimizer(settings, size, workforce.saved);
  const sumOf = noiseSums(settings, size);
  const every = Math.max(1, Math.ceil(outerSteps / historyPoints));
  const [began, before, firstStep] = [performance.now(), run.seconds, run.step];
  try {
    while (run.step < outerSteps) {
      if (signal?.aborted === true) {
        if (run.kept !== run.step) yield await keep(options, run, workforce, await outer.save());
        signal.throwIfAborted();
      }
      const results = await truncate(run, workforce);
      const gradient = new Float64Array(size);
      for (const [at, result] of results.entries()) {
        const episode = run.episodes[at];
        const time = timeOf(episode, run.step);
        const sum = sumOf(time, noiseAt(settings, time, size));
        const end = { ends: endsWith(episode, run.step), truncations: episode.truncations };
        addEstimate(gradient, sum, objectiveDifference(objective, result, end), { noise, pairs });
      }
      const { theta, norm } = await outer.step(run.theta, gradient, run.step);
      run.theta = theta;
      run.episodes = run.episodes.map((episode, at) =>
        episodeAfter(settings, episode, run.step, results[at].diverged),
      );
      run.step++;
      const passed = (performance.now() - began) / 1000;
      run.seconds = before + passed;
      const record: MetaRecord = {
        step: run.step,
        loss: mean(results.flatMap(({ plus, minus }) => [mean(plus), mean(minus)])),
        gradient: norm,
        diverged: results.filter(({ diverged }) => diverged).length,
      };
      run.recent.push(record);
      const done = run.step - firstStep;
      yield {
        type: "step",
        ...record,
        innerStepsPerSecond: (done * 2 * pairs * truncation) / passed,
        secondsLeft: (passed / done) * (outerSteps - run.step),
      };
      if (run.step % every === 0 || run.step === outerSteps)
        run.history.push(summary(run.recent.splice(0)));
      const isOver = passed >= seconds;
      if (run.step % checkpointEvery === 0 || run.step === outerSteps || isOver)
        yield await keep(options, run, workforce, await outer.save());
      if (isOver) return;
    }
  } finally {
    outer.close();
  }
}

/** Several records as one point of the history. */
const summary = (records: readonly MetaRecord[]): MetaRecord => ({
  step: records[records.length - 1].step,
  loss: mean(records.map(({ loss }) => loss)),
  gradient: mean(records.map(({ gradient }) => gradient)),
  diverged: records.reduce((sum, { diverged }) => sum + diverged, 0),
});

/** Writes the networks first, then the file that names their step, then removes older networks. */
async function keep(
  { store, settings }: MetaTrainOptions,
  run: Run,
  { groups, sizes, thetaShapes }: Workforce,
  optimizer: HostRecord,
): Promise<MetaEvent> {
  if (run.step < settings.outerSteps) {
    const saved = await Promise.all(groups.map((group) => group.save()));
    await store.write(
      unrollsFile(run.step),
      await writeUnrolls(run.step, joinGroups(saved, sizes)),
    );
  }
  const { kept: _, ...rest } = run;
  const bytes = await writeMetaCheckpoint({ ...rest, optimizer });
  await store.write(metaFile, bytes);
  run.kept = run.step;
  for (const name of await store.list()) {
    const old = /^unrolls-(\d+)\.safetensors$/.exec(name);
    if (old !== null && (Number(old[1]) !== run.step || run.step >= settings.outerSteps))
      await store.remove(name);
  }
  const theta = thetaFromVector(thetaShapes, run.theta);
  return { type: "checkpoint", step: run.step, bytes: bytes.length, theta };
}
