// Configurations of a functional that a search tries: a fixed list of learning rates and widths, or a sequence that fills the space
// of rate, width, dropout and decay evenly, however long it is.

import { OptionError } from "../../core/errors.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { type ModelEntry, type ModelOptions, modelEntry } from "../../models/registry.ts";
import type { Budget } from "../budget.ts";
import type { ExperimentEntry } from "../settings.ts";

/** A learning rate and a width, as multiples of the budget's rate and the functional's usual sizes; the rest as they are. */
export interface Configuration {
  readonly rate: number;
  readonly width: number;
  /** Rate of dropout in the head. @default the functional's own */
  readonly dropout?: number;
  /** Decoupled weight decay. @default the budget's */
  readonly weightDecay?: number;
}

const widthsAndRates: readonly Configuration[] = [1, 0.5, 2].flatMap((width) =>
  [1, 1 / 3, 3].map((rate) => ({ rate, width })),
);
const onlyRates: readonly Configuration[] = [0, -1, 1, -2, 2, -3, 3, -4, 4].map((power) => ({
  rate: 3 ** power,
  width: 1,
}));

export const maxConfigurations = widthsAndRates.length;

/** The first so many configurations; functionals without a width try as many learning rates. */
export function tuningConfigurations(model: string, count: number): readonly Configuration[] {
  if (!Number.isSafeInteger(count) || count < 1 || count > maxConfigurations) {
    throw new OptionError(
      `experiment: configurations to try expected a whole number from 1 to ${maxConfigurations}, got ${count}`,
    );
  }
  const list = modelEntry(model).width === undefined ? onlyRates : widthsAndRates;
  return list.slice(0, count);
}

/** What a search by halving draws from: rates over four decades about the budget's, evenly in their logarithm, and lists. */
const space = {
  decades: 4,
  widths: [0.5, 1, 2],
  dropouts: [0, 0.1, 0.3],
  decays: [0, 1e-3, 1e-2, 1e-1],
} as const;

/**
 * Steps of an additive sequence whose points spread evenly in four dimensions: powers of the root of x^5 = x + 1. The third, which is
 * near the golden section, spreads few points best: rates have it.
 */
const steps = [1, 2, 3, 4].map((power) => 1.1673039782614187 ** -power);

const hasDropout = ({ options }: ModelEntry): boolean => "dropout" in options.shape;

const pick = <T>(list: readonly T[], share: number): T => list[Math.floor(share * list.length)];

/** So many configurations from a place of the sequence of a seed on; the first is the functional as it is. */
export function drawnConfigurations(
  model: string,
  seed: number,
  from: number,
  count: number,
): readonly Configuration[] {
  const entry = modelEntry(model);
  const random = randomStream(deriveSeed(seed, "search"));
  const shifts = steps.map(() => random.uniform());
  return Array.from({ length: count }, (_, i): Configuration => {
    if (from + i === 0) return { rate: 1, width: 1 };
    const [width, dropout, rate, decay] = steps.map(
      (step, at) => (shifts[at] + (from + i) * step) % 1,
    );
    return {
      rate: 10 ** (space.decades * (rate - 0.5)),
      width: entry.width === undefined ? 1 : pick(space.widths, width),
      ...(hasDropout(entry) && { dropout: pick(space.dropouts, dropout) }),
      weightDecay: pick(space.decays, decay),
    };
  });
}

/** The options with every size between input and output scaled, to a multiple of 4 where it is at least 4. */
function scaleWidth(model: string, options: ModelOptions, factor: number): ModelOptions {
  const width = modelEntry(model).width;
  if (width === undefined || factor === 1) return options;
  const sizes = (options[width.option] as readonly number[] | undefined) ?? width.sizes;
  const scaled = sizes.map((size, i) => {
    const isEnd = width.option === "channels" ? i === 0 : i === sizes.length - 1;
    if (isEnd) return size;
    const wanted = size * factor;
    return wanted < 4 ? Math.max(1, Math.round(wanted)) : 4 * Math.round(wanted / 4);
  });
  return { ...options, [width.option]: scaled };
}

/** A functional and its budget under a configuration. */
export function configure(
  { name, model = name, options }: ExperimentEntry,
  budget: Budget,
  { rate, width, dropout, weightDecay }: Configuration,
): { readonly options: ModelOptions; readonly budget: Budget } {
  const rounded = Number((budget.rate * rate).toPrecision(6));
  return {
    options: {
      ...scaleWidth(model, options, width),
      ...(dropout !== undefined && { dropout }),
    },
    budget: { ...budget, rate: rounded, ...(weightDecay !== undefined && { weightDecay }) },
  };
}
