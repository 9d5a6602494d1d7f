// How conversions are told.

import { expect, test } from "vitest";
import { countedConversions } from "../../src/compare/conversions/conversion-words.ts";

test("conversions are counted in words", () => {
  const one = (kind: "rename" | "transpose" | "tie") => ({
    kind,
    from: [],
    to: [],
    by: "numbers" as const,
  });
  expect(countedConversions([])).toBe("");
  expect(countedConversions([one("tie")])).toBe("1 tied copy");
  expect(countedConversions([one("transpose"), one("rename"), one("rename"), one("tie")])).toBe(
    "2 renamings, 1 transposition and 1 tied copy",
  );
});
