// Runs the mutation test of ONNX files at full length: node scripts/fuzz/fuzz-onnx.js [count] [seed]

import { spawnSync } from "node:child_process";

const [count = "10000", seed = "1"] = process.argv.slice(2);
const { status } = spawnSync("npx", ["vitest", "run", "test/infer/fuzz.test.ts"], {
  stdio: "inherit",
  env: { ...process.env, WEIGHTSPACE_FUZZ: count, WEIGHTSPACE_FUZZ_SEED: seed },
});
process.exitCode = status ?? 1;
