import { defineConfig } from "vitest/config";

const limits = { testTimeout: 120_000, hookTimeout: 60_000, pool: "forks", maxWorkers: 2 } as const;

/** Laws on many random networks, graphs and name sets, and whole trainings: tests that take more than three seconds. */
const laws = [
  "test/layers/{plan-and-reference,equivariance,derive}.test.ts",
  "test/kernels/{kernels-and-reference,threads,panels,stack}.test.ts",
  "test/kernels/networks/**/*.test.ts",
  "test/models/{models,unf-products}.test.ts",
  "test/train/{staged,fit,optimizers}.test.ts",
  "test/optimizers/{trajectory,update,leaks}.test.ts",
  "test/optimizers/steps/**/*.test.ts",
  "test/tasks/{adders,digits-transformer}.test.ts",
  "test/tasks/inner/inner-tasks.test.ts",
  "test/zoo/{tasks,parts,population}.test.ts",
  "test/formats/{hostile-pickles,sniff,gzip}.test.ts",
  "test/infer/{torch-exports,cases,tensor-files,models,architectures}.test.ts",
  "test/infer/names/{names-and-functions,name-sets,names-refused}.test.ts",
  "test/align/{activations,deep-chains,orbit}.test.ts",
  "test/adapters/{compare-adapters,rewrite}.test.ts",
  "test/populations/layers/layers.test.ts",
  "test/infer/proof/prove-groups.test.ts",
  "test/plan/derive-products.test.ts",
  "test/trace/translation.test.ts",
  "test/transport/{networks,flows,engine,two-sample,ascent}.test.ts",
];
/** Whole commands, experiments, kills, bundles, a browser, and the laws above. */
const system = [
  ...laws,
  "test/plugins/**/*.test.ts",
  "test/zoo/version-0.1.test.ts",
  "test/cli/**/*.test.ts",
  "test/report/browser.test.ts",
  "test/experiment/**/*.test.ts",
  "test/experiments/**/*.test.ts",
  "test/node/**/*.test.ts",
  "test/package/**/*.test.ts",
  "test/page/{page,picture,readers}.test.ts",
  "test/remote/**/*.test.ts",
  "test/identity/sketch.test.ts",
  "test/checkpoints/{graph-fit,left-over}.test.ts",
  "test/infer/{command,random-graphs,fuzz,depth}.test.ts",
];
/** Pages and examples, run as a reader would. */
const docs = ["test/docs/**/*.test.ts"];

export default defineConfig({
  test: {
    ...limits,
    reporters: ["default", "./scripts/support/test-reporter.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [...system, ...docs, "test/faults/**"],
        },
      },
      { extends: true, test: { name: "system", include: system } },
      { extends: true, test: { name: "docs", include: docs, testTimeout: 300_000 } },
    ],
  },
});
