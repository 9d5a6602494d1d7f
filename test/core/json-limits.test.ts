// JSON within limits: what is too large or too deep is refused before it is parsed, everything else reads as JSON does.

import { expect, test } from "vitest";
import { FormatError } from "../../src/core/errors.ts";
import { parseJson } from "../../src/core/json-limits.ts";

const read = (source: string | Uint8Array, limits: { bytes?: number; depth?: number } = {}) =>
  parseJson(source, { bytes: 1e6, ...limits, fail: (problem) => new FormatError(problem) });
const nested = (depth: number, [open, close] = ["[", "]"]) =>
  open.repeat(depth) + close.repeat(depth);

test("brackets are counted where they nest, not in strings and not beside each other", () => {
  expect(read(nested(100))).toEqual(JSON.parse(nested(100)));
  expect(() => read(nested(101))).toThrow("is nested more than 100 deep");
  expect(() => read(nested(4e5))).toThrow(FormatError);
  expect(() => read(`${'{"a":'.repeat(101)}1${"}".repeat(101)}`)).toThrow("more than 100 deep");
  expect(read(`[${Array.from({ length: 300 }, () => "[]").join()}]`)).toHaveLength(300);
  const text = JSON.stringify({ [`${"[".repeat(200)}"\\`]: `\\"${"{".repeat(200)}` });
  expect(read(text)).toEqual(JSON.parse(text));
  expect(read("[[1]]", { depth: 2 })).toEqual([[1]]);
  expect(() => read("[[1]]", { depth: 1 })).toThrow("is nested more than 1 deep");
});

test("sizes, encodings and what is not JSON are refused with a reason", () => {
  expect(read(new TextEncoder().encode('"ä"'))).toBe("ä");
  expect(() => read(" ".repeat(2049), { bytes: 2048 })).toThrow("is larger than 2 KiB");
  expect(() => read(new Uint8Array(11), { bytes: 10 })).toThrow("is larger than 10 bytes");
  expect(() => read(Uint8Array.of(0x22, 0xff, 0x22))).toThrow("is not text in UTF-8");
  for (const text of ["", "{", "]", "[}", "nul", "[1]]"])
    expect(() => read(text)).toThrow("is not valid JSON: ");
});

test("the names of inherited properties are names like others", () => {
  expect(Object.keys(read('{"__proto__": 1, "toString": 2}') as object)).toEqual([
    "__proto__",
    "toString",
  ]);
});
