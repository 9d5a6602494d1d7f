import { defineConfig } from "vitest/config";

const limits = { testTimeout: 120_000, hookTimeout: 60_000, pool: "forks", maxWorkers: 2 } as const;

/** Whole commands, experiments, kills, bundles, a browser, and laws on many random graphs. */
const system = [
  "test/plugins/**/*.test.ts",
  "test/zoo/version-0.1.test.ts",
  "test/cli/**/*.test.ts",
  "test/experiment/**/*.test.ts",
  "test/experiments/**/*.test.ts",
  "test/node/**/*.test.ts",
  "test/package/**/*.test.ts",
  "test/page/page.test.ts",
  "test/identity/sketch.test.ts",
  "test/checkpoints/graph-fit.test.ts",
  "test/infer/{command,random-graphs,fuzz,depth}.test.ts",
];
/** Pages and examples, run as a reader would. */
const docs = ["test/docs/**/*.test.ts"];

export default defineConfig({
  test: {
    ...limits,
    reporters: ["default", "./scripts/support/unfinished-files.ts"],
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["test/**/*.test.ts"], exclude: [...system, ...docs] },
      },
      { extends: true, test: { name: "system", include: system } },
      { extends: true, test: { name: "docs", include: docs, testTimeout: 300_000 } },
    ],
  },
});
