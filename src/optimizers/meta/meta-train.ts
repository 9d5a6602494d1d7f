// Meta-training: theta moves down an estimate of the gradient of how well the optimizer trains small networks. A generator of events;
// killed at any moment, it goes on from the last checkpoint to the same numbers.

import { OptionError } from "../../core/errors.ts";
import type { ZooStore } from "../../core/store.ts";
import type { HostRecord } from "../../engine/arrays.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import { thetaFromVector, thetaSize, thetaToVector } from "../host-theta.ts";
import { optimizerKind } from "../registry.ts";
import type { ThetaShapes } from "../update-program.ts";
import { checkArithmetic, otherBackend } from "./backend.ts";
import { checkEstimator, type EpisodeTime } from "./estimator.ts";
import { episodeAfter, timeOf } from "./episodes.ts";
import {
  type MetaCheckpoint,
  type MetaRecord,
  type OuterStepLog,
  metaFile,
  readMetaCheckpoint,
  readUnrolls,
  writeMetaCheckpoint,
  writeUnrolls,
} from "./meta-checkpoint.ts";
import {
  keepMetaParts,
  type MetaParts,
  openMetaParts,
  readMetaParts,
  replay,
} from "./meta-parts.ts";
import type { OuterOptimizer } from "./outer-step.ts";
import {
  measured,
  newRun,
  type OuterLoop,
  outerLoopOf,
  resumedRun,
  type MetaRun,
} from "./meta-run.ts";
import { checkSettings, type MetaSettings } from "./settings.ts";
import { groupSizes, joinGroups, separateGroups, type UnrollPool } from "./unroll-pool.ts";
import type { TruncationResult, UnrollGroup } from "./unrolls.ts";

/** What {@link metaTrain} trains, where its networks run, and where it keeps what is done. */
export interface MetaTrainOptions {
  readonly settings: MetaSettings;
  readonly task: InnerTask;
  readonly pool: UnrollPool;
  /** Where checkpoints are kept, and looked for at the start. */
  readonly store: ZooStore;
  /**
   * Where small files are kept of what was measured in every 50 outer steps. A run whose checkpoints are lost goes on from them, to the
   * same numbers. @default nowhere
   */
  readonly parts?: ZooStore;
  /** Outer steps between two checkpoints. @default 50 */
  readonly checkpointEvery?: number;
  /** Stops at a checkpoint after so many seconds. @default none */
  readonly seconds?: number;
  readonly signal?: AbortSignal;
}

/** What meta-training tells while it goes; the last event has theta. */
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

const unrollsFile = (step: number) => `unrolls-${step}.safetensors`;

