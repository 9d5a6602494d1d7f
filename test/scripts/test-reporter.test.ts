// Nothing is skipped silently: the reporter says what was not tested, why, and how to get what is missing.

import { afterEach, expect, test, vi } from "vitest";
import type { TestModule } from "vitest/node";
import TestReporter from "../../scripts/support/test-reporter.ts";

afterEach(() => void vi.restoreAllMocks());

const note = 'needs the program "redis-server": apt-get install redis-server';

/** A file of tests with what became of each, as vitest tells it. */
const moduleOf = (relativeModuleId: string, results: readonly object[]): TestModule => {
  const allTests = (state?: string) =>
    results
      .filter((result) => state === undefined || (result as { state: string }).state === state)
      .map((result) => ({ result: () => result }));
  return { relativeModuleId, state: () => "passed", children: { allTests } } as never;
};

/** What the reporter prints at the end. */
function printed(modules: readonly TestModule[]): string {
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    lines.push(String(text));
    return true;
  });
  new TestReporter().onTestRunEnd(modules, [], "passed");
  write.mockRestore();
  return lines.join("");
}

test("tests that ended as skipped are told by their reasons, with the files", () => {
  const skipped = { state: "skipped", note };
  const told = printed([
    moduleOf("a.test.ts", [skipped, skipped, { state: "passed" }]),
    moduleOf("b.test.ts", [skipped, { state: "skipped", note: undefined }]),
    moduleOf("c.test.ts", [{ state: "skipped", note: "needs another" }]),
  ]);
  expect(told).toBe(
    `not tested: 3 tests of a.test.ts, b.test.ts: each ${note}\n` +
      "not tested: 1 test of c.test.ts: it needs another\n",
  );
});

test("control: nothing is told where nothing was skipped, or tests were left out by name", () => {
  const modules = [moduleOf("a.test.ts", [{ state: "passed" }, { state: "skipped" }])];
  expect(printed(modules)).toBe("");
});
