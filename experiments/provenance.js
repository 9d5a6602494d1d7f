// The provenance experiment: writes docs/results/provenance.json and .html. Arguments: networks, seeds, folder.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { runProvenance } from "../.build/experiments/provenance-experiment.js";
import { provenanceReport } from "../.build/experiments/provenance-report.js";
import { digitsTask } from "../.build/src/tasks/digits.js";
import { readPackageData } from "../dist/node/package-data.js";
import { root } from "../scripts/sources.js";

const whole = (text, otherwise) => (text === undefined ? otherwise : Number(text));
const [, , ...given] = process.argv;
const networks = whole(given[0], 100);
const repetitions = whole(given[1], 3);
const folder = given[2] ?? join(root, "docs/results");
if (![networks, repetitions].every((n) => Number.isSafeInteger(n) && n > 1)) {
  console.error("usage: provenance.js [networks, at least 2] [seeds, at least 2] [folder]");
  process.exit(2);
}

const git = spawnSync("git", ["describe", "--always", "--dirty"], { cwd: root, encoding: "utf8" });
const result = {
  title: "Which network does this one come from?",
  command: ["npm run experiment:provenance", ...(given.length > 0 ? ["--", ...given] : [])].join(
    " ",
  ),
  machine: `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${availableParallelism()} cores, Node ${process.versions.node}`,
  commit: git.status === 0 ? git.stdout.trim() : "unknown",
  ...(await runProvenance({
    task: await digitsTask(await readPackageData("uci-digits.csv.gz")),
    networks,
    seeds: Array.from({ length: repetitions }, (_, i) => i),
    onSeed: (seed) => console.error(`seed ${seed} of ${repetitions}`),
  })),
};
mkdirSync(folder, { recursive: true });
const rounded = JSON.stringify(
  result,
  (_key, value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value),
  2,
);
writeFileSync(join(folder, "provenance.json"), `${rounded}\n`);
writeFileSync(join(folder, "provenance.html"), provenanceReport(result));
for (const { method, kind, areaMean, areaSpread, topMean } of result.rows) {
  const area = `${areaMean.toFixed(4)} ± ${areaSpread.toFixed(4)}`;
  console.log(`${method.padEnd(20)} ${kind.padEnd(28)} area ${area}  first ${topMean.toFixed(3)}`);
}
