// Measures optimizers on a task as the field does: steps until the best test loss of tuned Adam, and losses, over several seeds, in steps
// and in seconds (GradMetaNet's protocol: Adam with 20 rates, five seeds).

import { OptionError } from "../../core/errors.ts";
import { deriveSeed } from "../../core/random.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import { runUnits } from "../../work/run-units.ts";
import { isInPart, type ListPart, type Runner } from "../../work/work-list.ts";
import type { OptimizerEntry } from "./entries.ts";
import { type NetworkCurves, trainNetworks } from "./train-networks.ts";

/** Which optimizers {@link evaluateOptimizers} measures, on what, and how long. */
export interface EvaluateOptions {
  readonly task: InnerTask;
  /** One of them must be "adam". */
  readonly entries: readonly OptimizerEntry[];
  /** Runs of each optimizer. */
  readonly seeds: number;
  readonly steps: number;
  /** Steps between two test losses. */
  readonly every: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** A unit that an earlier run has kept. */
  readonly known?: (name: string) => Promise<EvaluationUnit | undefined>;
  /** Runs only the optimizers of a part of the list. @default all */
  readonly part?: ListPart | undefined;
  /** What runs optimizers. @default one after another, in the calling thread */
  readonly runner?: EvaluationRunner | undefined;
}

/** Runs optimizers somewhere; tells of points that are measured, and notes. */
export type EvaluationRunner = Runner<OptimizerEntry, EvaluationUnit, "point" | { note: string }>;

/** The runs of one optimizer. */
export interface EvaluationUnit {
  readonly optimizer: string;
  /** The rate that was chosen, of learned optimizers the factor of their steps; null where nothing is tuned. */
  readonly rate: number | null;
  /** Rates that were tried with the lowest test loss of each; null where it was not finite. */
  readonly tried: readonly { readonly rate: number; readonly loss: number | null }[];
  readonly curves: NetworkCurves;
}

/** What a measurement of optimizers tells while it goes. */
export type EvaluateEvent =
  | {
      readonly type: "progress";
      readonly done: number;
      readonly total: number;
      readonly note: string;
    }
  | { readonly type: "unit"; readonly unit: EvaluationUnit; readonly wasKnown: boolean }
  | { readonly type: "warning"; readonly message: string };

const lowest = (values: readonly number[]): number => Math.min(...values);

/** Seeds of the runs that are reported; rates are chosen on another one. */
const runSeeds = (seed: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => deriveSeed(seed, "run", i));

/** How the runs of an optimizer are measured. */
export type MeasureOptions = Pick<
  EvaluateOptions,
  "task" | "seeds" | "steps" | "every" | "seed" | "signal"
>;

/** The unit of one optimizer. @throws the signal's reason after an abort */
export async function measureOptimizer(
  entry: OptimizerEntry,
  { task, seeds, steps, every, seed, signal }: MeasureOptions,
  onPoint: () => void = () => undefined,
): Promise<EvaluationUnit> {
  const run = async (rates: readonly number[], ofNetworks: readonly number[]) => {
    const rule = entry.rule(task.spec, rates);
    try {
      const options = { task, rule, seeds: ofNetworks, steps, every, onPoint };
      return await trainNetworks({ ...options, ...(signal && { signal }) });
    } finally {
      rule.close();
    }
  };
  const chosen = runSeeds(seed, seeds);
  if (entry.rates.length === 0) {
    const curves = await run(chosen, chosen);
    return { optimizer: entry.name, rate: null, tried: [], curves };
  }
  const tuning = entry.rates.map(() => deriveSeed(seed, "tuning"));
  const found = (await run(entry.rates, tuning)).test.map(lowest);
  const best = found.indexOf(lowest(found));
  const rate = entry.rates[Math.max(best, 0)];
  const curves = await run(
    chosen.map(() => rate),
    chosen,
  );
  const tried = entry.rates.map((rateTried, i) => ({
    rate: rateTried,
    loss: Number.isFinite(found[i]) ? found[i] : null,
  }));
  return { optimizer: entry.name, rate, tried, curves };
}

const inThisThread = (options: MeasureOptions): EvaluationRunner => ({
  width: 1,
  run: (entry, signal, tell) =>
    measureOptimizer(entry, { ...options, signal }, () => tell("point")),
  close: async () => undefined,
});

/** @throws {OptionError} without Adam, for a name given twice, or for steps that are no multiple of `every` */
export function checkEvaluation(
  names: readonly string[],
  { steps, every }: Pick<EvaluateOptions, "steps" | "every">,
): void {
  if (!names.includes("adam"))
    throw new OptionError(
      `evaluateOptimizers: expected "adam" among the optimizers, whose best test loss is what others are measured by, got ${names.join(", ")}`,
    );
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw new OptionError(
      `evaluateOptimizers: "${twice}" was given twice, expected different names`,
    );
  if (!(Number.isSafeInteger(steps / every) && steps > 0))
    throw new OptionError(
      `evaluateOptimizers: steps expected a multiple of ${every}, the steps between test losses, got ${steps}`,
    );
}

/**
 * Runs every optimizer; units come as they are finished, those that are known first.
 * @throws {OptionError} without Adam, for a name given twice, or for steps that are no multiple of `every`; the signal's reason after an abort
 */
export async function* evaluateOptimizers(
  options: EvaluateOptions,
): AsyncGenerator<EvaluateEvent, void, undefined> {
  const { entries, steps, every, known, signal, part } = options;
  checkEvaluation(
    entries.map(({ name }) => name),
    options,
  );
  const pointsOf = ({ rates }: OptimizerEntry) => ((rates.length > 0 ? 2 : 1) * steps) / every;
  const total = entries.reduce((sum, entry) => sum + pointsOf(entry), 0);
  const measured = new Map(entries.map((entry) => [entry, 0]));
  const progress = (entry: OptimizerEntry): EvaluateEvent => ({
    type: "progress",
    done: [...measured.values()].reduce((sum, points) => sum + points, 0),
    total,
    note: entry.name,
  });
  const pending: OptimizerEntry[] = [];
  for (const [at, entry] of entries.entries()) {
    const kept = await known?.(entry.name);
    if (kept !== undefined) {
      yield { type: "unit", unit: kept, wasKnown: true };
      measured.set(entry, pointsOf(entry));
      yield progress(entry);
    } else if (isInPart(at, part)) pending.push(entry);
  }
  if (pending.length === 0) return;
  const runner = options.runner ?? inThisThread(options);
  for await (const news of runUnits(pending, runner, signal)) {
    if (news.kind === "tick") continue;
    const entry = news.request;
    if (news.kind === "failed") throw signal?.aborted === true ? signal.reason : news.error;
    if (news.kind === "done") {
      yield { type: "unit", unit: news.outcome, wasKnown: false };
      measured.set(entry, pointsOf(entry));
    } else if (news.event === "point") measured.set(entry, (measured.get(entry) ?? 0) + 1);
    else yield { type: "warning", message: news.event.note };
    yield progress(entry);
  }
  signal?.throwIfAborted();
}
