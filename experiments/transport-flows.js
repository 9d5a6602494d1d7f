// Gradient flows of every distance at every learning rate of one grid: docs/results/transport-flows.json. Every run is kept as it
// ends, and the same command goes on where it was: `npm run experiment:transport-flows`. `-- --minutes 10` ends after the run
// that passes 10 minutes, `-- --only 25-gaussians` runs one dataset, `-- --methods sw-1,tsw-sl` some methods.

import { join } from "node:path";
import { meanAndStd } from "../dist/train/measures/metrics.js";
import { flowMethods } from "../dist/transport/flows/flow-methods.js";
import { flowDatasets, gradientFlow } from "../dist/transport/flows/gradient-flow.js";
import { commit, machine, readResult, writeResult } from "../scripts/support/result-files.js";
import { root } from "../scripts/sources.js";

const argument = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? usual : process.argv[at + 1];
};
const minutes = Number(argument("minutes", Infinity));
const only = argument("only", undefined);
const chosen = argument("methods", Object.keys(flowMethods).join()).split(",");
const out = argument("out", join(root, "docs/results/transport-flows.json"));
const settings = {
  points: 100,
  lines: 100,
  iterations: 2500,
  every: 500,
  seeds: 5,
  rates: [0.001, 0.005, 0.02, 0.05],
};

const kept = readResult(out, settings);
/** Runs so far, each with its distances after every `every` iterations. */
const runs = (kept?.tables.runs ?? []).map((run) => ({
  ...run,
  w2: kept.tables.moments
    .filter((moment) => isSame(moment, run))
    .toSorted((a, b) => a.iteration - b.iteration)
    .map(({ w2 }) => w2),
}));

/** Means over the seeds there are, row by row. */
function rowsOf() {
  const groups = Map.groupBy ? Map.groupBy(runs, keyOf) : groupBy(runs);
  return [...groups.values()].flatMap((group) =>
    group[0].w2.map((_, at) => {
      const values = group.map(({ w2 }) => w2[at]);
      const { mean, std } = meanAndStd(values);
      const { dataset, method, rate } = group[0];
      return {
        dataset,
        method,
        rate,
        iteration: (at + 1) * settings.every,
        seeds: values.length,
        w2Mean: mean,
        w2Std: std,
      };
    }),
  );
}
function keyOf({ dataset, method, rate }) {
  return `${dataset}/${method}/${rate}`;
}
function isSame(a, b) {
  return keyOf(a) === keyOf(b) && a.seed === b.seed;
}
const groupBy = (list) => {
  const groups = new Map();
  for (const run of list) groups.set(keyOf(run), [...(groups.get(keyOf(run)) ?? []), run]);
  return groups;
};
const keep = () =>
  writeResult(out, {
    title: "Gradient flows by optimal transport distances",
    command: "npm run experiment:transport-flows",
    commit: commit(),
    machine: machine(),
    seed: 0,
    about: { settings },
    rows: rowsOf(),
    tables: {
      runs: runs.map(({ dataset, method, rate, seed, seconds }) => {
        return { dataset, method, rate, seed, seconds };
      }),
      moments: runs.flatMap(({ dataset, method, rate, seed, w2 }) =>
        w2.map((value, i) => ({
          dataset,
          method,
          rate,
          seed,
          iteration: settings.every * (i + 1),
          w2: value,
        })),
      ),
    },
  });
const has = (run) => runs.some((other) => isSame(other, run));

/** Units in the order of what they tell: the published rate on the plane first, then the grid, slow methods last. */
function units() {
  const list = [];
  for (const [method, { isSlow = false }] of Object.entries(flowMethods).filter(([name]) =>
    chosen.includes(name),
  ))
    for (const [dataset, { dimension }] of Object.entries(flowDatasets))
      for (const rate of settings.rates)
        for (let seed = 0; seed < settings.seeds; seed++) {
          if (isSlow && dimension > 2) continue;
          if (only !== undefined && dataset !== only) continue;
          const isPublished = dimension === 2 && rate === 0.005;
          const rank =
            (isPublished ? 0 : 100) +
            (dimension > 2 ? 200 + dimension : 0) +
            (isSlow ? 50 : 0) +
            seed;
          list.push({ rank, dataset, method, rate, seed });
        }
  return list.sort((a, b) => a.rank - b.rank);
}

const started = performance.now();
for (const { dataset, method, rate, seed } of units()) {
  const run = { dataset, method, rate, seed };
  if (has(run)) continue;
  if (performance.now() - started > 60_000 * minutes) break;
  const before = performance.now();
  const w2 = [];
  for (const moment of gradientFlow({ ...settings, ...run }))
    if (moment.iteration > 0) w2.push(moment.w2);
  runs.push({
    ...run,
    seconds: Number(((performance.now() - before) / 1000).toFixed(1)),
    w2: w2.map((v) => Number(v.toPrecision(6))),
  });
  keep();
  console.error(
    keyOf(run),
    seed,
    w2.map((v) => v.toExponential(2)).join(" "),
    `${((performance.now() - before) / 1000).toFixed(1)} s`,
  );
}
console.error(`${runs.length} of ${units().length} runs in ${out}`);
