// Every example runs to its end and prints something.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { root } from "./pages.ts";

const folder = join(root, "examples");
const examples = readdirSync(folder).filter((name) => name.endsWith(".ts"));

let log: MockInstance<typeof console.log>;
beforeEach(() => {
  log = vi.spyOn(console, "log").mockImplementation(() => undefined);
});
afterEach(() => log.mockRestore());

describe.each(examples)("examples/%s", (name) => {
  test("runs and prints", async () => {
    await import(join(folder, name));
    const printed = log.mock.calls.flat().map(String).join("\n");
    expect(printed).not.toBe("");
    expect(printed).not.toMatch(/NaN|undefined|\[object/);
  });
  test("is short, opens with a comment and imports the package by its name", () => {
    const text = readFileSync(join(folder, name), "utf8");
    expect(text.split("\n").length).toBeLessThanOrEqual(81);
    expect(text).toMatch(/^\/\/ /);
    expect(text).toMatch(/from "weightspace(\/[a-z]+)?"/);
    expect(text).not.toMatch(/from "\.\.?\//);
  });
});

test("there are examples", () => {
  expect(examples.length).toBeGreaterThanOrEqual(4);
});
