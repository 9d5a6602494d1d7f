import { defineConfig } from "vitest/config";

/** Faults on purpose, which take minutes: not among the tests of every change. */
export default defineConfig({
  test: {
    include: ["test/faults/**/*.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    reporters: ["default", "./scripts/support/test-reporter.ts"],
    pool: "forks",
    maxWorkers: 1,
  },
});