/** What must be the same when a run goes on: all but how far it goes. */
function checkSame(where: string, requested: MetaSettings, found: MetaSettings): void {
  if ((requested.kernels === undefined) !== (found.kernels === undefined))
    throw new OptionError(`metaTrain: ${where} holds a run ${otherBackend(found.kernels)}`);
  for (const [name, value] of Object.entries(requested)) {
    const before = (found as unknown as Record<string, unknown>)[name];
    if (JSON.stringify(before) !== JSON.stringify(value))
      throw new OptionError(
        `metaTrain: ${where} holds a run with ${name} ${JSON.stringify(before) ?? "not said"}, got ${JSON.stringify(value) ?? "nothing"}; give the same settings, or another folder`,
      );
  }
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

/**
 * Runs, or goes on with, meta-training.
 * @throws {OptionError} for settings out of their range, or other than those of the run in the store or of its parts; {FormatError} for a damaged
 * checkpoint; {EnvironmentError} when the store fails or a worker dies (the last checkpoint stays); the signal's reason after an abort
 */
export async function* metaTrain(
  options: MetaTrainOptions,
): AsyncGenerator<MetaEvent, void, undefined> {
  const { settings, task, store } = options;
  checkSettings(settings);
  checkEstimator(settings.estimator);
  checkArithmetic(settings);
  const release = await store.lock();
  const groups: UnrollGroup[] = [];
  try {
    const { thetaShapes, initialTheta } = optimizerKind(settings.kind).program(task.spec);
    const size = thetaSize(thetaShapes);
    const checkpoint = await found(options, size);
    const warnings = new Set<string>();
    const warn = (message: string) => warnings.add(message);
    const parts = options.parts && (await openMetaParts(options.parts, settings, warn));
    const log = parts === undefined ? [] : await readMetaParts(parts, settings);
    const isReplayed = log.length > (checkpoint?.step ?? 0);
    const run =
      checkpoint === undefined || isReplayed
        ? newRun(settings, thetaToVector(thetaShapes, initialTheta(settings.seed)))
        : resumedRun(checkpoint);
    if (parts !== undefined) await keepMetaParts(parts, run, true);
    if (parts !== undefined && run.log === undefined) warn(noParts(store.location));
    yield* warningsOf(warnings);
    const step = isReplayed ? log.length : run.step;
    yield { type: "start", step, outerSteps: settings.outerSteps };
    const sizes = groupSizes(settings.pairs, options.pool.width);
    for (const pairs of sizes) groups.push(await options.pool.open({ settings, pairs }));
    const workforce = { groups, sizes, thetaShapes, parts, warnings };
    const loop = isReplayed
      ? yield* replayed(options, run, log, workforce)
      : outerLoopOf(run, checkpoint?.optimizer);
    if (checkpoint !== undefined && !isReplayed) yield* loadUnrolls(options, run, groups, sizes);
    yield* outerSteps(options, run, loop, workforce);
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

const otherNetworks =
  "the networks of the episodes under way, trained again, differ from those of the parts in their last digits: they depend on the machine, the version of Node and the number of threads; the run goes on from them";

const noParts = (location: string) =>
  `the run in ${location} was begun by a version that kept no parts: they cannot be made of it`;

/** Warnings that have come up, each once. */
function* warningsOf(warnings: Set<string>): Generator<MetaEvent> {
  for (const message of warnings) yield { type: "warning", message };
  warnings.clear();
}

/** Takes a run to where its parts end. */
async function* replayed(
  { signal }: MetaTrainOptions,
  run: MetaRun,
  log: readonly OuterStepLog[],
  workforce: Workforce,
): AsyncGenerator<MetaEvent, OuterLoop, undefined> {
  const again = (theta: Float32Array, times: readonly EpisodeTime[]) =>
    truncate(theta, times, workforce);
  const { loop, isSame } = await replay(run, log, again, signal);
  if (!isSame) yield { type: "warning", message: otherNetworks };
  return loop;
}

/** The networks of the checkpoint; without them, new episodes begin. */
async function* loadUnrolls(
  { store, settings }: MetaTrainOptions,
  run: MetaRun,
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
  readonly thetaShapes: ThetaShapes;
  readonly parts: MetaParts | undefined;
  /** Warnings about parts that have come up. */
  readonly warnings: Set<string>;
}

/** All pairs through one truncation, group by group at once. */
async function truncate(
  theta: Float32Array,
  times: readonly EpisodeTime[],
  { groups, sizes }: Workforce,
): Promise<TruncationResult[]> {
  let first = 0;
  const results = await Promise.all(
    groups.map((group, at) => {
      const ofGroup = times.slice(first, first + sizes[at]);
      first += sizes[at];
      return group.run({ theta, times: ofGroup });
    }),
  );
  return results.flat();
}

async function* outerSteps(
  options: MetaTrainOptions,
  run: MetaRun,
  { optimizer, advance }: OuterLoop,
  workforce: Workforce,
): AsyncGenerator<MetaEvent, void, undefined> {
  const { settings, signal, checkpointEvery = 50, seconds = Infinity } = options;
  const { pairs, truncation } = settings;
  const [began, before, firstStep] = [performance.now(), run.seconds, run.step];
  try {
    while (run.step < settings.outerSteps) {
      if (signal?.aborted === true) {
        if (run.kept !== run.step) yield await keep(options, run, workforce, optimizer);
        signal.throwIfAborted();
      }
      const times = run.episodes.map((episode) => timeOf(episode, run.step));
      const log = measured(run, await truncate(run.theta, times, workforce));
      const record = await advance(log);
      const passed = (performance.now() - began) / 1000;
      run.log?.push({ ...log, seconds: before + passed - run.seconds });
      run.seconds = before + passed;
      const done = run.step - firstStep;
      yield {
        type: "step",
        ...record,
        innerStepsPerSecond: (done * 2 * pairs * truncation) / passed,
        secondsLeft: (passed / done) * (settings.outerSteps - run.step),
      };
      if (workforce.parts !== undefined) await keepMetaParts(workforce.parts, run);
      yield* warningsOf(workforce.warnings);
      const isOver = passed >= seconds;
      if (run.step % checkpointEvery === 0 || run.step === settings.outerSteps || isOver)
        yield await keep(options, run, workforce, optimizer);
      if (isOver) return;
    }
  } finally {
    optimizer.close();
  }
}

/** Writes the networks first, then the file that names their step, then removes older networks. */
async function keep(
  { store, settings }: MetaTrainOptions,
  run: MetaRun,
  { groups, sizes, thetaShapes }: Workforce,
  optimizer: OuterOptimizer,
): Promise<MetaEvent> {
  if (run.step < settings.outerSteps) {
    const saved = await Promise.all(groups.map((group) => group.save()));
    await store.write(
      unrollsFile(run.step),
      await writeUnrolls(run.step, joinGroups(saved, sizes)),
    );
  }
  const { kept: _, ...rest } = run;
  const bytes = await writeMetaCheckpoint({ ...rest, optimizer: await optimizer.save() });
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
