// The state of a meta-training run, and what an outer step makes of what was measured in it.

import type { HostRecord } from "../../engine/arrays.ts";
import { endsWith, type Episode, episodeAfter, firstEpisodes, timeOf } from "./episodes.ts";
import { addEstimate, noiseAt, noiseSums, objectiveDifference } from "./estimator.ts";
import type { MetaCheckpoint, MetaRecord, OuterStepLog } from "./meta-checkpoint.ts";
import { outerOptimizer, type OuterOptimizer } from "./outer-step.ts";
import type { MetaSettings } from "./settings.ts";
import type { TruncationResult } from "./unrolls.ts";

/** The state of a run in memory. */
export interface MetaRun {
  readonly settings: MetaSettings;
  theta: Float32Array;
  step: number;
  seconds: number;
  episodes: Episode[];
  history: MetaRecord[];
  recent: MetaRecord[];
  /** What was measured in every outer step; undefined for a run that was begun by a version which did not keep it. */
  readonly log: OuterStepLog[] | undefined;
  /** Outer step of the last checkpoint. */
  kept: number;
}

/** A run before its first step. */
export const newRun = (settings: MetaSettings, theta: Float32Array): MetaRun => ({
  settings,
  theta,
  step: 0,
  seconds: 0,
  episodes: firstEpisodes(settings),
  history: [],
  recent: [],
  log: [],
  kept: 0,
});

/** A run as it was at a checkpoint. */
export const resumedRun = (checkpoint: MetaCheckpoint): MetaRun => ({
  ...checkpoint,
  episodes: [...checkpoint.episodes],
  history: [...checkpoint.history],
  recent: [...checkpoint.recent],
  log: checkpoint.log && [...checkpoint.log],
  kept: checkpoint.step,
});

/** Points of the history that a run keeps. */
const historyPoints = 200;

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** Several records as one point of the history. */
const summary = (records: readonly MetaRecord[]): MetaRecord => ({
  step: records[records.length - 1].step,
  loss: mean(records.map(({ loss }) => loss)),
  gradient: mean(records.map(({ gradient }) => gradient)),
  diverged: records.reduce((sum, { diverged }) => sum + diverged, 0),
});

/** What the results of an outer step measure. */
export function measured(
  run: MetaRun,
  results: readonly TruncationResult[],
): Omit<OuterStepLog, "seconds"> {
  const { objective } = run.settings;
  return {
    differences: results.map((result, at) => {
      const episode = run.episodes[at];
      const end = { ends: endsWith(episode, run.step), truncations: episode.truncations };
      return objectiveDifference(objective, result, end);
    }),
    diverged: results.flatMap(({ diverged }, at) => (diverged ? [at] : [])),
    loss: mean(results.flatMap(({ plus, minus }) => [mean(plus), mean(minus)])),
  };
}

/** Moves a run by outer steps. */
export interface OuterLoop {
  readonly optimizer: OuterOptimizer;
  /** Moves theta by what was measured, and everything else that follows from it; the record of the step. */
  readonly advance: (log: Omit<OuterStepLog, "seconds">) => Promise<MetaRecord>;
}

/** The loop of a run, whose outer optimizer starts from its state in a checkpoint or from the beginning. */
export function outerLoopOf(run: MetaRun, saved: HostRecord | undefined): OuterLoop {
  const { settings } = run;
  const { noise, pairs, outerSteps } = settings;
  const size = run.theta.length;
  const optimizer = outerOptimizer(settings, size, saved);
  const sumOf = noiseSums(settings, size);
  const every = Math.max(1, Math.ceil(outerSteps / historyPoints));
  const advance = async (log: Omit<OuterStepLog, "seconds">): Promise<MetaRecord> => {
    const gradient = new Float64Array(size);
    for (const [at, episode] of run.episodes.entries()) {
      const time = timeOf(episode, run.step);
      const sum = sumOf(time, noiseAt(settings, time, size));
      addEstimate(gradient, sum, log.differences[at], { noise, pairs });
    }
    const { theta, norm } = await optimizer.step(run.theta, gradient, run.step);
    run.theta = theta;
    run.episodes = run.episodes.map((episode, at) =>
      episodeAfter(settings, episode, run.step, log.diverged.includes(at)),
    );
    run.step++;
    const { loss, diverged } = log;
    const record = { step: run.step, loss, gradient: norm, diverged: diverged.length };
    run.recent.push(record);
    if (run.step % every === 0 || run.step === outerSteps)
      run.history.push(summary(run.recent.splice(0)));
    return record;
  };
  return { optimizer, advance };
}
