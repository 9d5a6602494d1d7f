// The provenance experiment: writes docs/results/provenance.json and .html. Arguments: networks, seeds, folder.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProvenance } from "../.build/experiments/provenance-experiment.js";
import { provenanceReport } from "../.build/experiments/provenance-report.js";
import { digitsTasks } from "../.build/src/tasks/digits.js";
import { readPackageData } from "../dist/node/package-data.js";
import { commit, machine, writeResult } from "../scripts/support/result-files.js";
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

const result = {
  title: "Which network does this one come from?",
  command: ["npm run experiment:provenance", ...(given.length > 0 ? ["--", ...given] : [])].join(
    " ",
  ),
  machine: machine(),
  commit: commit(),
  ...(await runProvenance({
    task: await digitsTasks.digits.create(await readPackageData("uci-digits.csv.gz")),
    networks,
    seeds: Array.from({ length: repetitions }, (_, i) => i),
    onSeed: (seed) => console.error(`seed ${seed} of ${repetitions}`),
  })),
};
mkdirSync(folder, { recursive: true });
const rounded = JSON.parse(
  JSON.stringify(result, (_key, value) =>
    typeof value === "number" ? Number(value.toPrecision(6)) : value,
  ),
);
const { title, command, rows, seeds, accuracy } = rounded;
writeResult(join(folder, "provenance.json"), {
  title,
  command,
  commit: result.commit,
  machine: result.machine,
  seed: seeds[0],
  about: {
    networks,
    descendants: result.descendants,
    seeds,
    accuracyOfParents: { mean: accuracy.mean, std: accuracy.std, networks: accuracy.count },
  },
  rows: rows.map((row) => ({ ...row, seeds: seeds.length })),
  tables: {
    trainedOn: rounded.trainedOnAccuracies,
    similarities: rounded.similarities,
    curves: rounded.curves.flatMap(({ method, points }) =>
      points.map((point) => ({ method, ...point })),
    ),
  },
});
writeFileSync(join(folder, "provenance.html"), provenanceReport(result));
for (const { method, kind, areaMean, areaStd, topMean } of result.rows) {
  const area = `${areaMean.toFixed(4)} ± ${areaStd.toFixed(4)}`;
  console.log(`${method.padEnd(20)} ${kind.padEnd(28)} area ${area}  first ${topMean.toFixed(3)}`);
}
