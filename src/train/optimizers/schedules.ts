// Learning-rate schedules: the rate of every step as a plain function of the step number, from 0.

import { OptionError } from "../../core/errors.ts";

/** The learning rate of step `step` (from 0) in a run of `steps` steps. */
export type Schedule = (step: number, steps: number) => number;

/** The same rate throughout. */
export function constant(rate: number): Schedule {
  if (!(rate >= 0)) throw new OptionError(`constant: rate expected at least 0, got ${rate}`);
  return () => rate;
}

/** A rate that rises linearly and falls with a cosine. */
export interface WarmupCosineOptions {
  /** Highest rate, reached at the end of the warm-up. */
  readonly rate: number;
  /** Steps of linear rise: step 0 has `rate / warmup`. @default 0 */
  readonly warmup?: number;
  /** Rate at the end, as a fraction of `rate`. @default 0 */
  readonly final?: number;
}

/** Linear warm-up, then half a cosine down to `final * rate` at the last step (Loshchilov and Hutter 2017, no restarts). */
export function warmupCosine({ rate, warmup = 0, final = 0 }: WarmupCosineOptions): Schedule {
  if (!(rate >= 0)) throw new OptionError(`warmupCosine: rate expected at least 0, got ${rate}`);
  if (!Number.isSafeInteger(warmup) || warmup < 0) {
    throw new OptionError(`warmupCosine: warmup expected whole steps, got ${warmup}`);
  }
  return (step, steps) => {
    if (step < warmup) return (rate * (step + 1)) / warmup;
    const length = Math.max(steps - 1 - warmup, 1);
    const progress = Math.min((step - warmup) / length, 1);
    return rate * (final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * progress)));
  };
}

/** A rate that falls in steps. */
export interface StepDecayOptions {
  readonly rate: number;
  /** Steps between two drops. */
  readonly every: number;
  /** Factor of each drop. @default 0.1 */
  readonly factor?: number;
}

/** The rate times `factor` after every `every` steps. */
export function stepDecay({ rate, every, factor = 0.1 }: StepDecayOptions): Schedule {
  if (!Number.isSafeInteger(every) || every < 1) {
    throw new OptionError(`stepDecay: every expected at least 1 step, got ${every}`);
  }
  return (step) => rate * factor ** Math.floor(step / every);
}
