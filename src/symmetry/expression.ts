// Axis expressions: how one tensor dimension is made of axes (`h`, `h^-1`, `h^0`, `a * b`, `a + b`, `a & b`, `4 * h`,
// parentheses). Products are row-major (left factor outer), sums are concatenations in order, `&` takes entries of its
// terms in turn, a bare integer is a fixed block.

import { SpecError } from "../core/errors.ts";

/** How a dimension is made of axes: one axis, a product, a sum, an interleaving or a fixed block. */
export type AxisExpression =
  | {
      readonly kind: "axis";
      readonly name: string;
      readonly inverse: boolean;
      /** Scales do not act here, permutations do (`h^0`). */
      readonly still?: true;
    }
  | { readonly kind: "block"; readonly size: number }
  | { readonly kind: "product"; readonly factors: readonly AxisExpression[] }
  | { readonly kind: "sum"; readonly terms: readonly AxisExpression[] }
  /** One entry of every term in turn: terms of one size, as a channel shuffle deals them out. */
  | { readonly kind: "interleaved"; readonly terms: readonly AxisExpression[] };

/** Axis names: a letter or underscore, then letters, digits and `_ . : / [ ] -`. */
export const axisNamePattern = /^[A-Za-z_][A-Za-z0-9_.:/[\]-]*$/;

const tokenPattern = /\s*(?:(\^-1|\^0)|([+*&()])|(\d+)|([A-Za-z_][A-Za-z0-9_.:/[\]-]*)|(\S))/y;
/** Deeper nesting than any layout needs; keeps the recursive reader safe on hostile text. */
const maxNesting = 32;
const maxTextLength = 100_000;

interface Token {
  readonly text: string;
  readonly kind: "power" | "symbol" | "integer" | "name";
  /** Where it begins in the text. */
  readonly at: number;
}

/** Throws what was expected at a position of a text. */
function failAt(text: string, at: number, expected: string): never {
  const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  const found = at < text.length ? `"${text.slice(at, at + 12)}"` : "the end";
  throw new SpecError("parseAxisExpression", [
    {
      severity: "error",
      message: `axis expression "${shown}": expected ${expected} at column ${at + 1}, got ${found}`,
    },
  ]);
}

/** Kinds of tokens in the order of the groups of their pattern. */
const tokenKinds = ["power", "symbol", "integer", "name"] as const;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  const end = text.trimEnd().length;
  while (tokenPattern.lastIndex < end) {
    const match = tokenPattern.exec(text);
    if (match === null) break;
    const at = tokenPattern.lastIndex - match[0].trimStart().length;
    const kind = tokenKinds.find((_, group) => match[group + 1] !== undefined);
    if (kind === undefined)
      return failAt(text, at, "an axis name, an integer, +, *, & or parentheses");
    tokens.push({ text: match[0].trim(), kind, at });
  }
  return tokens;
}

/**
 * Reads an expression such as `"4 * h"`, `"q + k + v"` or `"head * (rope + rest)"`.
 * @throws {SpecError} naming the position of the first thing that cannot be read.
 */
export function parseAxisExpression(text: string): AxisExpression {
  const fail = (at: number, expected: string): never => failAt(text, at, expected);
  if (text.length > maxTextLength) fail(0, `at most ${maxTextLength} characters`);
  const tokens = tokensOf(text);
  let position = 0;
  const peek = (symbol: string) => tokens[position]?.text === symbol;
  const place = () => tokens[position]?.at ?? text.length;

  const readAtom = (depth: number): AxisExpression => {
    if (depth > maxNesting) fail(place(), `at most ${maxNesting} nested parentheses`);
    const token = tokens[position];
    if (token?.text === "(") {
      position++;
      const inner = readInterleaved(depth + 1);
      if (!peek(")")) fail(place(), ")");
      position++;
      return inner;
    }
    if (token?.kind === "integer") {
      position++;
      const size = Number(token.text);
      if (!Number.isSafeInteger(size) || size < 1) fail(token.at, "a block of size 1 or more");
      return { kind: "block", size };
    }
    if (token?.kind === "name") {
      position++;
      const power = tokens[position]?.kind === "power" ? tokens[position].text : "";
      if (power !== "") position++;
      const axis = { kind: "axis", name: token.text, inverse: power === "^-1" } as const;
      return power === "^0" ? { ...axis, still: true } : axis;
    }
    return fail(place(), "an axis name, an integer or (");
  };
  const readList = (symbol: string, readOne: () => AxisExpression): AxisExpression[] => {
    const found = [readOne()];
    while (peek(symbol)) {
      position++;
      found.push(readOne());
    }
    return found;
  };
  const readProduct = (depth: number) => productOf(readList("*", () => readAtom(depth)));
  const readSum = (depth: number): AxisExpression => sumOf(readList("+", () => readProduct(depth)));
  const readInterleaved = (depth: number): AxisExpression =>
    interleavingOf(readList("&", () => readSum(depth)));
  const expression = readInterleaved(0);
  if (position < tokens.length) fail(place(), "+, *, & or the end");
  return expression;
}

