// Addition problems as strings of characters, after the sequence-to-sequence task of Zaremba and Sutskever ("Learning to
// Execute", 2014): "7+15" is read, "=" asks for the answer, "22" and an end mark are to be written.

import { randomStream } from "../core/random.ts";
import type { Examples } from "./examples.ts";

/** Characters by symbol; the last symbol, the end mark, is no character. */
const characters = "0123456789+= ";
export const endSymbol = characters.length;
/** Digits, plus, equals, blank and the end mark. */
export const symbols = characters.length + 1;

export interface Problem {
  readonly first: number;
  readonly second: number;
}

export interface AddersData {
  /** Summands run from 0 to this. */
  readonly largest: number;
  /** Symbols of a problem, blanks before shorter ones. */
  readonly queryLength: number;
  /** Symbols of an answer, the end mark included. */
  readonly answerLength: number;
  readonly train: Examples & { readonly problems: readonly Problem[] };
  readonly test: Examples & { readonly problems: readonly Problem[] };
}

const testShare = 0.2;
const splitSeed = 2014;

/** All pairs of summands up to `largest`, a fifth of them for tests only; split the same way every time. */
export function addersData(largest: number): AddersData {
  const side = largest + 1;
  const order = randomStream(splitSeed).permutation(side * side);
  const tests = Math.round(testShare * order.length);
  const pick = (places: readonly number[]) => {
    const problems = places.map((p) => ({ first: Math.floor(p / side), second: p % side }));
    const labels = Uint8Array.from(problems, ({ first, second }) => first + second);
    return { count: problems.length, labels, problems };
  };
  return {
    largest,
    queryLength: 2 * String(largest).length + 1,
    answerLength: String(2 * largest).length + 1,
    train: pick(order.slice(tests)),
    test: pick(order.slice(0, tests)),
  };
}

/** The symbols of a problem, e.g. of " 7+15" to a length of 5. */
export function querySymbols({ first, second }: Problem, length: number): number[] {
  return symbolsOf(`${first}+${second}`.padStart(length));
}

/** The symbols of an answer and its end mark: e.g. of "22" and the end. */
export function answerSymbols(sum: number): number[] {
  return [...symbolsOf(String(sum)), endSymbol];
}

/** The symbol that asks for the answer. */
export const askSymbol = characters.indexOf("=");

const symbolsOf = (text: string) => Array.from(text, (c) => characters.indexOf(c));
