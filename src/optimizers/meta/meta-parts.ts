// Parts of meta-training: for every fifty outer steps a small file of what was measured in them, without theta or weights. Theta and the
// networks of the unrolls are made again from it, the settings and the seed, to the same numbers.

import { periodicYield } from "../../core/event-loop.ts";
import type { ZooStore } from "../../core/store.ts";
import { openParts, partsSettings, type UnitParts } from "../../work/unit-parts.ts";
import { timeOf } from "./episodes.ts";
import { type EpisodeTime, objectiveDifference } from "./estimator.ts";
import type { OuterStepLog } from "./meta-checkpoint.ts";
import { outerLoopOf, type OuterLoop, type MetaRun } from "./meta-run.ts";
import type { MetaSettings } from "./settings.ts";
import type { TruncationResult } from "./unrolls.ts";

const isList = (value: unknown, check: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(check);

/** A step as JSON holds it: a loss that is not finite is null there. */
function stepFromJson(value: unknown): OuterStepLog | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { differences, diverged, loss, seconds } = value as Record<string, unknown>;
  const isStep =
    isList(differences, Number.isFinite) &&
    isList(diverged, Number.isSafeInteger) &&
    (loss === null || typeof loss === "number") &&
    typeof seconds === "number";
  return isStep ? { ...(value as OuterStepLog), loss: loss ?? Number.NaN } : undefined;
}

/** What was measured in some outer steps, one after another. */
function stepsFromJson(value: unknown): OuterStepLog[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const steps = value.flatMap((step) => stepFromJson(step) ?? []);
  return steps.length === value.length ? steps : undefined;
}

/** Outer steps of a part; the last one of a run may have fewer. */
const stepsInPart = 50;

const caller = "optimizer train";

/** The settings of a run beside its parts. */
export const metaPartsSettings = partsSettings(caller);

/** The parts of a run, by the outer steps they hold. */
export type MetaParts = UnitParts<OuterStepLog[]>;

/** The parts of a run. @throws {OptionError} when the store holds parts of other settings */
export const openMetaParts = (
  store: ZooStore,
  settings: MetaSettings,
  warn: (message: string) => void,
): Promise<MetaParts> =>
  openParts<OuterStepLog[]>(store, {
    caller,
    settings: { ...settings },
    fromJson: stepsFromJson,
    warn,
  });

interface Stretch {
  readonly name: string;
  /** From outer step number `from` to before number `to`. */
  readonly from: number;
  readonly to: number;
}

/** The parts that a run has. */
const stretchesOf = (outerSteps: number): Stretch[] =>
  Array.from({ length: Math.ceil(outerSteps / stepsInPart) }, (_, i) => {
    const [from, to] = [i * stepsInPart, Math.min((i + 1) * stepsInPart, outerSteps)];
    return { name: `steps ${from + 1} ${to}`, from, to };
  });

/** What all parts say from the first one on, as long as one follows the other. */
export async function readMetaParts(
  parts: MetaParts,
  { outerSteps, pairs }: MetaSettings,
): Promise<OuterStepLog[]> {
  const log: OuterStepLog[] = [];
  for (const { name, from, to } of stretchesOf(outerSteps)) {
    const part = await parts.read({ name });
    const fits =
      part?.length === to - from && part.every(({ differences }) => differences.length === pairs);
    if (!fits) break;
    log.push(...part);
  }
  return log;
}

/** Keeps the parts of a run that end at its step; with `all`, those before too that are not there. */
export async function keepMetaParts(
  parts: MetaParts,
  { settings: { outerSteps }, step, log = [] }: MetaRun,
  all = false,
): Promise<void> {
  for (const { name, from, to } of stretchesOf(outerSteps)) {
    const isDue = to === step || (all && to < step);
    if (!isDue || log.length < to) continue;
    if (all && (await parts.read({ name })) !== undefined) continue;
    await parts.keep({ name }, log.slice(from, to));
  }
}

/** A truncation that was done before: what it began from, and what was measured. */
interface PastStep {
  readonly theta: Float32Array;
  readonly times: readonly EpisodeTime[];
  readonly log: OuterStepLog;
}

/** Does a truncation of all pairs. */
export type Truncate = (
  theta: Float32Array,
  times: readonly EpisodeTime[],
) => Promise<readonly TruncationResult[]>;

/**
 * Takes a new run through the steps of its parts, without training a network but those of the episodes under way.
 * @returns the loop with which the run goes on, and whether what is trained again measures what it did before
 * @throws the signal's reason after an abort
 */
export async function replay(
  run: MetaRun,
  log: readonly OuterStepLog[],
  truncate: Truncate,
  signal?: AbortSignal,
): Promise<{ readonly loop: OuterLoop; readonly isSame: boolean }> {
  const loop = outerLoopOf(run, undefined);
  const pause = pausing(signal);
  try {
    const past: PastStep[] = [];
    for (const step of log) {
      await pause();
      const times = run.episodes.map((episode) => timeOf(episode, run.step));
      past.push({ theta: run.theta, times, log: step });
      await loop.advance(step);
      run.log?.push(step);
      run.seconds += step.seconds;
    }
    const isSame = await trainAgain(run, past, truncate, pause);
    return { loop, isSame };
  } catch (error) {
    loop.optimizer.close();
    throw error;
  }
}

/** Lets an interruption in. */
function pausing(signal: AbortSignal | undefined): () => Promise<void> {
  const turn = periodicYield();
  return async () => {
    await turn();
    signal?.throwIfAborted();
  };
}

/** Trains the networks of the episodes under way from where the oldest began; whether they measure what they did before. */
async function trainAgain(
  { settings, step, episodes }: MetaRun,
  past: readonly PastStep[],
  truncate: Truncate,
  pause: () => Promise<void>,
): Promise<boolean> {
  if (step >= settings.outerSteps) return true;
  let isSame = true;
  const oldest = Math.min(...episodes.map(({ began }) => began));
  for (const { theta, times, log } of past.slice(oldest)) {
    await pause();
    const results = await truncate(theta, times);
    for (const [at, { episode }] of times.entries()) {
      if (episodes[at].episode !== episode) continue; // a network of an earlier episode
      const end = { ends: false, truncations: 1 };
      const again = objectiveDifference(settings.objective, results[at], end);
      isSame &&= again === log.differences[at];
    }
  }
  return isSame;
}
