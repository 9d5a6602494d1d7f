// Runs every house check, one line per step: types, lint, format, layers, sizes, dead code.
// `npm run check -- lint layers` runs only the steps named.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { root } from "./sources.js";

const node = (file) => [process.execPath, [join("scripts", file)]];
const tool = (name, ...args) => [join("node_modules", ".bin", name), args];

const steps = [
  { name: "types", run: tool("tsc", "-b") },
  { name: "test types", run: tool("tsc", "-p", "tsconfig.test.json") },
  { name: "page types", run: tool("tsc", "-p", "page/tsconfig.json") },
  {
    name: "lint",
    run: tool("oxlint", "--type-aware", "--deny-warnings"),
    looked: /Finished in .* on (\d+) files?/,
  },
  { name: "format", run: tool("oxfmt", "--check"), looked: /Finished in .* on (\d+) files?/ },
  { name: "markdown", run: node("markdown-lines.js"), looked: /^(\d+) files/m },
  { name: "layers", run: node("check-layers.js"), looked: /^(\d+) files/m },
  { name: "sizes", run: node("check-size.js"), looked: /^(\d+) files/m },
  { name: "dead code", run: tool("knip", "--no-progress") },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  const names = steps.map((step) => JSON.stringify(step.name)).join(", ");
  console.error(`check: unknown step ${JSON.stringify(unknown[0])}, expected one of ${names}`);
  process.exit(2);
}

/** Runs one step and prints its line; true when it passed. */
function passes({ name, run: [command, args], looked }) {
  const started = performance.now();
  const shell = process.platform === "win32" && !command.endsWith(".exe");
  const result = spawnSync(command, args, { cwd: root, encoding: "utf8", shell });
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`;
  const count = looked === undefined ? undefined : Number(looked.exec(output)?.[1] ?? 0);
  const blind = result.status === 0 && count === 0;
  const passed = result.status === 0 && !blind;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const files = count ? `  ${count} files` : "";
  console.log(
    `${passed ? "ok    " : "FAILED"}  ${name.padEnd(10)}  ${seconds.padStart(5)} s${files}`,
  );
  if (blind) console.log(`\n${name}: looked at no files, so its silence proves nothing\n${output}`);
  else if (!passed) console.log(`\n${output.trim()}\n`);
  return passed;
}

if (!existsSync(join(root, "node_modules"))) {
  console.error("check: dependencies are not installed; run `npm ci` first");
  process.exit(2);
}
const failed = steps
  .filter((step) => wanted.length === 0 || wanted.includes(step.name))
  .filter((step) => !passes(step))
  .map((step) => step.name);
if (failed.length > 0) console.log(`check: failed: ${failed.join(", ")}`);
else console.log("check: all steps passed");
process.exitCode = failed.length > 0 ? 1 : 0;
