// Parsers of option values: what is not a number of the right kind is misuse, refused before any work.

import { InvalidArgumentError } from "commander";

/** A parser of whole numbers within bounds. */
export function wholeNumber(
  min = 0,
  max: number = Number.MAX_SAFE_INTEGER,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text) || value < min || value > max) {
      const bounds = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
      throw new InvalidArgumentError(`Expected a whole number, ${bounds}.`);
    }
    return value;
  };
}

/** A parser of seeds: the generators take 32 bits. */
export const seedNumber = wholeNumber(0, 2 ** 32 - 1);

/** A parser of conditions `column=value` that may repeat. */
export function condition(
  text: string,
  earlier: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const [, column, value] = /^([^=]+)=(.*)$/.exec(text) ?? [];
  if (column === undefined) {
    throw new InvalidArgumentError("Expected a column and a value, as in step=86.");
  }
  return { ...earlier, [column]: value };
}

/** A parser of positive numbers, with a decimal point or an exponent if need be. */
export function positiveNumber(text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError("Expected a number above 0.");
  }
  return value;
}

/** The option of long commands that keep small files of what is finished; `purpose` says what is done with them later. */
export const partsOption = (purpose: string) =>
  [
    "--parts <folder>",
    `keep one small file for every ${purpose} (no weights, at most 200 kB)`,
  ] as const;
