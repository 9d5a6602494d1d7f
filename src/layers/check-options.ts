// Checks of model options, which may come from a JSON file: what is out of its range is refused by name.

import { OptionError } from "../core/errors.ts";

/** @throws {OptionError} unless `sizes` is a list of whole numbers of at least 1, not empty. */
export function checkSizes(name: string, sizes: unknown): void {
  const sound =
    Array.isArray(sizes) &&
    sizes.length > 0 &&
    sizes.every((size) => Number.isSafeInteger(size) && size >= 1);
  if (sound) return;
  throw new OptionError(
    `${name} expected a list of whole numbers of at least 1, got ${JSON.stringify(sizes)}`,
  );
}

/** @throws {OptionError} unless `channels` are sizes of an input and of at least one layer. */
export function checkChannels(caller: string, channels: readonly number[]): void {
  checkSizes(`${caller}: channels`, channels);
  if (channels.length >= 2) return;
  throw new OptionError(
    `${caller}: channels needs an input and at least one layer, got ${channels.length} entries`,
  );
}

/** @throws {OptionError} unless the value is one of the choices. */
export function checkChoice(name: string, value: unknown, choices: readonly unknown[]): void {
  if (choices.includes(value)) return;
  throw new OptionError(
    `${name} expected one of ${choices.join(", ")}, got ${JSON.stringify(value)}`,
  );
}

/** @throws {OptionError} unless the value is a number within the bounds; whole when they are finite. */
export function checkRange(name: string, value: unknown, least: number, most: number): void {
  const whole = !Number.isFinite(most) || Number.isSafeInteger(value);
  if (typeof value === "number" && whole && value >= least && value <= most) return;
  throw new OptionError(
    `${name} expected a number from ${least} to ${most}, got ${JSON.stringify(value)}`,
  );
}

/** @throws {OptionError} unless the rate is at least 0 and below 1. */
export function checkDropout(name: string, rate: unknown): void {
  if (typeof rate === "number" && rate >= 0 && rate < 1) return;
  throw new OptionError(
    `${name} expected a rate of at least 0 and below 1, got ${JSON.stringify(rate)}`,
  );
}
