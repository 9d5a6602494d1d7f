// A reporter that names test files whose process ended before their tests did (killed, or crashed), which the default one
// does not tell.

import type { Reporter, TestModule } from "vitest/node";

export default class implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    _errors: unknown,
    reason: "passed" | "interrupted" | "failed",
  ): void {
    if (reason === "interrupted") return;
    for (const module of modules) {
      if (module.state() !== "pending") continue;
      const tests = [...module.children.allTests()];
      const ended = tests.filter((one) => one.result().state !== "pending").length;
      process.stdout.write(
        `unfinished: ${module.relativeModuleId}: its process ended after ${ended} of ${tests.length} tests\n`,
      );
    }
  }
}
