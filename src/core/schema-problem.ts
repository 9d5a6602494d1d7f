// What is wrong with JSON that a schema refuses, in words: the small schemas of zod/mini bring none.

/** As much of an issue of a schema as words are made from. */
interface SchemaIssue {
  readonly code?: string;
  readonly expected?: unknown;
  readonly minimum?: unknown;
  readonly input?: unknown;
}

const kindOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : typeof value;

/** The sentence about one issue, for the option `error` of `safeParse`; undefined leaves it to the schema. */
export function schemaProblem({ code, expected, minimum, input }: SchemaIssue): string | undefined {
  if (code === "invalid_type") return `expected ${String(expected)}, got ${kindOf(input)}`;
  if (code === "too_small") return `expected at least ${String(minimum)}, got ${String(input)}`;
  return undefined;
}
