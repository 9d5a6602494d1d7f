// A reporter that names test files whose process ended before their tests did (killed, or crashed), which the default one
// does not tell. Where WEIGHTSPACE_UNFINISHED names a file and nothing else went wrong, they are listed there, one a line.

import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** The files that did not end, each with how many of its tests did. */
function unfinished(modules: readonly TestModule[]) {
  return modules
    .filter((module) => module.state() === "pending")
    .map((module) => {
      const tests = [...module.children.allTests()];
      const ended = tests.filter((one) => one.result().state !== "pending").length;
      return { file: module.relativeModuleId, ended, tests: tests.length };
    });
}

export default class implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    errors: readonly unknown[],
    reason: "passed" | "interrupted" | "failed",
  ): void {
    const left = reason === "interrupted" ? [] : unfinished(modules);
    for (const { file, ended, tests } of left)
      process.stdout.write(
        `unfinished: ${file}: its process ended after ${ended} of ${tests} tests\n`,
      );
    const list = process.env.WEIGHTSPACE_UNFINISHED;
    const nothingElse =
      errors.length === left.length && modules.every((module) => module.state() !== "failed");
    if (list !== undefined && left.length > 0 && nothingElse)
      writeFileSync(list, `${left.map(({ file }) => file).join("\n")}\n`);
  }
}