/** The product of expressions, flattened; a single factor is itself. */
export function productOf(factors: readonly AxisExpression[]): AxisExpression {
  const flat = factors.flatMap((factor) => (factor.kind === "product" ? factor.factors : [factor]));
  return flat.length === 1 ? flat[0] : { kind: "product", factors: flat };
}

/** The concatenation of expressions, flattened; a single term is itself. */
export function sumOf(terms: readonly AxisExpression[]): AxisExpression {
  const flat = terms.flatMap((term) => (term.kind === "sum" ? term.terms : [term]));
  return flat.length === 1 ? flat[0] : { kind: "sum", terms: flat };
}

/** One entry of every expression in turn; a single one is itself. */
export const interleavingOf = (terms: readonly AxisExpression[]): AxisExpression =>
  terms.length === 1 ? terms[0] : { kind: "interleaved", terms };

/** The text of an expression, as {@link parseAxisExpression} reads it. */
export function formatAxisExpression(expression: AxisExpression): string {
  switch (expression.kind) {
    case "axis":
      return expression.name + (expression.still ? "^0" : expression.inverse ? "^-1" : "");
    case "block":
      return String(expression.size);
    case "product":
      return expression.factors
        .map((factor) => formatInside(factor, ["sum", "interleaved"]))
        .join(" * ");
    case "sum":
      return expression.terms.map((term) => formatInside(term, ["interleaved"])).join(" + ");
    case "interleaved":
      return expression.terms.map((term) => formatInside(term, ["sum", "interleaved"])).join(" & ");
  }
}

/** The text of an expression, in parentheses when it is of one of these kinds. */
function formatInside(
  expression: AxisExpression,
  kinds: readonly AxisExpression["kind"][],
): string {
  const text = formatAxisExpression(expression);
  return kinds.includes(expression.kind) ? `(${text})` : text;
}

/** Whether an expression has an interleaving anywhere. */
export function hasInterleaving(expression: AxisExpression): boolean {
  if (expression.kind === "product") return expression.factors.some(hasInterleaving);
  if (expression.kind === "sum") return expression.terms.some(hasInterleaving);
  return expression.kind === "interleaved";
}

/** Names of the axes an expression mentions, in order, repeats included. */
export function axesOfExpression(expression: AxisExpression): string[] {
  switch (expression.kind) {
    case "axis":
      return [expression.name];
    case "block":
      return [];
    case "product":
      return expression.factors.flatMap(axesOfExpression);
    case "sum":
    case "interleaved":
      return expression.terms.flatMap(axesOfExpression);
  }
}

/** Names of the axes that an expression mentions as `h^0`. */
export const stillAxes = (expression: AxisExpression): string[] =>
  placesOf(expression).flatMap(({ name, still }) => (still ? [name] : []));

/** Names of the axes that an expression mentions as `h^-1`. */
export const inverseAxes = (expression: AxisExpression): string[] =>
  placesOf(expression).flatMap(({ name, inverse }) => (inverse ? [name] : []));

function placesOf(expression: AxisExpression): Extract<AxisExpression, { kind: "axis" }>[] {
  switch (expression.kind) {
    case "axis":
      return [expression];
    case "block":
      return [];
    case "product":
      return expression.factors.flatMap(placesOf);
    case "sum":
    case "interleaved":
      return expression.terms.flatMap(placesOf);
  }
}

/** Number of entries along a dimension with this expression, given the sizes of its axes. */
export function expressionSize(
  expression: AxisExpression,
  sizeOfAxis: (name: string) => number,
): number {
  switch (expression.kind) {
    case "axis":
      return sizeOfAxis(expression.name);
    case "block":
      return expression.size;
    case "product":
      return expression.factors.reduce(
        (size, factor) => size * expressionSize(factor, sizeOfAxis),
        1,
      );
    case "sum":
    case "interleaved":
      return expression.terms.reduce((size, term) => size + expressionSize(term, sizeOfAxis), 0);
  }
}
