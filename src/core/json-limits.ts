// JSON from outside, read within limits: so many bytes and so deep, checked before anything is parsed, so that no later
// walk over the value can run out of stack. What a schema refuses in it, in words.

export interface JsonLimits {
  /** Bytes of UTF-8 at most. */
  readonly bytes: number;
  /** Brackets inside each other at most. @default 100, far more than any file of this project or a model's config has */
  readonly depth?: number;
  /** The error to throw, from what is wrong: `is nested more than 100 deep`. */
  readonly fail: (problem: string, cause?: unknown) => Error;
}

const defaultDepth = 100;

/**
 * The value of a JSON text or of its bytes in UTF-8.
 * @throws what `fail` makes when the text is larger or nested deeper than allowed, not UTF-8 or not JSON.
 */
export function parseJson(source: string | Uint8Array, limits: JsonLimits): unknown {
  const { bytes, depth = defaultDepth, fail } = limits;
  if (source.length > bytes)
    throw fail(`is larger than ${formatBytes(bytes)}, more than such a file can need`);
  let text: string;
  try {
    text =
      typeof source === "string"
        ? source
        : new TextDecoder("utf-8", { fatal: true }).decode(source);
  } catch (cause) {
    throw fail("is not text in UTF-8", cause);
  }
  if (isNestedDeeper(text, depth)) throw fail(`is nested more than ${depth} deep`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fail(`is not valid JSON: ${(cause as Error).message.replace(/\s+/g, " ")}`, cause);
  }
}

/**
 * Whether more than `maxDepth` brackets are open at once outside strings, in a text or its bytes; one walk without recursion,
 * and nothing else of the text is checked.
 */
export function isNestedDeeper(text: string | Uint8Array, maxDepth: number): boolean {
  const charAt =
    typeof text === "string" ? (i: number) => text.charCodeAt(i) : (i: number) => text[i];
  let open = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = charAt(i);
    if (inString) {
      if (char === backslash) i++;
      else if (char === quote) inString = false;
    } else if (char === quote) inString = true;
    else if (char === openBracket || char === openBrace) {
      if (++open > maxDepth) return true;
    } else if (char === closeBracket || char === closeBrace) open--;
  }
  return false;
}

const [quote, backslash] = [0x22, 0x5c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

/** `64 MiB`, `2 KiB` or `10 bytes`. */
function formatBytes(bytes: number): string {
  if (bytes >= 2 ** 20) return `${Math.floor(bytes / 2 ** 20)} MiB`;
  return bytes >= 2 ** 10 ? `${Math.floor(bytes / 2 ** 10)} KiB` : `${bytes} bytes`;
}

/** As much of an issue of a schema as words are made from. */
interface SchemaIssue {
  readonly code?: string;
  readonly expected?: unknown;
  readonly minimum?: unknown;
  readonly input?: unknown;
}

const kindOf = (value: unknown): string => {
  if (value === undefined) return "nothing";
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
};

/**
 * The sentence about one issue of a schema, for the option `error` of `safeParse`: the small schemas of zod/mini bring no words.
 * Undefined leaves it to the schema.
 */
export function schemaProblem({ code, expected, minimum, input }: SchemaIssue): string | undefined {
  if (code === "invalid_type") return `expected ${String(expected)}, got ${kindOf(input)}`;
  if (code === "too_small") return `expected at least ${String(minimum)}, got ${String(input)}`;
  return undefined;
}
