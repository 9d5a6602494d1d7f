// A small generator of 8 x 8 digits down every distance: docs/results/transport-generator.json. Every run is kept as it ends, and
// the same command goes on where it was: `npm run experiment:transport-generator`; `-- --minutes 10` ends after the run that passes them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startEngine } from "../dist/engine/start.js";
import { generatorJudge, runGenerator } from "../dist/experiment/demos/digit-generator.js";
import { parseDigits } from "../dist/datasets/digits-data.js";
import { flowMethods } from "../dist/transport/flows/flow-methods.js";
import { meanAndStd } from "../dist/train/measures/metrics.js";
import { commit, machine, readResult, writeResult } from "../scripts/support/result-files.js";
import { root } from "../scripts/sources.js";

const argument = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? usual : process.argv[at + 1];
};
const minutes = Number(argument("minutes", Infinity));
const out = argument("out", join(root, "docs/results/transport-generator.json"));
const generator = { steps: 1500, batch: 128, lines: 100, rate: 0.002, images: 500 };
/** Runs that were timed otherwise are not gone on with. */
const settings = { ...generator, seeds: 5, seconds: "of training" };
const runs = readResult(out, settings)?.tables.runs ?? [];
const keep = () =>
  writeResult(out, {
    title: "A generator of digits by optimal transport distances",
    command: "npm run experiment:transport-generator",
    commit: commit(),
    machine: machine(),
    seed: 0,
    about: { settings },
    rows: rowsOf(),
    tables: { runs },
  });

const measures = ["frechet", "frechetFloor", "energy", "nearest", "seconds"];
function rowsOf() {
  const methods = [...new Set(runs.map(({ method }) => method))];
  return methods.map((method) => {
    const own = runs.filter((run) => run.method === method);
    const row = { method, seeds: own.length };
    for (const name of measures) {
      const { mean, std } = meanAndStd(own.map((run) => run[name]));
      row[`${name}Mean`] = Number(mean.toPrecision(4));
      row[`${name}Std`] = Number(std.toPrecision(3));
    }
    return row;
  });
}

await startEngine();
const data = await parseDigits(readFileSync(join(root, "data/uci-digits.csv.gz")));
const judge = await generatorJudge(data);
const started = performance.now();
const methods = Object.entries(flowMethods).filter(([, { isSlow }]) => !isSlow);
for (let seed = 0; seed < settings.seeds; seed++)
  for (const [method] of methods) {
    if (runs.some((run) => run.method === method && run.seed === seed)) continue;
    if (performance.now() - started > 60_000 * minutes) continue;
    const result = await runGenerator(data, judge, { ...generator, method, seed });
    runs.push({ method, seed, ...result });
    keep();
    console.error(method, seed, JSON.stringify(result));
  }
console.error(`${runs.length} of ${methods.length * settings.seeds} runs in ${out}`);
