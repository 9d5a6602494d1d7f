// The power of permutation tests on pairs of populations that differ in one way: docs/results/transport-power.json. Every case
// is kept as it ends; the same command goes on where it was. `npm run experiment:transport-power -- --trials 10` for a short one.

import { join } from "node:path";
import { deriveSeed, randomStream } from "../dist/core/random.js";
import { permutationTest } from "../dist/transport/networks/permutation-test.js";
import { commit, machine, readResult, writeResult } from "../scripts/support/result-files.js";
import { root } from "../scripts/sources.js";

const argument = (name, usual) => {
  const at = process.argv.indexOf(`--${name}`);
  return at === -1 ? usual : process.argv[at + 1];
};
const trials = Number(argument("trials", 100));
const out = argument("out", join(root, "docs/results/transport-power.json"));
const settings = {
  perGroup: 50,
  permutations: 99,
  lines: 96,
  linesPerTree: 4,
  delta: 10,
  level: 0.05,
  trials,
  seed: 0,
};
const statistics = ["sw1", "db-tsw", "energy", "mmd"];

const normal = (dimension, random) => Array.from({ length: dimension }, () => random.normal());
const onAxis = (dimension, random) => {
  const at = random.integer(dimension);
  const sign = random.uniform() < 0.5 ? -1 : 1;
  return normal(dimension, random).map(
    (v, i) => 0.25 * v + (i === at ? sign * Math.sqrt(dimension) : 0),
  );
};
const onCorner = (dimension, random) =>
  normal(dimension, random).map((v) => 0.25 * v + (random.uniform() < 0.5 ? -1 : 1));

/** How the second sample differs from the first; both have about unit variance. */
const cases = {
  null: { first: normal, second: normal },
  correlation: {
    first: normal,
    second: (d, random) => {
      const point = normal(d, random);
      point[1] = 0.7 * point[0] + Math.sqrt(1 - 0.49) * point[1];
      return point;
    },
  },
  modes: { first: onAxis, second: onCorner },
  variance: {
    first: normal,
    second: (d, random) => normal(d, random).map((v, i) => (i === 0 ? 2 * v : v)),
  },
  mean: {
    first: normal,
    second: (d, random) => normal(d, random).map((v, i) => (i === 0 ? v + 0.5 : v)),
  },
  scale: { first: normal, second: (d, random) => normal(d, random).map((v) => 1.25 * v) },
};
const dimensions = [2, 3, 5, 10];

const meanings = {
  null: "both standard normal",
  correlation: "the first two coordinates correlated by 0.7",
  modes: "modes on the axes against modes on the corners: equal means, covariances and radii",
  variance: "standard deviation 2 along one axis",
  mean: "mean shifted by 0.5 along one axis",
  scale: "standard deviation 1.25 along all axes",
};
const rows = readResult(out, settings)?.rows ?? [];
const keep = () =>
  writeResult(out, {
    title: "Power of two-sample permutation tests",
    command: "npm run experiment:transport-power",
    commit: commit(),
    machine: machine(),
    seed: settings.seed,
    about: { settings, cases: meanings },
    rows,
  });

for (const [name, { first, second }] of Object.entries(cases))
  for (const dimension of dimensions) {
    if (rows.some((row) => row.case === name && row.dimension === dimension)) continue;
    const rejected = Object.fromEntries(statistics.map((statistic) => [statistic, 0]));
    for (let trial = 0; trial < trials; trial++) {
      const random = randomStream(deriveSeed(settings.seed, name, dimension, trial));
      const sample = (draw) =>
        Array.from({ length: settings.perGroup }, () => draw(dimension, random));
      const [x, y] = [sample(first), sample(second)];
      for (const statistic of statistics) {
        const { pValue } = await permutationTest(x, y, { ...settings, statistic, seed: trial });
        if (pValue <= settings.level) rejected[statistic]++;
      }
    }
    for (const statistic of statistics)
      rows.push({ case: name, dimension, statistic, power: rejected[statistic] / trials });
    keep();
    console.error(name, dimension, JSON.stringify(rejected));
  }
console.error(`wrote ${out}`);
