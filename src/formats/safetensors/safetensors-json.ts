// The JSON of a safetensors header, read strictly: UTF-8 that must be valid, and no key twice in one object, which
// JSON.parse would hide by keeping the last.

import { FormatError } from "../../core/errors.ts";
import { isNestedDeeper } from "../../core/json-limits.ts";

/** Deeper than any header; an index may hold some metadata of its own. */
const maxNesting = 64;

const space = /[ \t\n\r]*/y;

/** End (exclusive) of the JSON string that starts at a quote. */
function stringEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const char = text[i];
    if (char === "\\") i++;
    else if (char === '"') return i + 1;
  }
  return text.length;
}

/** The first key that occurs twice in one object of valid JSON, with the key that object belongs to, if any. */
function findDuplicateKey(text: string): { key: string; inside?: string } | undefined {
  const objects: { keys: Set<string> | null; inside?: string }[] = [];
  let lastKey: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "{") {
      objects.push({ keys: new Set(), ...(lastKey !== undefined && { inside: lastKey }) });
    } else if (char === "[") {
      objects.push({ keys: null });
    } else if (char === "}" || char === "]") {
      objects.pop();
    } else if (char === '"') {
      const end = stringEnd(text, i);
      space.lastIndex = end;
      space.test(text);
      if (text[space.lastIndex] === ":") {
        const key = JSON.parse(text.slice(i, end)) as string;
        const object = objects.at(-1);
        if (object?.keys?.has(key)) {
          return { key, ...(object.inside !== undefined && { inside: object.inside }) };
        }
        object?.keys?.add(key);
        lastKey = key;
      }
      i = end - 1;
    }
  }
  return undefined;
}

/**
 * The entries of a JSON object in bytes; `what` names it in errors.
 * @throws {FormatError} for invalid UTF-8, invalid JSON, a value that is not an object, or a key given twice.
 */
export function parseHeaderJSON(bytes: Uint8Array, what = "the header"): [string, unknown][] {
  const fail = (problem: string): never => {
    throw new FormatError(
      `readSafetensors: ${what} ${problem}; the file is damaged or not a safetensors file, fetch or export it again`,
    );
  };
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fail("is not valid UTF-8");
  }
  if (!text.startsWith("{")) {
    return fail(`must start with "{", got ${JSON.stringify(text.slice(0, 8)) || "nothing"}`);
  }
  if (isNestedDeeper(bytes, maxNesting)) return fail(`is nested more than ${maxNesting} deep`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail(`is not valid JSON (${(error as Error).message.slice(0, 200)})`);
  }
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    const where =
      duplicate.inside === undefined ? "" : ` inside ${JSON.stringify(duplicate.inside)}`;
    return fail(`has the key ${JSON.stringify(duplicate.key)} twice${where}`);
  }
  return Object.entries(value as object);
}
