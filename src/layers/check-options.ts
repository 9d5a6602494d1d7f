// Checks of options that depend on one another or belong to layers; those of models have schemas (models/options.ts).

import { OptionError } from "../core/errors.ts";

/** @throws {OptionError} unless `channels` are those of an input and of at least one layer. */
export function checkChannels(caller: string, channels: readonly number[]): void {
  if (channels.length >= 2) return;
  throw new OptionError(
    `${caller}: channels needs an input and at least one layer, got ${channels.length} entries`,
  );
}

/** @throws {OptionError} unless the value is a number within the bounds; whole when they are finite. */
export function checkRange(name: string, value: unknown, min: number, max: number): void {
  const isWhole = !Number.isFinite(max) || Number.isSafeInteger(value);
  if (typeof value === "number" && isWhole && value >= min && value <= max) return;
  throw new OptionError(
    `${name} expected a number from ${min} to ${max}, got ${JSON.stringify(value)}`,
  );
}

/** @throws {OptionError} unless the rate is at least 0 and below 1. */
export function checkDropout(name: string, rate: unknown): void {
  if (typeof rate === "number" && rate >= 0 && rate < 1) return;
  throw new OptionError(
    `${name} expected a rate of at least 0 and below 1, got ${JSON.stringify(rate)}`,
  );
}
