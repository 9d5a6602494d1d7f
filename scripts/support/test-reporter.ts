// A reporter of what the default one does not tell: test files whose process ended before their tests did (killed, or crashed),
// and why tests were skipped, such as for a program that is not there.

import type { Reporter, TestModule } from "vitest/node";

export default class implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    _errors: unknown,
    reason: "passed" | "interrupted" | "failed",
  ): void {
    if (reason === "interrupted") return;
    for (const line of skippedLines(modules)) process.stdout.write(`${line}\n`);
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

/** A line for every reason for which tests were skipped while they ran: how many, and where. */
function skippedLines(modules: readonly TestModule[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const module of modules)
    for (const one of module.children.allTests("skipped")) {
      const result = one.result();
      const note = result.state === "skipped" ? result.note : undefined;
      if (note === undefined) continue; // by its name, or its file, as it was asked for
      reasons.set(note, [...(reasons.get(note) ?? []), module.relativeModuleId]);
    }
  return [...reasons].map(([reason, files]) => {
    const count = files.length === 1 ? "1 test" : `${files.length} tests`;
    const verb = files.length === 1 ? "it" : "each";
    return `not tested: ${count} of ${[...new Set(files)].join(", ")}: ${verb} ${reason}`;
  });
}
