// What a rule for one primitive of the array engine sees, and what it gives: the value names of its outputs.

import type { GraphBuilder } from "./graph-builder.ts";
import type { TracedEquation, Uses } from "./program.ts";

export interface RuleContext {
  readonly equation: TracedEquation;
  /** Value names of the inputs. */
  readonly inputs: readonly string[];
  readonly shapes: readonly (readonly number[])[];
  readonly output: readonly number[];
  readonly build: GraphBuilder;
  readonly uses: Uses;
  /** The value name of any atom of the same program that was translated before. */
  readonly nameOf: (atom: TracedEquation["inputs"][number]) => string;
}

/** Output names; null when this form of the primitive has no counterpart, which fails closed. */
export type Rule = (context: RuleContext) => string | readonly string[] | null;
export type Rules = Readonly<Record<string, Rule>>;

export const numbersOf = (value: unknown): readonly number[] => value as readonly number[];
export const pairsOf = (value: unknown): readonly (readonly [number, number])[] =>
  value as readonly (readonly [number, number])[];
