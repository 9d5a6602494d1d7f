// Patterns of layer names in configurations of PEFT: a pattern speaks of a layer when it fits the end of its name, from a
// dot on. Patterns come from files, so only those are tried that cannot take long.

import { UnsupportedError } from "../core/errors.ts";
import { visibleName } from "../core/visible.ts";

const maxPattern = 500;
const maxName = 2000;
/** Quantifiers without an upper bound: each makes the time grow by the length of a name. */
const maxUnbounded = 2;
/** Groups and quantifiers: each may double the ways to try. */
const maxChoices = 8;

/**
 * The first pattern that fits the end of a layer's name, behind a dot or from its start; undefined where none does.
 * @throws {UnsupportedError} for a pattern that is no regular expression of a simple kind
 */
export function patternFor(patterns: readonly string[], layer: string): string | undefined {
  return patterns.find((pattern) => fits(pattern, layer.slice(0, maxName)));
}

function fits(pattern: string, layer: string): boolean {
  if (/^[\w.-]+$/.test(pattern) && !layer.includes("\n")) {
    // A dot stands for any character, as it does in the patterns of PEFT.
    const start = layer.length - pattern.length;
    if (start < 0 || (start > 0 && layer[start - 1] !== ".")) return false;
    return pattern.split("").every((c, i) => c === "." || c === layer[start + i]);
  }
  const expression = expressionOf(pattern);
  for (let at = 0; at >= 0 && at <= layer.length; at = layer.indexOf(".", at) + 1 || -1) {
    expression.lastIndex = at;
    if (expression.test(layer)) return true;
  }
  return false;
}

/** @throws {UnsupportedError} */
function expressionOf(pattern: string): RegExp {
  const unbounded = pattern.match(/[*+]|\{\d+,\}/g)?.length ?? 0;
  const isIntricate =
    pattern.length > maxPattern ||
    unbounded > maxUnbounded ||
    (pattern.match(/[(?*+{]/g)?.length ?? 0) > maxChoices ||
    /\(\?|\\[1-9k]|\)[*+?{]/.test(pattern);
  const refuse = (why: string, cause?: unknown) =>
    new UnsupportedError(
      `adapter configuration: the pattern ${JSON.stringify(visibleName(pattern.slice(0, 80)))} ${why}; write the names of the layers out in rank_pattern and alpha_pattern`,
      { cause },
    );
  if (isIntricate) throw refuse("is too intricate to be tried safely");
  try {
    return new RegExp(`(?:${pattern})$`, "y");
  } catch (error) {
    throw refuse("is no regular expression", error);
  }
}
