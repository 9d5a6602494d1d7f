// Gradient flows of every distance at its own best learning rate of one grid: docs/results/transport-flows.json. A seed that no
// row counts tries all rates; the rate with the lowest W2 at the end is then run with every other seed. The published rate runs
// with every seed on the plane too. Every run is kept as it ends, and the same command goes on where it was:
// `npm run experiment:transport-flows`. `-- --minutes 10` ends after the run that passes 10 minutes, `-- --only 25-gaussians` runs
// one dataset, `-- --methods sw-1,tsw-sl` some methods.

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
  /** Tries the rates. */
  tuningSeed: 5,
  rates: [0.001, 0.005, 0.02, 0.05],
  /** Runs with every seed on the plane, whether it is the best or not. */
  publishedRate: 0.005,
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

/** Means over the seeds there are, row by row; of a rate that only the tuning seed tried, its one run. */
function rowsOf() {
  return [...groupBy(runs).values()].flatMap((all) => {
    const counted = all.filter(({ seed }) => seed !== settings.tuningSeed);
    return meansOf(counted.length > 0 ? counted : all);
  });
}
const meansOf = (group) =>
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
  });
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

/** The rate whose run with the tuning seed ended lowest; undefined until all of them ran. */
function bestRate(dataset, method) {
  const tried = runs.filter(
    (run) => run.dataset === dataset && run.method === method && run.seed === settings.tuningSeed,
  );
  if (tried.length < settings.rates.length) return undefined;
  const last = ({ w2 }) => (Number.isFinite(w2.at(-1)) ? w2.at(-1) : Infinity);
  return tried.toSorted((a, b) => last(a) - last(b))[0].rate;
}

/** Pairs in the order of what they tell: the plane first, slow methods and many dimensions last. */
function pairs() {
  const list = [];
  for (const method of chosen)
    for (const [dataset, { dimension }] of Object.entries(flowDatasets)) {
      const { isSlow = false } = flowMethods[method];
      if ((isSlow && dimension > 2) || (only !== undefined && dataset !== only)) continue;
      list.push({ dataset, method, dimension, rank: dimension + (isSlow ? 3 : 0) });
    }
  return list.sort((a, b) => a.rank - b.rank);
}

/** Runs of a pair, one after another: a rate is chosen when its tries are there. */
function* unitsOf({ dataset, method, dimension }) {
  const seeds = Array.from({ length: settings.seeds }, (_, seed) => seed);
  for (const rate of settings.rates) yield { dataset, method, rate, seed: settings.tuningSeed };
  const rates = new Set([bestRate(dataset, method)]);
  if (dimension === 2) rates.add(settings.publishedRate);
  for (const rate of rates) for (const seed of seeds) yield { dataset, method, rate, seed };
}

const started = performance.now();
const isOver = () => performance.now() - started > 60_000 * minutes;
for (const pair of pairs())
  for (const run of unitsOf(pair)) {
    if (isOver()) break;
    if (!has(run)) runOne(run);
  }

function runOne(run) {
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
    run.seed,
    w2.map((v) => v.toExponential(2)).join(" "),
    `${((performance.now() - before) / 1000).toFixed(1)} s`,
  );
}
const left = pairs().flatMap((pair) => [...unitsOf(pair)].filter((run) => !has(run))).length;
console.error(
  `${runs.length} runs in ${out}, ${left === 0 ? "all there are" : `at least ${left} to go`}`,
);
