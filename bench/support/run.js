// Runs the benchmarks, each file in a process of its own with a fresh engine, and keeps the figures as JSON under
// bench/results/. Names as arguments choose files: `npm run bench -- layers population` runs those whose names start so.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = fileURLToPath(new URL("../", import.meta.url));
const marker = "@@result ";

if (process.argv[2] === "--child") {
  const { run } = await import(pathToFileURL(join(here, process.argv[3])).href);
  const result = await run();
  process.stdout.write(`${marker}${JSON.stringify(result)}\n`);
  process.exit(0); // engine threads would keep the process alive
}

const wanted = process.argv.slice(2);
const files = readdirSync(here, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".bench.js"))
  .filter((path) => wanted.length === 0 || wanted.some((word) => basename(path).startsWith(word)));
if (files.length === 0) {
  console.error(`bench: no benchmark starts with ${wanted.join(" or ")}`);
  process.exit(2);
}
const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], {
  encoding: "utf8",
}).stdout.trim();
// Only here: it brings the engine with it, which some benchmarks load under watch.
const { machineParts } = await import("../../dist/cli/app/build-info.js");
const machine = machineParts();
mkdirSync(join(here, "results"), { recursive: true });
let failed = false;
for (const file of files) {
  const load = loadavg()[0];
  console.error(`${file} (load ${load.toFixed(2)})`);
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--child", file], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = child.stdout.split("\n").find((text) => text.startsWith(marker));
  if (child.status !== 0 || line === undefined) {
    console.error(`${file}: failed with status ${child.status}`);
    failed = true;
    continue;
  }
  const results = JSON.parse(line.slice(marker.length), (_, value) =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value,
  );
  const name = basename(file, ".bench.js");
  const record = {
    command: `npm run bench -- ${name}`,
    date: new Date().toISOString().slice(0, 10),
    commit,
    machine,
    load,
    results,
  };
  writeFileSync(join(here, "results", `${name}.json`), `${JSON.stringify(record, null, 2)}\n`);
  console.log(JSON.stringify(results, null, 2));
}
process.exitCode = failed ? 1 : 0;
