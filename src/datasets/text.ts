// Plain text as numbers: every character that occurs is a symbol, in the order of code points.

import { FormatError } from "../core/errors.ts";
import { gunzip } from "../formats/archives/gzip.ts";

/** More than fit a byte. */
const maxSymbols = 256;

export interface TextData {
  /** The characters, by their number. */
  readonly symbols: readonly string[];
  /** Numbers of the first characters, to learn from, and of the last ones, to test on. */
  readonly train: Uint8Array;
  readonly test: Uint8Array;
}

/**
 * A text, plain or gzipped, in UTF-8; the last `testShare` of it is held out.
 * @throws {FormatError} when it is no UTF-8, is empty, or has more than 256 different characters
 */
export function readText(bytes: Uint8Array, { testShare = 0.1 } = {}): TextData {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(gunzip(bytes, "text"));
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError("readText: expected a text in UTF-8; convert it", { cause: error });
  }
  const characters = Array.from(text);
  const symbols = [...new Set(characters)].toSorted();
  if (symbols.length < 2 || symbols.length > maxSymbols)
    throw new FormatError(
      `readText: expected 2 to ${maxSymbols} different characters, got ${symbols.length}; give a plain text`,
    );
  const numbers = new Map(symbols.map((symbol, number) => [symbol, number]));
  const all = Uint8Array.from(characters, (character) => numbers.get(character) ?? 0);
  const end = Math.floor((1 - testShare) * all.length);
  return { symbols, train: all.subarray(0, end), test: all.subarray(end) };
}
