// Measures optimizers on a task as the field does: steps until the best test loss of tuned Adam, and losses, over several seeds, in steps
// and in seconds (GradMetaNet's protocol: Adam with 20 rates, five seeds).

import { OptionError } from "../../core/errors.ts";
import { eventQueue } from "../../core/event-queue.ts";
import { deriveSeed } from "../../core/random.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
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
}

/** The runs of one optimizer. */
export interface EvaluationUnit {
  readonly optimizer: string;
  /** The rate that was chosen; null where nothing is tuned. */
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
  | { readonly type: "unit"; readonly unit: EvaluationUnit; readonly wasKnown: boolean };

const lowest = (values: readonly number[]): number => Math.min(...values);

/** Seeds of the runs that are reported; rates are chosen on another one. */
const runSeeds = (seed: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => deriveSeed(seed, "run", i));

async function measure(
  entry: OptimizerEntry,
  { task, seeds, steps, every, seed, signal }: EvaluateOptions,
  onPoint: () => void,
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

/**
 * Runs every optimizer, one after another; units come as they are finished.
 * @throws {OptionError} without Adam, for a name given twice, or for steps that are no multiple of `every`; the signal's reason after an abort
 */
export async function* evaluateOptimizers(
  options: EvaluateOptions,
): AsyncGenerator<EvaluateEvent, void, undefined> {
  const { entries, steps, every, known } = options;
  const names = entries.map(({ name }) => name);
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
  const points = entries.map(({ rates }) => ((rates.length > 0 ? 2 : 1) * steps) / every);
  const total = points.reduce((sum, n) => sum + n, 0);
  let before = 0;
  for (const [at, entry] of entries.entries()) {
    const kept = await known?.(entry.name);
    if (kept === undefined) yield* measured(entry, options, before, total);
    else yield { type: "unit", unit: kept, wasKnown: true };
    before += points[at];
    yield { type: "progress", done: before, total, note: entry.name };
  }
}

/** One unit, with progress while it is made. */
async function* measured(
  entry: OptimizerEntry,
  options: EvaluateOptions,
  before: number,
  total: number,
): AsyncGenerator<EvaluateEvent, void, undefined> {
  let done = before;
  const events = eventQueue<EvaluateEvent>();
  const onPoint = () => {
    done++;
    events.push({ type: "progress", done, total, note: entry.name });
  };
  measure(entry, options, onPoint).then(
    (unit) => {
      events.push({ type: "unit", unit, wasKnown: false });
      events.close();
    },
    (error: unknown) => events.close(error),
  );
  yield* events.drain();
}
